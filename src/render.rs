//! From a send and its brand's template to the complete mail.
//!
//! The journey of one letter:
//!
//! 1. The brand is at hand as it is at this instant: mailboxes, addresses, links and templates were parsed and checked
//!    before ([`House::new`]).
//! 2. The template is chosen by the send's `template` and its variable `language` (else its case's, else the brand's).
//! 3. Subject, text and HTML are rendered. A template sees the send's variables at top level, and besides them
//!    `payment_url`, `unsubscribe_url`, `recipient.name`, `sender.name`, `sender.email`, `brand`, `case` and `language`;
//!    a producer's variable cannot take one of these names (but `language`, which step 2 reads). A variable that is
//!    missing or `null` is an error unless the template asks `is defined` first. Behind the send's variables stand the
//!    facts of its case: `amount`, `amount_value`, `currency`, `due_date`, `due_date_value`, `first_letter.reference`,
//!    `first_letter.date`, `first_letter.date_value` and its attributes. The filters `money` and `date` write amounts
//!    and dates as the letter's language does.
//!    Where the brand has a legal profile ([`legal`]), both parts must show what it wants.
//! 4. Where the recipient agreed to it, links of the HTML part become signed links of the edge and a pixel is added.
//! 5. Headers and parts become bytes: 7-bit only, CRLF only, no line over 998 bytes.
//! 6. The brand's keys sign them ([`dkim`]), dated as the mail is.
//!
//! A letter is a function of the claim, the templates and the keys, and of nothing else: no clock, no random numbers.
//! So every attempt of a send has the same Message-ID, Date, boundary and tokens, in every gateway.
//!
//! The same steps run at the door ([`Renderer::try_out`]) with a producer's variables, so that what a template lacks is
//! found out while somebody listens. Templates are code of the brand, variables are not: neither can stop a gateway,
//! since each rendering has a budget of instructions, of nesting and of output bytes.
//!
//! # Payment links
//!
//! `payment_url` is the brand's page with a query (`application/x-www-form-urlencoded`) of four fields:
//!
//! ```text
//! case     the case, as the producer named it; left out where the send belongs to none
//! expires  seconds since 1970: the page refuses the link from then on
//! send     the send's id, 32 hexadecimal digits
//! sig      base64url, no padding, of HMAC-SHA-256(the brand's payment secret, text)
//! ```
//!
//! where `text` is these five lines, UTF-8, joined by one LF each, with none at the end:
//!
//! ```text
//! vigie payment 1
//! <brand>
//! <send>
//! <expires>
//! <case, decoded; empty where left out>
//! ```
//!
//! Each mail has a link of its own: its `case` says which debt is paid, its `send` which mail brought the payment, and it
//! expires `payment_link_days` after that mail's date. A page goes by the case alone; no field of a link can be moved to
//! another. `vigie key payment` prints a brand's secret, and `config/integrations/payment_page.py` is a page that
//! verifies. In tracked mails the link leads through the edge, whose token says that it is one ([`Purpose::Payment`]):
//! who follows it is counted, and sent on, without asking the store.
//!
//! [`Purpose::Payment`]: crate::token::Purpose::Payment
//!
//! The page decodes the query, builds `text`, compares the signatures in constant time and checks `expires`. The case
//! comes last, so that no line break in it can move another field.

mod dkim;
mod formats;
mod legal;
mod links;
mod message;
mod sender;
mod template;
mod tracking;
mod variables;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;

pub use self::dkim::{BadKey, Record};
use self::links::Links;
use self::message::Envelope;
use self::sender::Sender;
use self::template::{Content, Library};
use self::variables::Variables;
use crate::config::Brand;
use crate::model::{CaseFacts, Claim, Letter, Name, SendSpec};
use crate::token::KeyRing;

/// Renders letters of all brands. Shared by every task; a reload swaps what it knows of them in one step.
#[derive(Debug)]
pub struct Renderer(ArcSwap<Writers>);

/// All brands at one instant.
#[derive(Debug, Clone)]
struct Writers {
    houses: BTreeMap<Name, Arc<House>>,
    ring: Arc<KeyRing>,
}

/// One brand with its templates, tried and ready to write.
#[derive(Debug)]
pub struct House {
    sender: Sender,
    library: Library,
}

/// What cannot be rendered, in one sentence that names the brand, the file and line where there is one, and what to
/// do. Holds no address and no variable's value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// A brand's settings or keys.
    #[error("brand {brand}: {problem}")]
    Brand {
        /// Whose.
        brand: Name,
        /// Which setting, what is wrong with it, and what to do.
        problem: String,
    },
    /// A brand's templates.
    #[error("brand {brand}: template {file}: {problem}")]
    Template {
        /// Whose.
        brand: Name,
        /// Which file, with the line if known: `reminder.fr.html:12`.
        file: String,
        /// What is wrong with it, and what to do.
        problem: String,
    },
    /// A send that passed the door but does not fit the templates as they are now.
    #[error("brand {brand}: {unfit}")]
    Send {
        /// Whose.
        brand: Name,
        /// What does not fit.
        unfit: Unfit,
    },
}

/// A send that cannot become a letter. Holds no address and no variable's value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {problem}")]
pub struct Unfit {
    /// The field of the producer's request: `vars.amount`, `template`, `to.name`.
    pub field: String,
    /// What is wrong with it and what to do, to be read after the field's name.
    pub problem: String,
}

impl Unfit {
    fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }
}

