//! A file of agent rules: read, checked, and wrong in one sentence that says where and what to do.

use std::collections::BTreeSet;
use std::sync::{LazyLock, Mutex, PoisonError};

use jiff::civil::Date;
use serde::Deserialize;

use super::part::{self, Part};
use super::{Kind, Named};
use crate::model::Class;

/// The part that every agent has.
const EVERY: &str = "*";

/// A file of rules, as the head of `config/agents.toml` describes it.
#[derive(Debug, Clone, Copy)]
pub struct AgentsFile<'file> {
    /// What messages call it: its path.
    pub name: &'file str,
    /// What stands in it.
    pub text: &'file str,
}

/// Rules that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {problem}")]
pub struct BadAgents {
    file: String,
    problem: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    #[serde(default)]
    rule: Vec<Rule>,
}

/// One rule as it stands in the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    reason: String,
    class: Class,
    confidence: f32,
    /// Where the rule comes from and when that was last read, for people.
    #[serde(rename = "source")]
    _source: String,
    #[serde(rename = "date")]
    _date: Date,
    agents: Vec<String>,
    #[serde(default)]
    pub with: Vec<String>,
    #[serde(default)]
    unless: Vec<String>,
}

impl AgentsFile<'_> {
    /// Reads and checks the rules.
    pub(super) fn rules(&self) -> Result<Vec<Rule>, BadAgents> {
        let unreadable = |error: toml::de::Error| self.bad(self.sentence("", &error));
        let document = toml::Deserializer::parse(self.text).map_err(unreadable)?;
        let contents: Contents = serde_path_to_error::deserialize(document).map_err(|error| {
            let place = error.path().to_string();
            self.bad(self.sentence(&place, error.inner()))
        })?;
        for (rule, number) in contents.rule.iter().zip(1..) {
            let wrong = |what: String| self.bad(format!("rule {number} ({}): {what}", rule.reason));
            rule.check().map_err(wrong)?;
        }
        Ok(contents.rule)
    }

    /// This file is wrong.
    pub(super) fn bad(&self, problem: String) -> BadAgents {
        BadAgents { file: self.name.to_owned(), problem }
    }

    /// What TOML says, on one line: the place counts rules from 0, people count lines from 1.
    fn sentence(&self, place: &str, error: &toml::de::Error) -> String {
        let before = error.span().and_then(|span| self.text.get(..span.start));
        let line = before.map_or(String::new(), |text| format!("line {}, ", text.matches('\n').count() + 1));
        let what = error.message().lines().collect::<Vec<_>>().join(" ");
        let place = if place.is_empty() || place == "." { String::new() } else { format!("{place}: ") };
        format!("{line}{place}{what}; the head of config/agents.toml says what a rule has")
    }
}

impl Rule {
    /// What is wrong with it, and what to do.
    fn check(&self) -> Result<(), String> {
        let code = self.reason.strip_prefix("agent:").unwrap_or_default();
        if code.is_empty()
            || !code.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        {
            return Err(
                "the reason is not `agent:` and a code of a-z, 0-9 and -; write for example `agent:crawler`"
                    .into(),
            );
        }
        if !(0.0..=1.0).contains(&self.confidence) {
            return Err(format!("the confidence {} is not between 0 and 1", self.confidence));
        }
        if self.agents.is_empty() {
            return Err("`agents` is empty, so it would never fit; take the rule out".into());
        }
        for part in [self.named(), &self.with, &self.unless].into_iter().flatten() {
            part::check(part).map_err(|what| format!("the part {part:?} {what}"))?;
        }
        Ok(())
    }

    /// Whether it names every agent.
    pub(super) fn fits_every_agent(&self) -> bool {
        self.agents == [EVERY]
    }

    /// The parts that agents are known by.
    fn named(&self) -> &[String] {
        if self.fits_every_agent() { &[] } else { &self.agents }
    }

    /// The bytes of all texts.
    pub(super) fn size(&self) -> usize {
        self.parts(0).map(|(text, _)| text.len()).sum()
    }

    /// Its texts, and what finding each of them means.
    pub(super) fn parts(&self, number: u8) -> impl Iterator<Item = (String, Part)> {
        let roles = [(self.named(), part::AGENT), (&self.with, part::WITH), (&self.unless, part::UNLESS)];
        let all = roles.into_iter().flat_map(|(parts, role)| parts.iter().map(move |part| (part, role)));
        all.flat_map(move |(part, role)| {
            let (texts, part) = Part::read(part, number, role);
            texts.into_iter().map(move |text| (text, part))
        })
    }

    /// What it says of agents that it fits.
    pub(super) fn named_as(&self) -> Named {
        let (class, reason) = (self.class, kept(&self.reason));
        Named { kind: Kind::of(reason, class), class, confidence: self.confidence, reason }
    }
}

/// Verdicts are copied into every signal, so their reasons live as long as the process, once each however often the
/// rules are read anew.
fn kept(reason: &str) -> &'static str {
    static REASONS: LazyLock<Mutex<BTreeSet<&'static str>>> = LazyLock::new(Mutex::default);
    let mut reasons = REASONS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = reasons.get(reason) {
        return known;
    }
    let new: &'static str = Box::leak(reason.to_owned().into_boxed_str());
    reasons.insert(new);
    new
}
