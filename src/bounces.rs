//! What comes back: mails that could not be delivered, and people who complain.
//!
//! Three ways lead here. A mail server reports a bounce as a mail, which [`report`] reads ([`Bounces::mail`]; the LMTP
//! listener and `POST /v1/bounces` bring it); whoever knows better says so in JSON ([`Bounces::hear`]); and the relay
//! refuses a recipient while we talk to it (`dispatch`). All end in the same three steps:
//!
//! 1. **Suppress.** A mailbox that does not exist gets no mail of any brand (of this one, where nothing but a producer's word
//!    says so), whoever complained none of this one: what
//!    waits for them is handed off to the next channel at once ([`Store::suppress`]).
//! 2. **Tell.** `mail.bounced` or `mail.complained`, without an address.
//! 3. **Count.**
//!
//! Anybody can send a mail that says that another one bounced. So a report changes nothing unless it brings back what the
//! letter carried, [signed](crate::token::sign_return): in the address that the report is sent to, or in the headers of
//! the letter that it returns. Who it was written to is taken from there, and never from what the report says.

mod metrics;
mod report;

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::brakes::Brakes;
use crate::brands::Brands;
use crate::clock::Clock;
use crate::model::{
    Event, MailStatus, Name, RecipientId, SendId, SuppressReason, SuppressScope, Suppression,
};
use crate::redact::foreign;
use crate::store::{Store, StoreError, Suppressed};
use crate::telemetry::Registry;
use crate::token::{RETURN_LENGTH, read_return};

use metrics::Metrics;
pub use report::{Report, read};

/// At most so many bytes of a mail are looked at: what a report says stands at its beginning.
pub const LOOKED_AT: usize = 512 * 1024;

/// What came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Nobody reads mail there.
    Hard,
    /// It could not be delivered this time, or for a reason that is not the mailbox's: counted and told, no more.
    Soft,
    /// They called it spam.
    Complaint,
}

impl Kind {
    /// The word for labels and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hard => "hard",
            Self::Soft => "soft",
            Self::Complaint => "complaint",
        }
    }
}

/// What somebody whose word counts says of a mail.
#[derive(Debug, Clone)]
pub struct Bounce {
    /// The same whenever it is said again: of hexadecimal digits.
    pub id: String,
    /// Whose mail it was. Without it nothing is told: an event is a brand's.
    pub brand: Option<Name>,
    /// Who it was written to.
    pub recipient: RecipientId,
    /// What came back.
    pub kind: Kind,
    /// The status, if one was named.
    pub status: Option<MailStatus>,
    /// Foreign words; addresses in them are taken out.
    pub detail: String,
    /// Whose mail it stops; none: everybody's for a hard bounce, the brand's for a complaint.
    pub scope: Option<SuppressScope>,
    /// The send's public id, if it is known; it is told only if the brand has such a send.
    pub reference: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// What became of a mail that was brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    /// A report of a mail of ours.
    Back(Kind),
    /// A report that brings nothing back that we signed.
    Unverified,
    /// No report.
    Ignored,
}

impl Came {
    /// The word for labels and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Back(kind) => kind.as_str(),
            Self::Unverified => "unverified",
            Self::Ignored => "ignored",
        }
    }
}

/// Takes in what comes back. Cheap to clone.
#[derive(Clone)]
pub struct Bounces(Arc<Inner>);

struct Inner {
    store: Arc<dyn Store>,
    brands: Brands,
    brakes: Brakes,
    clock: Clock,
    metrics: Metrics,
}

impl Bounces {
    /// For the mails of these brands.
    pub fn new(
        store: Arc<dyn Store>,
        brands: Brands,
        brakes: Brakes,
        clock: Clock,
        registry: &Registry,
    ) -> Self {
        Self(Arc::new(Inner { store, brands, brakes, clock, metrics: Metrics::new(registry) }))
    }

    /// A mail that was sent to a return path: `to` is the address it came to. May be repeated.
    ///
    /// # Errors
    /// The store is away; whoever brought it should come again.
    pub async fn mail(&self, to: &str, mail: &[u8]) -> Result<Came, StoreError> {
        let mail = &mail[..mail.len().min(LOOKED_AT)];
        let came = match read(mail) {
            None => Came::Ignored,
            Some(report) => match self.known(to, &report) {
                None => Came::Unverified,
                Some((brand, recipient)) => {
                    let id = const_hex::encode(&Sha256::digest(mail)[..16]);
                    let (kind, at) = (report.kind, self.0.clock.now());
                    let Report { status, detail, reference, .. } = report;
                    let (brand, scope) = (Some(brand), None);
                    let bounce = Bounce { id, brand, recipient, kind, status, detail, scope, reference, at };
                    self.hear(bounce).await?;
                    Came::Back(kind)
                }
            },
        };
        self.0.metrics.mails.with_label_values(&[came.as_str()]).inc();
        Ok(came)
    }