/// One template of one brand, for `vigie check` and the console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateInfo {
    /// Whose.
    pub brand: Name,
    /// Its name in sends.
    pub template: Name,
    /// The languages it exists in.
    pub languages: BTreeSet<String>,
    /// The variables of the send it may use, in any language; those it asks `is defined` of are among them.
    pub variables: BTreeSet<String>,
}

/// What distinguishes a real letter from a trial.
#[derive(Debug, Clone, Copy)]
struct Occasion {
    dated: Timestamp,
    tracked: bool,
}

impl House {
    /// Parses and checks a brand's identity, keys and templates. Blocks on the disk.
    ///
    /// # Errors
    /// Names the setting or file that cannot be used.
    pub fn new(name: &Name, brand: &Brand, ring: &KeyRing) -> Result<Self, RenderError> {
        let sender = Sender::new(name, brand, ring)?;
        let library = Library::load(&sender)?;
        Ok(Self { sender, library })
    }

    /// Every template of the brand, sorted by name.
    pub fn templates(&self) -> impl Iterator<Item = TemplateInfo> {
        self.library.infos(&self.sender.name)
    }

    /// What the brand has to publish in DNS for its signatures to be found.
    pub fn records(&self) -> impl Iterator<Item = Record> {
        self.sender.dkim.iter().map(dkim::Signature::record)
    }
}

impl Renderer {
    /// Parses and checks every brand.
    ///
    /// # Errors
    /// As [`House::new`], of the first brand that cannot be used.
    pub fn new(brands: &BTreeMap<Name, Brand>, ring: Arc<KeyRing>) -> Result<Self, RenderError> {
        let houses = brands
            .iter()
            .map(|(name, brand)| Ok((name.clone(), Arc::new(House::new(name, brand, &ring)?))))
            .collect::<Result<_, RenderError>>()?;
        Ok(Self(ArcSwap::from_pointee(Writers { houses, ring })))
    }

    /// Puts brands in the place of those of the same names, or beside the others; they all sign with `ring` from now on.
    /// Letters under way finish with the version they began with. One caller at a time.
    pub fn replace(&self, fresh: impl IntoIterator<Item = House>, ring: Arc<KeyRing>) {
        let mut writers = Writers { ring, ..Writers::clone(&self.0.load()) };
        let named = fresh.into_iter().map(|house| (house.sender.name.clone(), Arc::new(house)));
        writers.houses.extend(named);
        self.0.store(Arc::new(writers));
    }

    /// Renders this send for trial, as a tracked letter. Only the last step is left out: turning what was rendered and
    /// checked into bytes cannot fail, and is half of the work.
    ///
    /// `facts` are those of its case, if it belongs to one that is open.
    ///
    /// # Errors
    /// Names the field that does not fit; all missing variables where several are.
    pub fn try_out(&self, spec: &SendSpec, facts: Option<&CaseFacts>) -> Result<(), Unfit> {
        let occasion = Occasion { dated: Timestamp::UNIX_EPOCH, tracked: true };
        let facts = facts.cloned().map(Arc::new);
        self.0.load().draft(&Arc::new(spec.clone()), facts.as_ref(), occasion).map(drop)
    }

    /// The letter of this claim: the same bytes for every attempt.
    ///
    /// # Errors
    /// The brand or template is gone, or changed so that this send no longer fits it.
    pub fn render(&self, claim: &Claim) -> Result<Letter, RenderError> {
        let occasion = Occasion { dated: claim.dated, tracked: claim.tracked };
        let writers = self.0.load_full();
        writers
            .compose(claim, occasion)
            .map_err(|unfit| RenderError::Send { brand: claim.spec.brand.clone(), unfit })
    }
}

impl Writers {
    fn compose(&self, claim: &Claim, occasion: Occasion) -> Result<Letter, Unfit> {
        let Draft { sender, envelope, links, content } =
            self.draft(&claim.spec, claim.facts.as_ref(), occasion)?;
        let bytes = message::write(sender, &claim.spec, occasion.dated, &envelope, content, &links);
        Ok(envelope.letter(dkim::sign(bytes, occasion.dated, &sender.dkim)))
    }

    /// Everything about a letter that can fail.
    fn draft<'a>(
        &'a self,
        spec: &'a Arc<SendSpec>,
        facts: Option<&Arc<CaseFacts>>,
        occasion: Occasion,
    ) -> Result<Draft<'a>, Unfit> {
        let unknown = || Unfit::new("brand", format!("{} is none of this gateway's brands", spec.brand));
        let House { sender, library } = &**self.houses.get(&spec.brand).ok_or_else(unknown)?;

        let envelope = Envelope::new(sender, spec, &self.ring)?;
        let edition = library.choose(spec, facts.map(Arc::as_ref), &sender.language)?;
        let links = Links::new(sender, spec, occasion.dated, &self.ring);
        let variables = Variables::new(sender, spec.clone(), facts.cloned(), &links, edition.language)?;
        let variables = Arc::new(variables);
        let mut content = library.render(edition, &variables)?;
        if let Some(profile) = &sender.legal {
            let root = minijinja::Value::from_dyn_object(variables);
            profile.check(&spec.template, &content, &root, edition.language)?;
        }
        if occasion.tracked {
            content.html = tracking::track(&content.html, &links)?;
        }
        Ok(Draft { sender, envelope, links, content })
    }
}

/// A letter whose parts are rendered and checked, but not yet written as a message.
struct Draft<'renderer> {
    sender: &'renderer Sender,
    envelope: Envelope,
    links: Links<'renderer>,
    content: Content,
}

#[cfg(test)]
mod tests;
