//! What a signal is worth: evidence in, a [`Judgement`] out, without input or output and in about a microsecond.
//!
//! A gateway that fires on machines is worse than none, and one that takes Gmail's and Yahoo's image proxies for machines
//! is blind to half the mailboxes. So what decides is an ordered table (`rules`), and each of its rows sets
//! apart whether a signal is an open and whether somebody is there.
//!
//! From a request to its judgement:
//!
//! 1. **Facts.** The agent's text becomes a name (`agents`: data of `config/agents.toml`), the address becomes the name
//!    of its network ([`networks`]: data of `config/networks`). Where the address cannot be known, nothing is concluded
//!    from it.
//! 2. **Memory.** What was seen lately adds up (`memory`): many links of one mail or many people from one address in a
//!    moment are a scanner, a decoy link condemns its address, and a network somebody was seen in before speaks for
//!    them.
//! 3. **Table.** The first row that fits decides ([`rules`]). How old the mail is only the store knows, so a row
//!    may say one thing for young mails and another for old ones.
//! 4. **Modifiers** change how sure the row is; below the thresholds it fires no more.
//!
//! What trusted servers report is judged by what somebody did (`deeds`). Two hints of different kinds within a minute
//! make presence together; that happens in the [store](crate::store), where the signals of all gateways meet.
//!
//! The evidence is borrowed from the request and the judgement refers to nothing in it; memory keeps hashes with a
//! seed of this process. So neither agent nor address outlives the request.
//!
//! # Where this differs from the published table
//!
//! The rows come from public sources, gathered before the first line was written; what the code taught differently:
//!
//! - *Unknown* is not held back on a timer: it is a hint, which fires nothing alone, counts for a minute, and is
//!   forgotten when a burst or a decoy follows. A timer would add a delay and nothing else.
//! - An agent of a browser without `Accept-Language` is judged like others: proxies and privacy tools strip it.
//! - *One firing batch per person in five minutes* is `presence.min_gap`, one mail in ten minutes, kept by the store.
//! - *A click with no open ever* loses nothing: many readers' clients never load an image. *Five mails of a person in five
//!   seconds* has no rule of its own; a mail's own windows and the collapse in the [intake](crate::intake) carry that load.
//! - Nothing is set per domain, and `require_proxy_network` is off: behind a balancer that was not named nobody's network is
//!   known, and Gmail's and Yahoo's readers would be lost without a word.
//! - A mail's rows by age end where the store forgets ages ([`Rules::recent`](crate::store::Rules::recent)); that a mail
//!   is older than days is read from its token.

mod agents;
mod deeds;
mod facts;
mod memory;
pub mod networks;
mod remembered;
mod rules;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use hyper::Method;
use hyper::header::HeaderMap;

use crate::config;
#[cfg(doc)]
use crate::model::Leaving;
use crate::model::{Class, Deed, Judgement, MailAge, RecipientId, SendId, Source};
use agents::{Agents, AgentsFile};
use facts::Facts;
use memory::Memory;
use networks::Networks;
use rules::Table;

/// What a request shows of whoever sent it.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'request> {
    /// The endpoint it came to.
    pub source: Source,
    /// The request's method.
    pub method: &'request Method,
    /// Its headers as they arrived.
    pub headers: &'request HeaderMap,
    /// Where it came from, if that can be known: the peer, or whom a trusted proxy named.
    pub client: Option<IpAddr>,
    /// Whose mailbox it was made for.
    pub recipient: RecipientId,
    /// The mail it is about, if the token names one.
    pub about: Option<SendId>,
    /// How old that mail is in days, as far as its token tells.
    pub days: Option<u32>,
    /// Which of the mail's links was followed: the same number for the same link.
    pub link: Option<u64>,
    /// The link is a decoy that no person sees.
    pub decoy: bool,
    /// A browser's page says that a person has done something on it.
    pub activated: bool,
    /// Its token may make somebody present; of others nothing is remembered.
    pub presence: bool,
}

/// What became known with a signal.
#[derive(Debug)]
pub struct Judged {
    /// What it is worth.
    pub judgement: Judgement,
    /// Whose presence of the last moments was a machine's: the intake is to be told that they are
    /// [gone](crate::intake::Intake::gone), [unmasked](Leaving::Unmasked) within [`UNMASKED`].
    pub unmasked: Vec<RecipientId>,
}

/// How far back a machine that is found out has spoilt what was seen (the decision table's rule 17).
pub const UNMASKED: Duration = Duration::from_secs(10);

/// A file of rules that cannot be used; says which, where and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadRules(String);

