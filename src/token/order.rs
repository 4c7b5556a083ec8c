//! Minting on request: what producers post and `vigie token mint` reads, and what both get back.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::ToSchema;

use super::{Day, Identity, KeyRing, Kind, LONGEST, Purpose, Token, day};
use crate::model::{Grantee, Name, RecipientId, SendId};
use crate::redact::Secret;

/// A token somebody wants.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// Whose mail it is for; this or `partner`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub brand: Option<Name>,
    /// Whose newsletter it is for; this or `brand`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub partner: Option<Name>,
    /// Whose mailbox, by address; this or `recipient`. Kept like a secret: an address is nobody's business.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub email: Option<Secret>,
    /// Whose mailbox, by id.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub recipient: Option<RecipientId>,
    /// What for. A partner's `open` becomes a partner token.
    pub kind: Kind,
    /// The public id of the send it belongs to, unique per brand.
    #[serde(default)]
    pub send: Option<String>,
    /// Where a click leads.
    #[serde(default)]
    pub to: Option<String>,
    /// Valid at least until then; to the end of that day in UTC.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub expires: Option<Timestamp>,
}

/// What an order gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Minted {
    /// The token alone.
    pub token: String,
    /// Its address on the edge.
    pub url: String,
    /// What to put into a mail: for opens the pixel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
}

/// An order that cannot be met.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` {what}")]
pub struct BadOrder {
    /// The field that is wrong or missing.
    pub field: &'static str,
    /// What is wrong with it, without repeating an address.
    pub what: String,
}

impl BadOrder {
    fn new(field: &'static str, what: impl Into<String>) -> Self {
        Self { field, what: what.into() }
    }
}

impl Order {
    /// Mints the token. `base` knows the public address of the edge for an owner, without a slash at the end.
    pub fn mint(
        &self,
        identity: &Identity,
        ring: &KeyRing,
        base: impl FnOnce(&Grantee) -> Option<String>,
        now: Timestamp,
    ) -> Result<Minted, BadOrder> {
        let owner = self.owner()?;
        let kind = self.kind_for(&owner)?;
        let field = owner_field(&owner);
        let base = base(&owner).ok_or_else(|| BadOrder::new(field, "is not one that this gateway knows"))?;
        let token = Token {
            kind,
            expires: self.expires_on(now)?,
            recipient: self.recipient(identity)?,
            send: self.send_of(&owner)?,
            purpose: purpose(kind),
            destination: self.destination()?,
        };
        let token =
            token.mint(ring, &owner).map_err(|none| BadOrder::new(field, format!("has no key: {none}")))?;
        if token.len() > LONGEST {
            return Err(BadOrder::new("to", format!("makes the token longer than {LONGEST} characters")));
        }
        Ok(Minted::new(kind, &base, token))
    }

    fn owner(&self) -> Result<Grantee, BadOrder> {
        match (&self.brand, &self.partner) {
            (Some(brand), None) => Ok(Grantee::Brand(brand.clone())),
            (None, Some(partner)) => Ok(Grantee::Partner(partner.clone())),
            _ => Err(BadOrder::new("brand", "or `partner` is needed, and not both")),
        }
    }

    fn kind_for(&self, owner: &Grantee) -> Result<Kind, BadOrder> {
        match (owner, self.kind) {
            (Grantee::Partner(_), Kind::Open | Kind::Partner) => Ok(Kind::Partner),
            (Grantee::Partner(_), _) => Err(BadOrder::new("kind", "must be \"open\" for a partner")),
            (Grantee::Brand(_), Kind::Partner) => Err(BadOrder::new("kind", "\"partner\" needs a `partner`")),
            (Grantee::Brand(_), kind) => Ok(kind),
        }
    }

    fn recipient(&self, identity: &Identity) -> Result<RecipientId, BadOrder> {
        match (&self.email, self.recipient) {
            (Some(email), None) => {
                identity.of_address(email.expose()).map_err(|bad| BadOrder::new("email", bad.to_string()))
            }
            (None, Some(recipient)) => Ok(recipient),
            _ => Err(BadOrder::new("email", "or `recipient` is needed, and not both")),
        }
    }

    fn send_of(&self, owner: &Grantee) -> Result<Option<SendId>, BadOrder> {
        match (&self.send, owner) {
            (None, _) => Ok(None),
            (Some(reference), Grantee::Brand(brand)) => Ok(Some(SendId::derive(brand, reference))),
            (Some(_), Grantee::Partner(_)) => {
                Err(BadOrder::new("send", "belongs to a brand, never to a partner"))
            }
        }
    }

    /// The first day on which the token is no longer valid.
    fn expires_on(&self, now: Timestamp) -> Result<Option<Day>, BadOrder> {
        match self.expires {
            Some(at) if at <= now => Err(BadOrder::new("expires", "must lie in the future")),
            at => Ok(at.map(|at| day(at).saturating_add(1))),
        }
    }

    fn destination(&self) -> Result<String, BadOrder> {
        match (self.kind, &self.to) {
            (Kind::Click, Some(to)) if is_web(to) => Ok(to.clone()),
            (Kind::Click, _) => Err(BadOrder::new(
                "to",
                "must be the http or https address a click leads to, in visible ASCII and without a user name",
            )),
            (_, Some(_)) => Err(BadOrder::new("to", "is for clicks alone")),
            (_, None) => Ok(String::new()),
        }
    }
}

const fn owner_field(owner: &Grantee) -> &'static str {
    match owner {
        Grantee::Brand(_) => "brand",
        Grantee::Partner(_) => "partner",
    }
}

/// Unsubscribing is no sign of having time to read a letter; everything else may be presence.
const fn purpose(kind: Kind) -> Purpose {
    match kind {
        Kind::Unsubscribe => Purpose::Statistics,
        Kind::Open | Kind::Click | Kind::Beacon | Kind::Partner => Purpose::Presence,
    }
}

/// An absolute web address that fits a `Location` header as it is, and shows where it leads: visible ASCII, no user name.
fn is_web(text: &str) -> bool {
    let absolute = text.starts_with("http://") || text.starts_with("https://");
    let plain = text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    let open = |url: Url| url.has_host() && url.username().is_empty() && url.password().is_none();
    absolute && plain && Url::parse(text).is_ok_and(open)
}

impl Minted {
    fn new(kind: Kind, base: &str, token: String) -> Self {
        let (url, html) = match kind {
            Kind::Open | Kind::Partner => {
                let url = format!("{base}/o/{token}.gif");
                let html = format!(
                    "<img src=\"{}\" width=\"1\" height=\"1\" alt=\"\">",
                    url.replace('&', "&amp;").replace('"', "&quot;")
                );
                (url, Some(html))
            }
            Kind::Click => (format!("{base}/c/{token}"), None),
            Kind::Beacon => (format!("{base}/b/{token}"), None),
            Kind::Unsubscribe => (format!("{base}/u/{token}"), None),
        };
        Self { token, url, html }
    }
}

#[cfg(test)]
mod tests;
