//! What a request is worth: evidence in, [`Verdict`] out, without input or output and in well under a microsecond.
//!
//! The rules are asked in order and the first that fits decides:
//!
//! 1. The **method**. Mail clients and browsers fetch images with GET; a HEAD is somebody checking a link.
//! 2. The **agent** the client names itself by: the ordered list of `config/agents.toml`, from machines that fetch
//!    ahead of any person, over image proxies and mail clients to what machines have in common, and to browsers. No
//!    agent at all is a script, and so is a bare name. An operator's own rules are asked before these ([`Agents`]).
//! 3. Nobody known, which is left of those who claim to be a browser and name none: [`Class::Unknown`], which counts as
//!    presence. Missing a person costs them a badly timed letter; the contact budget bounds what a machine can release.
//!
//! An agent tells crawlers and libraries, and cannot tell a mail gateway that wears a current browser's. How often the
//! rules are right on agents that somebody labelled is printed by `vigie classify --labelled`.
//!
//! Being an open and being presence are set apart in every rule. The evidence is borrowed from the request and the
//! verdict refers to nothing in it, so neither agent nor address outlives the request.

mod agents;
mod remembered;

use hyper::Method;

use crate::model::{Class, Source, Verdict};

pub use agents::{Agents, AgentsFile, BadAgents};

/// What a request shows of whoever sent it. More fields (network, headers, the mail's age) join as rules need them.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'request> {
    /// The endpoint it came to.
    pub source: Source,
    /// The request's method.
    pub method: &'request Method,
    /// The `User-Agent` header as it arrived; empty if there was none.
    pub agent: &'request [u8],
}

/// The compiled rules. Made once, shared by everybody.
#[derive(Debug)]
pub struct Classifier {
    agents: Agents,
}

impl Classifier {
    /// The rules that ship with vigie.
    pub fn new() -> Self {
        Self::with(Agents::builtin())
    }

    /// Other agent rules.
    pub fn with(agents: Agents) -> Self {
        Self { agents }
    }

    /// What this evidence is worth.
    pub fn judge(&self, evidence: &Evidence<'_>) -> Verdict {
        by_method(evidence).or_else(|| self.agents.find(evidence.agent)).unwrap_or(NOBODY_KNOWN)
    }
}

impl Default for Classifier {
    fn default() -> Self {
        Self::new()
    }
}

const NOBODY_KNOWN: Verdict =
    Verdict { class: Class::Unknown, confidence: 0.3, reason: "agent:unknown", open: true, presence: true };

/// A beacon is posted by design; everything else that is fetched is fetched with GET.
fn by_method(evidence: &Evidence<'_>) -> Option<Verdict> {
    let reason = match *evidence.method {
        Method::HEAD => "method:head",
        Method::GET => return None,
        Method::POST if evidence.source == Source::Beacon => return None,
        _ => "method:other",
    };
    Some(Verdict { class: Class::Bot, confidence: 0.97, reason, open: false, presence: false })
}

#[cfg(test)]
mod tests;