    /// Whose letter to whom it is, by what was signed: behind a `+` of the address that the report came to, or in the letter.
    fn known(&self, to: &str, report: &Report) -> Option<(Name, RecipientId)> {
        let brands = self.0.brands.snapshot();
        let user = to.rsplit_once('@').map_or(to, |(user, _)| user);
        let behind = |user: &str| Some(user.get(user.len().checked_sub(RETURN_LENGTH)?..)?.to_owned());
        let users = std::iter::once(user).chain(report.users.iter().map(String::as_str));
        let mut texts = users.filter_map(behind).chain(report.returned.clone());
        texts.find_map(|text| read_return(&text, &brands.ring))
    }

    /// What somebody whose word counts reports of a mail that had gone out, as far as was known: it counts for the brand's
    /// [brakes](crate::brakes), once for each person. May be repeated.
    ///
    /// # Errors
    /// The store is away.
    pub async fn hear(&self, bounce: Bounce) -> Result<Suppressed, StoreError> {
        let (brand, kind) = (bounce.brand.clone(), bounce.kind);
        let suppressed = self.take(bounce).await?;
        match (brand, kind) {
            (Some(brand), Kind::Hard) if suppressed.new => self.0.brakes.bounced(&brand),
            (Some(brand), Kind::Complaint) if suppressed.new => self.0.brakes.complained(&brand),
            _ => {}
        }
        Ok(suppressed)
    }

    /// What is said by somebody whose word counts. May be repeated.
    ///
    /// # Errors
    /// The store is away.
    pub async fn take(&self, bounce: Bounce) -> Result<Suppressed, StoreError> {
        let store = &self.0.store;
        let suppressed = match bounce.suppression() {
            Some(suppression) => store.suppress(suppression).await?,
            None => Suppressed::default(),
        };
        if let Some(brand) = bounce.brand.clone() {
            let send = self.send_of(&brand, bounce.reference.as_deref()).await?;
            store.announce(bounce.event(&brand, send)).await?;
        }
        let brand = bounce.brand.as_ref().map_or("none", Name::as_str);
        self.0.metrics.bounces.with_label_values(&[brand, bounce.kind.as_str()]).inc();
        Ok(suppressed)
    }

    /// The send of this id, if the brand has, or had, one.
    async fn send_of(&self, brand: &Name, reference: Option<&str>) -> Result<Option<SendId>, StoreError> {
        let Some(reference) = reference else { return Ok(None) };
        let id = SendId::derive(brand, reference);
        Ok(self.0.store.send(id).await?.map(|_| id))
    }
}

impl Bounce {
    /// Whose mail it stops.
    pub fn scope(&self) -> Option<SuppressScope> {
        let given = || self.scope.clone();
        match self.kind {
            Kind::Soft => None,
            Kind::Hard => Some(given().unwrap_or(SuppressScope::All)),
            Kind::Complaint => given().or_else(|| self.brand.clone().map(SuppressScope::Brand)),
        }
    }

    fn suppression(&self) -> Option<Suppression> {
        let why = match self.kind {
            Kind::Complaint => SuppressReason::Complaint,
            Kind::Hard | Kind::Soft => SuppressReason::HardBounce,
        };
        let detail = self.status.map(|status| status.to_string()).unwrap_or_default();
        let detail = foreign(&format!("{detail} {}", self.detail));
        let (recipient, since) = (self.recipient, self.at);
        self.scope().map(|scope| Suppression { recipient, scope, why, detail, since })
    }

    fn event(&self, brand: &Name, send: Option<SendId>) -> Event {
        let mut data = Map::new();
        let mut put = |key: &str, value: Value| drop(data.insert(key.to_owned(), value));
        put("kind", self.kind.as_str().into());
        if let Some(status) = self.status {
            put("status", status.to_string().into());
        }
        let detail = foreign(&self.detail);
        if !detail.is_empty() {
            put("detail", detail.into());
        }
        if let (Some(send), Some(reference)) = (send, &self.reference) {
            put("id", reference.as_str().into());
            put("send", send.to_string().into());
        }
        if let Some(scope) = self.scope() {
            put("suppressed", if scope == SuppressScope::All { "all" } else { "brand" }.into());
        }
        let kind = if self.kind == Kind::Complaint { "mail.complained" } else { "mail.bounced" };
        Event {
            id: format!("{}-{}", self.id, self.kind.as_str()),
            kind: kind.into(),
            at: self.at,
            brand: brand.clone(),
            data: Value::Object(data),
        }
    }
}
