//! From a request to a signed token and the address it belongs to.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::ToSchema;

use crate::api::brands::Brands;
use crate::api::whom::Whom;
use crate::api::{Access, Doors, Problem};
use crate::clock::Clock;
use crate::model::{Grantee, Name, RecipientId, SendId};
use crate::token::{Day, Identity, KeyRing, Kind, LONGEST, Purpose, Token, day};

/// A token to be minted. Not `Debug`: it holds an address.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenRequest {
    /// For which brand.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    brand: Option<Name>,
    /// Or for which partner.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    partner: Option<Name>,
    /// For whose mailbox, by address.
    #[serde(default)]
    email: Option<String>,
    /// Or by our own id.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    recipient: Option<RecipientId>,
    /// What it is for.
    kind: Wanted,
    /// The id of the send whose mail it goes into.
    #[serde(default)]
    send: Option<String>,
    /// For clicks: where it leads, an absolute http or https address.
    #[serde(default)]
    to: Option<String>,
    /// When it stops being valid (RFC 3339 with zone), to the end of that day in UTC; never if left out.
    #[serde(default)]
    expires: Option<Timestamp>,
}

/// What a token may be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Wanted {
    /// A pixel.
    Open,
    /// A tracked link.
    Click,
    /// A heartbeat of a webmail or portal page.
    Beacon,
    /// An unsubscribe address.
    Unsubscribe,
}

/// A minted token.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Minted {
    /// The token.
    token: String,
    /// The address to call.
    url: String,
    /// For pixels: the element to put into the mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    html: Option<String>,
}

/// What minting needs.
pub(super) struct Mint {
    brands: Brands,
    identity: Identity,
    ring: Arc<KeyRing>,
    clock: Clock,
}

impl Mint {
    pub(super) fn new(doors: &Doors) -> Self {
        Self {
            brands: Brands::new(&doors.brands),
            identity: doors.identity.clone(),
            ring: Arc::clone(&doors.ring),
            clock: doors.clock.clone(),
        }
    }

    /// Mints one token.
    ///
    /// # Errors
    /// 403 for another brand than the key's, 422 for the first field at fault.
    pub(super) fn mint(&self, access: &Access, wanted: &TokenRequest) -> Result<Minted, Problem> {
        let brand = self.owner(access, wanted)?;
        let tracking_url = &self.brands.named(access, brand)?.tracking_url;
        let whom = Whom { email: wanted.email.as_deref(), recipient: wanted.recipient, ..Whom::default() };
        let token = Token {
            kind: wanted.kind.kind(),
            expires: self.expires(wanted.expires)?,
            recipient: whom.find(&self.identity)?,
            send: wanted.send.as_deref().map(|reference| SendId::derive(brand, reference)),
            purpose: Purpose::Presence,
            destination: destination(wanted)?,
        };
        let text = token
            .mint(&self.ring, &Grantee::Brand(brand.clone()))
            .map_err(|_| Problem::field("kind", format!("brand {brand} has no signing key for this kind")))?;
        if text.len() > LONGEST {
            return Err(Problem::field("to", "is too long: the link would be longer than 2048 bytes"));
        }
        Ok(wanted.kind.dress(tracking_url, text))
    }

    /// For whom it is signed. Partners have keys of their own once they are configured.
    fn owner<'a>(&self, access: &Access, wanted: &'a TokenRequest) -> Result<&'a Name, Problem> {
        match (&wanted.brand, &wanted.partner) {
            (Some(brand), None) => self.brands.named(access, brand).map(|_| brand),
            (None, Some(_)) => {
                Err(Problem::field("partner", "there is no such partner in the configuration"))
            }
            _ => Err(Problem::field("brand", "say for whom: give either brand or partner")),
        }
    }

    /// The first day on which a token is not valid any more.
    fn expires(&self, expires: Option<Timestamp>) -> Result<Option<Day>, Problem> {
        match expires {
            Some(at) if at <= self.clock.now() => {
                Err(Problem::field("expires", format!("{at} is in the past; leave it out or move it")))
            }
            at => Ok(at.map(|at| day(at).saturating_add(1))),
        }
    }
}

impl Wanted {
    const fn kind(self) -> Kind {
        match self {
            Self::Open => Kind::Open,
            Self::Click => Kind::Click,
            Self::Beacon => Kind::Beacon,
            Self::Unsubscribe => Kind::Unsubscribe,
        }
    }

    /// The token with its address on the edge.
    fn dress(self, tracking_url: &str, token: String) -> Minted {
        let base = tracking_url.trim_end_matches('/');
        let url = match self {
            Self::Open => format!("{base}/o/{token}.gif"),
            Self::Click => format!("{base}/c/{token}"),
            Self::Beacon => format!("{base}/b/{token}"),
            Self::Unsubscribe => format!("{base}/u/{token}"),
        };
        let pixel = || format!(r#"<img src="{url}" width="1" height="1" alt="" style="border:0">"#);
        let html = (self == Self::Open).then(pixel);
        Minted { token, url, html }
    }
}

/// Where a click leads: signed as given, so it must be exactly what a browser can be sent to.
fn destination(wanted: &TokenRequest) -> Result<String, Problem> {
    let refuse = |why| Err(Problem::field("to", why));
    match (wanted.kind, &wanted.to) {
        (Wanted::Click, None) => refuse("a click needs a destination"),
        (Wanted::Click, Some(to)) => {
            let plain = to.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
            let web = to.starts_with("https://") || to.starts_with("http://");
            match Url::parse(to) {
                Ok(url) if plain && web && url.username().is_empty() && url.password().is_none() => {
                    Ok(to.clone())
                }
                _ => {
                    refuse("must be an absolute http or https address in visible ASCII, without a user name")
                }
            }
        }
        (_, Some(_)) => refuse("only clicks have a destination"),
        (_, None) => Ok(String::new()),
    }
}