/// What can be read anew while the gateway runs.
#[derive(Debug)]
struct Data {
    agents: Agents,
    networks: Networks,
}

/// The table, its data, and what was seen lately. Made once, shared by everybody.
#[derive(Debug)]
pub struct Classifier {
    data: RwLock<Arc<Data>>,
    table: Table,
    memory: Memory,
    settings: config::Classify,
}

impl Classifier {
    /// The table with these settings, and the data that ships with vigie behind the operator's files. An image of a mail
    /// that is younger than `scan_grace` fires nothing. Blocks on the disk.
    ///
    /// # Errors
    /// Names the file and line that cannot be used.
    pub fn new(settings: &config::Classify, scan_grace: Duration) -> Result<Self, BadRules> {
        Ok(Self {
            data: RwLock::new(Arc::new(Data::read(settings)?)),
            table: Table::new(settings, scan_grace),
            memory: Memory::new(settings),
            settings: settings.clone(),
        })
    }

    /// Reads the files of agents and networks again. Blocks on the disk.
    ///
    /// # Errors
    /// As [`new`](Self::new); what was in use stays.
    pub fn reload(&self) -> Result<(), BadRules> {
        let fresh = Arc::new(Data::read(&self.settings)?);
        *self.data.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// What a trusted server's word is worth.
    pub fn heard(&self, source: Source, deed: Deed, recipient: RecipientId) -> Judgement {
        let judgement = self.heard_alone(source, deed);
        if judgement.settled().fires {
            self.memory.at_work(recipient);
        }
        judgement
    }

    /// What a trusted server's word is worth, taken alone: nothing is remembered of it.
    pub fn heard_alone(&self, source: Source, deed: Deed) -> Judgement {
        deeds::judge(source, deed)
    }

    /// What this evidence is worth, and of whom it shows that they were never there.
    pub fn judge(&self, evidence: &Evidence<'_>) -> Judged {
        let data = Arc::clone(&self.data.read().unwrap_or_else(PoisonError::into_inner));
        let facts = Facts::of(evidence, &data.agents, &data.networks);
        let (lately, unmasked) = self.memory.recall(evidence, &facts);
        let judgement = self.table.judge(&facts, &lately);
        // Of a mail that may be young it is not known here whether it was somebody.
        let certain =
            judgement.worth().fires == Some(Duration::ZERO) || facts.days.is_some_and(|days| days > 0);
        if evidence.presence && certain && judgement.settled().fires {
            self.memory.seen(evidence, &facts);
        }
        let is_scanner = judgement.settled().class == Class::Scanner;
        Judged { judgement, unmasked: if is_scanner { unmasked } else { Vec::new() } }
    }

    /// What this evidence is worth, taken alone: nothing is remembered of it.
    pub fn judge_alone(&self, evidence: &Evidence<'_>) -> Judgement {
        let data = Arc::clone(&self.data.read().unwrap_or_else(PoisonError::into_inner));
        let facts = Facts::of(evidence, &data.agents, &data.networks);
        self.table.judge(&facts, &memory::Lately::default())
    }

    /// A relay took a mail to this person at this domain.
    pub fn delivered(&self, recipient: RecipientId, domain: &str) {
        self.memory.delivered(recipient, domain);
    }

    /// A signal of this person was about a mail of this age: those who show mails sooner than people do make their
    /// domain's signals count for less.
    pub fn was_young(
        &self,
        recipient: RecipientId,
        mail: SendId,
        judgement: &Judgement,
        age: Option<MailAge>,
    ) {
        if rules::is_early(&judgement.at(age)) {
            self.memory.opened_early(recipient, mail);
        }
    }
}

impl Data {
    fn read(settings: &config::Classify) -> Result<Self, BadRules> {
        let networks = Networks::with(&settings.networks).map_err(|bad| BadRules(bad.to_string()))?;
        Ok(Self { agents: agents(&settings.agents)?, networks })
    }
}

/// The operator's rules of agents, and behind them those that ship.
fn agents(files: &[PathBuf]) -> Result<Agents, BadRules> {
    let read = |path: &PathBuf| match std::fs::read_to_string(path) {
        Ok(text) => Ok((path.display().to_string(), text)),
        Err(error) => Err(BadRules(format!("{} cannot be read: {error}", path.display()))),
    };
    let texts = files.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let files = texts.iter().map(|(name, text)| AgentsFile { name, text });
    Agents::from_files(files).map_err(|bad| BadRules(bad.to_string()))
}

#[cfg(test)]
mod tests;
