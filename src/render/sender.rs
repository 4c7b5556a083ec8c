//! Who writes: a brand's identity, parsed and checked once.

use std::collections::BTreeMap;
use std::path::PathBuf;

use lettre::Address;
use lettre::message::header::{self, Header, HeaderValue};
use lettre::message::{Mailbox, Mailboxes};
use minijinja::Value;
use url::Url;

use super::RenderError;
use super::dkim::Signature;
use super::legal::Profile;
use super::message::LONGEST_NAME;
use super::variables;
use crate::config::{Brand, MailClass};
use crate::model::{Grantee, Name};
use crate::token::{KeyRing, Kind, RETURN_LENGTH, Seal};

/// A brand as letters need it.
#[derive(Debug)]
pub(super) struct Sender {
    pub(super) name: Name,
    /// The owner of the brand's token keys.
    pub(super) owner: Grantee,
    /// The `From` header, encoded.
    pub(super) from: HeaderValue,
    /// The `Reply-To` header, encoded; none where answers go to `from`.
    pub(super) reply_to: Option<HeaderValue>,
    /// The envelope sender.
    return_path: Address,
    /// Each letter has an envelope sender of its own.
    verp: bool,
    /// The right side of Message-IDs.
    pub(super) domain: String,
    /// The public address of the edge, without a trailing slash.
    pub(super) tracking_url: String,
    /// The web site at the domain of `From`: where a decoy leads whoever follows it.
    pub(super) home: String,
    /// Whether letters carry a decoy link.
    pub(super) decoy: bool,
    /// The page where cases are paid, and what signs links to it; none unless both are there.
    pub(super) payment: Option<(Url, Seal)>,
    /// What its letters must say.
    pub(super) legal: Option<Profile>,
    /// Values that its templates see behind all others.
    pub(super) values: Value,
    /// What its letters are signed with.
    pub(super) dkim: Vec<Signature>,
    /// How many days a payment link is good.
    pub(super) payment_days: u16,
    pub(super) class: MailClass,
    pub(super) language: String,
    /// The directory of its templates; none means the built-in samples.
    pub(super) templates: Option<PathBuf>,
    /// `brand` in templates.
    pub(super) brand: Value,
    /// `sender` in templates.
    pub(super) mailbox: Value,
}

impl Sender {
    /// Checks a brand's settings and that it has the keys its mails need.
    pub(super) fn new(name: &Name, brand: &Brand, ring: &KeyRing) -> Result<Self, RenderError> {
        let wrong = |problem| RenderError::Brand { brand: name.clone(), problem };
        let owner = Grantee::Brand(name.clone());
        check_keys(&owner, brand, ring).map_err(wrong)?;
        let from = mailbox("from", &brand.from).map_err(wrong)?;
        let optional = |setting, text: &str| match text {
            "" => Ok(None),
            text => mailbox(setting, text).map(Some).map_err(wrong),
        };
        let reply_to = optional("reply_to", &brand.reply_to)?;
        let return_path = optional("return_path", &brand.return_path)?.unwrap_or_else(|| from.clone());
        check_verp(brand, &return_path.email).map_err(wrong)?;
        let domain = if brand.domain.is_empty() { from.email.domain() } else { &brand.domain };
        let signatures = brand.dkim.iter().map(|dkim| Signature::new(dkim, from.email.domain()));
        let dkim = signatures.collect::<Result<_, _>>().map_err(wrong)?;
        let seal = ring.seal(name).cloned();
        let display = from.name.clone().unwrap_or_else(|| name.to_string());
        Ok(Self {
            domain: ascii_domain("domain", domain).map_err(wrong)?,
            tracking_url: tracking_url(&brand.tracking_url).map_err(wrong)?,
            payment: payment_page(&brand.payment_url).map_err(wrong)?.zip(seal),
            brand: Value::from(name.as_str()),
            mailbox: BTreeMap::from([("name", display), ("email", from.email.to_string())]).into(),
            home: format!("https://{}/", from.email.domain()),
            decoy: brand.decoy,
            dkim,
            payment_days: brand.payment_link_days,
            legal: Profile::load(&brand.legal, &brand.first_letters).map_err(wrong)?,
            values: values(brand).map_err(wrong)?,
            from: header::From::from(Mailboxes::from(from)).display(),
            reply_to: reply_to.map(|to| header::ReplyTo::from(Mailboxes::from(to)).display()),
            return_path: return_path.email,
            verp: brand.verp,
            class: brand.class,
            language: brand.language.clone(),
            templates: brand.templates.clone(),
            name: name.clone(),
            owner,
        })
    }
}

