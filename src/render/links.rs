//! The signed addresses of one letter: payment, unsubscribing, pixel and clicks.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use url::Url;

use super::sender::Sender;
use crate::model::SendSpec;
use crate::token::{self, Day, KeyRing, Kind, LINK_DAYS, NoKey, Purpose, Seal, Token};

/// What a letter's links are made from. Everything here is the same for every attempt.
pub(super) struct Links<'a> {
    sender: &'a Sender,
    spec: &'a SendSpec,
    ring: &'a KeyRing,
    expires: Day,
    /// Where the case is paid.
    pub(super) payment: Option<String>,
    /// Where the recipient unsubscribes, if the brand has a key for it. Never expires.
    pub(super) unsubscribe: Option<String>,
}

impl<'a> Links<'a> {
    pub(super) fn new(sender: &'a Sender, spec: &'a SendSpec, dated: Timestamp, ring: &'a KeyRing) -> Self {
        let payment = sender.payment.as_ref().map(|(page, seal)| payment(sender, page, seal, spec, dated));
        let expires = token::day(dated) + LINK_DAYS;
        let mut links = Self { sender, spec, ring, expires, payment, unsubscribe: None };
        // Whether this key is needed was decided when the sender was made.
        let token = links.mint(Kind::Unsubscribe, None, Purpose::Statistics, String::new());
        links.unsubscribe = token.ok().map(|token| format!("{}/u/{token}", sender.tracking_url));
        links
    }

    /// The pixel's address.
    pub(super) fn pixel(&self) -> Result<String, NoKey> {
        let token = self.mint(Kind::Open, Some(self.expires), Purpose::Presence, String::new())?;
        Ok(format!("{}/o/{token}.gif", self.sender.tracking_url))
    }

    /// The address that leads to `destination` by way of the edge.
    pub(super) fn click(&self, destination: String) -> Result<String, NoKey> {
        let paying = self.payment.as_ref() == Some(&destination);
        let purpose = if paying { Purpose::Payment } else { Purpose::Presence };
        let token = self.mint(Kind::Click, Some(self.expires), purpose, destination)?;
        Ok(format!("{}/c/{token}", self.sender.tracking_url))
    }

    /// The address of the link that nobody sees; it ends at the brand's home.
    pub(super) fn decoy(&self) -> Result<String, NoKey> {
        let token = self.mint(Kind::Click, Some(self.expires), Purpose::Decoy, self.sender.home.clone())?;
        Ok(format!("{}/c/{token}", self.sender.tracking_url))
    }

    /// Whether this brand's letters carry such a link.
    pub(super) const fn has_decoy(&self) -> bool {
        self.sender.decoy
    }

    fn mint(
        &self,
        kind: Kind,
        expires: Option<Day>,
        purpose: Purpose,
        destination: String,
    ) -> Result<String, NoKey> {
        let (recipient, send) = (self.spec.recipient, Some(self.spec.id));
        Token { kind, expires, recipient, send, purpose, destination }.mint(self.ring, &self.sender.owner)
    }
}

/// A signed payment link, as the documentation of [`super`] describes it.
fn payment(sender: &Sender, page: &Url, seal: &Seal, spec: &SendSpec, dated: Timestamp) -> String {
    let send = spec.id.to_string();
    let expires = (dated.as_second() + i64::from(sender.payment_days) * 86_400).to_string();
    let case = spec.case.as_deref();
    let text = format!("vigie payment 1\n{}\n{send}\n{expires}\n{}", spec.brand, case.unwrap_or_default());
    let signature = URL_SAFE_NO_PAD.encode(seal.sign(&text));
    let mut url = page.clone();
    let mut query = url.query_pairs_mut();
    if let Some(case) = case {
        query.append_pair("case", case);
    }
    query.append_pair("expires", &expires).append_pair("send", &send).append_pair("sig", &signature);
    drop(query);
    url.into()
}
