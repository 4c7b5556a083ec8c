//! What a request is worth: evidence in, [`Verdict`] out, without input or output and in well under a microsecond.
//!
//! The rules are asked in order and the first that fits decides:
//!
//! 1. The **method**. Mail clients and browsers fetch images with GET; a HEAD is somebody checking a link.
//! 2. The **agent** the client names itself by: the ordered list of `config/agents.toml`, from machines that fetch
//!    ahead of any person, over image proxies and crawlers, to mail clients and browsers. No agent at all is a script.
//! 3. Nobody known: [`Class::Unknown`], which counts as presence. Missing a person costs them a badly timed letter;
//!    the contact budget bounds what a machine can release.
//!
//! Being an open and being presence are set apart in every rule. The evidence is borrowed from the request and the
//! verdict refers to nothing in it, so neither agent nor address outlives the request.

mod agents;
mod deeds;
mod remembered;

use std::net::IpAddr;
use std::time::Duration;

use hyper::Method;
use hyper::header::{HeaderMap, HeaderValue, USER_AGENT};

use crate::config;
#[cfg(doc)]
use crate::model::Leaving;
use crate::model::{Class, Deed, HintKind, Judgement, Presence, RecipientId, SendId, Source, Verdict};
use agents::Agents;

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

/// A rule file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadRules(String);

/// The compiled rules. Made once, shared by everybody.
#[derive(Debug)]
pub struct Classifier {
    agents: Agents,
}

impl Classifier {
    /// The rules that ship with vigie, with these settings.
    ///
    /// # Errors
    /// Names the file and line that cannot be used.
    pub fn new(_settings: &config::Classify, _scan_grace: Duration) -> Result<Self, BadRules> {
        Ok(Self { agents: Agents::builtin() })
    }

    /// What a trusted server's word is worth.
    pub fn heard(&self, source: Source, deed: Deed) -> Judgement {
        deeds::judge(source, deed)
    }

    /// What this evidence is worth.
    pub fn judge(&self, evidence: &Evidence<'_>) -> Judged {
        let agent = evidence.headers.get(USER_AGENT).map_or(&b""[..], HeaderValue::as_bytes);
        let verdict = by_method(evidence).or_else(|| self.agents.find(agent)).unwrap_or(NOBODY_KNOWN);
        Judged { judgement: Judgement::new(HintKind::Image, verdict), unmasked: Vec::new() }
    }
}

const NOBODY_KNOWN: Verdict = Verdict {
    class: Class::Unknown,
    confidence: 0.3,
    reason: "agent:unknown",
    open: true,
    presence: Presence::No,
    fires: false,
};

/// A beacon is posted by design; everything else that is fetched is fetched with GET.
fn by_method(evidence: &Evidence<'_>) -> Option<Verdict> {
    let reason = match *evidence.method {
        Method::HEAD => "method:head",
        Method::GET => return None,
        Method::POST if evidence.source == Source::Beacon => return None,
        _ => "method:other",
    };
    Some(Verdict {
        class: Class::Bot,
        confidence: 0.97,
        reason,
        open: false,
        presence: Presence::No,
        fires: false,
    })
}