impl Sender {
    /// Where a letter's bounces go that `returned` makes known.
    pub(super) fn bounces_to(&self, returned: Option<&str>) -> String {
        let path = &self.return_path;
        match returned.filter(|_| self.verp) {
            Some(returned) => format!("{}+{returned}@{}", path.user(), path.domain()),
            None => path.to_string(),
        }
    }
}

/// A brand without these keys would fail at its first letter, in the night.
fn check_keys(owner: &Grantee, brand: &Brand, ring: &KeyRing) -> Result<(), String> {
    let mut kinds = vec![Kind::Open, Kind::Click];
    if brand.class == MailClass::Promotional {
        kinds.push(Kind::Unsubscribe);
    }
    match kinds.into_iter().find(|kind| ring.newest(owner, *kind).is_err()) {
        None => Ok(()),
        Some(kind) => Err(format!(
            "no key of this brand signs {kind:?} tokens, which its mails need: add a signing key for that kind to the key \
             ring"
        )),
    }
}

/// An address has 64 characters before its `@` (RFC 5321 section 4.5.3.1.1).
fn check_verp(brand: &Brand, path: &Address) -> Result<(), String> {
    const LONGEST_USER: usize = 64 - 1 - RETURN_LENGTH;
    if brand.verp && path.user().len() > LONGEST_USER {
        return Err(format!(
            "verp leaves {LONGEST_USER} characters before the @ of return_path: choose a shorter one, like bounces"
        ));
    }
    Ok(())
}

/// What the brand says of itself, for its templates.
fn values(brand: &Brand) -> Result<Value, String> {
    let json = serde_json::to_value(&brand.values).map_err(|cause| format!("values: {cause}"))?;
    Ok(variables::convert(&json).unwrap_or_default())
}

fn mailbox(setting: &str, text: &str) -> Result<Mailbox, String> {
    let bad = || {
        format!(
            "{setting} is no mailbox: write `Name <name@example.org>`, with quotes around a name that holds marks \
             of punctuation"
        )
    };
    if text.contains(char::is_control) {
        return Err(bad());
    }
    let parsed: Mailbox = text.trim().parse().map_err(|_| bad())?;
    let domain = ascii_domain(setting, parsed.email.domain())?;
    let email = Address::new(parsed.email.user(), domain).map_err(|_| bad())?;
    let name = parsed.name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    if name.as_ref().is_some_and(|name| name.chars().count() > LONGEST_NAME) {
        return Err(format!("{setting} has a name longer than {LONGEST_NAME} characters: shorten it"));
    }
    Ok(Mailbox::new(name, email))
}

fn ascii_domain(setting: &str, domain: &str) -> Result<String, String> {
    idna::domain_to_ascii_strict(domain)
        .ok()
        .filter(|ascii| !ascii.is_empty())
        .ok_or_else(|| format!("{setting} has no valid domain name: write one like example.org"))
}

/// Longest path of a tracking address, in bytes: a click's token has to fit a request target behind it.
const LONGEST_TRACKING_PATH: usize = 64;

fn tracking_url(text: &str) -> Result<String, String> {
    let bare = |url: &Url| {
        url.query().is_none() && url.fragment().is_none() && url.path().len() <= LONGEST_TRACKING_PATH
    };
    let url = web_page(text).filter(bare);
    url.map(|url| url.as_str().trim_end_matches('/').to_owned()).ok_or_else(|| {
        "tracking_url is no web address: write the edge's public address like https://mail.example.org".into()
    })
}

/// The fields that [`super::links`] adds.
const SIGNED_FIELDS: [&str; 4] = ["case", "expires", "send", "sig"];

fn payment_page(text: &str) -> Result<Option<Url>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let Some(url) = web_page(text) else {
        return Err("payment_url is no web address: write one like https://pay.example.org/case".into());
    };
    match url.query_pairs().find(|(field, _)| SIGNED_FIELDS.contains(&field.as_ref())) {
        None => Ok(Some(url)),
        Some((field, _)) => {
            Err(format!("payment_url already has a field {field:?}: vigie adds it, leave it out"))
        }
    }
}

fn web_page(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}
