//! The agent rules of `config/agents.toml`, compiled into one automaton.

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use serde::Deserialize;

use super::remembered::Remembered;
use crate::model::{Class, Presence, Verdict};

/// The embedded rules: data, so that adding an agent is a line of text with its source.
const BUILTIN: &str = include_str!("../../config/agents.toml");

/// Agents longer than this are judged by their first bytes: real ones end before, and work per request stays bounded.
const LONGEST: usize = 512;

const EMPTY: Verdict = Verdict {
    class: Class::Bot,
    confidence: 0.9,
    reason: "agent:empty",
    open: false,
    presence: Presence::No,
    fires: false,
};

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    rule: Vec<Rule>,
}

/// One rule: any of its patterns decides, unless an earlier rule did.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    /// The verdict's reason.
    reason: String,
    class: Class,
    confidence: f32,
    open: bool,
    presence: bool,
    /// Where the rule comes from, for people.
    #[serde(rename = "source")]
    _source: String,
    /// Parts of agents in lower case; `^` binds one to the start, `$` to the end.
    agents: Vec<String>,
}

/// One pattern of a rule, as the automaton numbers it.
#[derive(Debug)]
struct Pattern {
    starts: bool,
    ends: bool,
    verdict: Verdict,
}

/// Compiled agent rules.
#[derive(Debug)]
pub(super) struct Agents {
    automaton: AhoCorasick,
    /// In the file's order: a lower number wins.
    patterns: Vec<Pattern>,
    /// Which pattern decided on an agent, plus one; zero is none.
    remembered: Remembered,
}

impl Agents {
    /// The rules that ship with vigie.
    pub(super) fn builtin() -> Self {
        let file: File = toml::from_str(BUILTIN).expect("the embedded rules are valid: a test reads them");
        Self::compile(file)
    }

    fn compile(file: File) -> Self {
        let mut texts = Vec::new();
        let mut patterns = Vec::new();
        for rule in file.rule {
            let verdict = rule.verdict();
            for agent in &rule.agents {
                let (starts, text) = agent.strip_prefix('^').map_or((false, &**agent), |text| (true, text));
                let (ends, text) = text.strip_suffix('$').map_or((false, text), |text| (true, text));
                texts.push(text.to_owned());
                patterns.push(Pattern { starts, ends, verdict });
            }
        }
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::DFA))
            .build(texts)
            .expect("a few hundred short patterns fit an automaton");
        assert!(patterns.len() < usize::from(u16::MAX), "patterns are numbered in 16 bits");
        Self { automaton, patterns, remembered: Remembered::new() }
    }

    /// The verdict of the first rule in the file that fits this agent.
    pub(super) fn find(&self, agent: &[u8]) -> Option<Verdict> {
        if agent.is_empty() {
            return Some(EMPTY);
        }
        let agent = &agent[..agent.len().min(LONGEST)];
        let decided = self.remembered.decision(agent, || self.read(agent));
        Some(self.patterns[usize::from(decided).checked_sub(1)?].verdict)
    }

    /// The number of the first pattern in the file that fits this agent, plus one; zero if none does.
    fn read(&self, agent: &[u8]) -> u16 {
        let fits = |found: &aho_corasick::Match| {
            let pattern = &self.patterns[found.pattern()];
            (!pattern.starts || found.start() == 0) && (!pattern.ends || found.end() == agent.len())
        };
        let found = self.automaton.find_overlapping_iter(agent).filter(fits);
        let first = found.map(|found| found.pattern().as_usize()).min();
        first.and_then(|first| u16::try_from(first + 1).ok()).unwrap_or(0)
    }
}

#[cfg(test)]
impl Agents {
    /// Every verdict the rules can give.
    pub(super) fn verdicts(&self) -> impl Iterator<Item = Verdict> {
        self.patterns.iter().map(|pattern| pattern.verdict)
    }
}

impl Rule {
    fn verdict(&self) -> Verdict {
        // Verdicts are copied into every signal; their reasons live as long as the process, once each.
        let reason: &'static str = Box::leak(self.reason.clone().into_boxed_str());
        Verdict {
            class: self.class,
            confidence: self.confidence,
            reason,
            open: self.open,
            presence: if self.presence { Presence::Yes } else { Presence::No },
            fires: self.presence,
        }
    }
}
