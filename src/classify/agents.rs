//! The agent rules of `config/agents.toml`, and an operator's before them, compiled into one automaton.
//!
//! One pass over the agent finds every part of every rule; a byte per rule collects what was found, and the first rule
//! that has all it asks for decides. So a rule costs what its text costs and nothing per rule beside it, and an agent
//! that was seen before costs a look into [`Remembered`].

mod file;
mod part;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use super::remembered::Remembered;
use crate::model::Class;
use file::Rule;
use part::Part;

pub use file::{AgentsFile, BadAgents};

/// The embedded rules: data, so that adding an agent is a line of text with its source.
const BUILTIN: AgentsFile<'_> =
    AgentsFile { name: "config/agents.toml", text: include_str!("../../config/agents.toml") };

/// Agents longer than this are judged by their first bytes: work per request stays bounded. Real ones end before, but
/// for a few of Internet Explorer's.
const LONGEST: usize = 1024;

/// Rules in all files together, so that a byte numbers them.
const MOST_RULES: usize = 255;

/// The bytes of all parts together, which bound the automaton's size. The built-in rules have a fifth of it.
const MOST_TEXT: usize = 64 * 1024;

/// What an agent's name says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Named {
    /// What the table asks.
    pub(super) kind: Kind,
    pub(super) class: Class,
    pub(super) confidence: f32,
    pub(super) reason: &'static str,
}

/// The sorts of agents that the table tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Gmail, fetching ahead into an open session.
    GmailPrefetch,
    /// Apple Mail, fetching everything ahead.
    ApplePrivacy,
    /// Apple Mail, and whoever shows no more than its engine.
    BareWebkit,
    /// Gmail's image proxy.
    GoogleProxy,
    /// Yahoo's image proxy.
    YahooProxy,
    /// Another provider's image proxy.
    ImageProxy,
    /// A mail client by its own name.
    MailClient,
    /// Outlook's apps, of which sources disagree whether they fetch ahead.
    OutlookMobile,
    /// A browser.
    Browser,
    /// A browser that nobody has any more.
    Stale,
    /// A machine by its own name, or of no name at all.
    Machine,
    /// Whatever else.
    Unknown,
}

impl Kind {
    /// The sort of agent that a rule is about: by its reason, where the table knows that, else by its class.
    fn of(reason: &str, class: Class) -> Self {
        match (reason, class) {
            ("agent:gmail-prefetch", _) => Self::GmailPrefetch,
            ("agent:apple-privacy", _) => Self::ApplePrivacy,
            ("agent:bare-webkit", _) => Self::BareWebkit,
            ("agent:googleimageproxy", _) => Self::GoogleProxy,
            ("agent:yahoomailproxy", _) => Self::YahooProxy,
            ("agent:mailclient", _) => Self::MailClient,
            ("agent:outlook-mobile", _) => Self::OutlookMobile,
            ("agent:stale", _) => Self::Stale,
            (_, Class::Proxy) => Self::ImageProxy,
            (_, Class::Human) => Self::Browser,
            (_, Class::Prefetch | Class::Scanner | Class::Bot) => Self::Machine,
            (_, Class::Unknown) => Self::Unknown,
        }
    }
}

const EMPTY: Named = Named { kind: Kind::Machine, class: Class::Bot, confidence: 0.9, reason: "agent:empty" };

const NOBODY_KNOWN: Named =
    Named { kind: Kind::Unknown, class: Class::Unknown, confidence: 0.3, reason: "agent:unknown" };

/// Compiled agent rules: share them in an `Arc`; to change rules, compile anew and swap that.
#[derive(Debug)]
pub struct Agents {
    automaton: AhoCorasick,
    /// As the automaton numbers them.
    parts: Vec<Part>,
    /// In the order they are asked.
    rules: Vec<Compiled>,
    /// Which rule decided on an agent, plus one; zero is none.
    remembered: Remembered,
}

/// What became of a rule.
#[derive(Debug)]
struct Compiled {
    named: Named,
    /// What is known of every agent: [`part::AGENT`] if the rule fits all of them.
    given: u8,
    /// What an agent must have, exactly.
    needs: u8,
}

impl Agents {
    /// The rules that ship with vigie.
    #[cfg(test)]
    pub(super) fn builtin() -> Self {
        Self::from_files([]).expect("the embedded rules are valid: a test reads them")
    }

    /// These files' rules, in this order, and after them the rules that ship with vigie.
    ///
    /// # Errors
    /// A file that is not as the head of `config/agents.toml` describes, or too much of it.
    pub fn from_files<'file>(files: impl IntoIterator<Item = AgentsFile<'file>>) -> Result<Self, BadAgents> {
        let mut rules = Vec::new();
        for file in files.into_iter().chain([BUILTIN]) {
            rules.extend(file.rules()?);
            if rules.len() > MOST_RULES {
                return Err(file.bad(format!("there are more than {MOST_RULES} rules; join some")));
            }
            if rules.iter().map(Rule::size).sum::<usize>() > MOST_TEXT {
                return Err(file
                    .bad(format!("all parts have more than {MOST_TEXT} bytes; use fewer or shorter ones")));
            }
        }
        Self::compile(&rules)
    }

    fn compile(rules: &[Rule]) -> Result<Self, BadAgents> {
        let (texts, parts): (Vec<_>, Vec<_>) =
            rules.iter().zip(0..).flat_map(|(rule, number)| rule.parts(number)).unzip();
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::DFA))
            .build(texts)
            .map_err(|error| BUILTIN.bad(format!("the rules do not fit together: {error}")))?;
        let rules = rules.iter().map(Compiled::from).collect();
        Ok(Self { automaton, parts, rules, remembered: Remembered::new() })
    }

    /// What the first rule says that fits this agent.
    pub(super) fn name(&self, agent: &[u8]) -> Named {
        if agent.is_empty() {
            return EMPTY;
        }
        let agent = &agent[..agent.len().min(LONGEST)];
        let decided = self.remembered.decision(agent, || self.read(agent));
        usize::from(decided).checked_sub(1).map_or(NOBODY_KNOWN, |rule| self.rules[rule].named)
    }

    /// The number of the first rule that fits this agent, plus one; zero if none does.
    fn read(&self, agent: &[u8]) -> u16 {
        let mut found = [0_u8; MOST_RULES];
        for there in self.automaton.find_overlapping_iter(agent) {
            let part = &self.parts[there.pattern()];
            if part.fits(agent, there.range()) {
                found[usize::from(part.rule)] |= part.role;
            }
        }
        let mut rules = self.rules.iter().zip(&found).zip(1..);
        rules.find(|((rule, found), _)| rule.fits(**found)).map_or(0, |(_, number)| number)
    }
}

impl Compiled {
    fn fits(&self, found: u8) -> bool {
        found | self.given == self.needs
    }
}

impl From<&Rule> for Compiled {
    fn from(rule: &Rule) -> Self {
        let given = if rule.fits_every_agent() { part::AGENT } else { 0 };
        let with = if rule.with.is_empty() { 0 } else { part::WITH };
        Self { named: rule.named_as(), given, needs: part::AGENT | with }
    }
}

#[cfg(test)]
mod tests;
