//! One part of a rule: text that an agent has, and where it must stand.

use std::ops::Range;

/// A part out of `agents` was found.
pub(super) const AGENT: u8 = 1;
/// A part out of `with` was found.
pub(super) const WITH: u8 = 2;
/// A part out of `unless` was found.
pub(super) const UNLESS: u8 = 4;

/// Digits that one part may leave open; each makes ten texts of one.
const MOST_DIGITS: usize = 3;

/// The longest part.
const LONGEST: usize = 200;

/// A part as the automaton numbers them, without its text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    /// Whose it is.
    pub rule: u8,
    /// What finding it means: [`AGENT`], [`WITH`] or [`UNLESS`].
    pub role: u8,
    before: Beside,
    after: Beside,
}

/// What may stand beside the text.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Beside {
    /// Anything.
    Any,
    /// The end of the agent (`^`, `$`).
    End,
    /// The end of a word (`|`).
    Word,
}

impl Part {
    /// Reads a part that [`check`] finds right: the texts it stands for, and what binds them.
    pub(super) fn read(part: &str, number: u8, role: u8) -> (Vec<String>, Self) {
        let (text, before, after) = marks(part);
        (spellings(text), Self { rule: number, role, before, after })
    }

    /// Whether the text, found here, stands where it must.
    pub(super) fn fits(self, agent: &[u8], at: Range<usize>) -> bool {
        self.before.holds(agent[..at.start].last()) && self.after.holds(agent.get(at.end))
    }
}

impl Beside {
    fn holds(self, neighbour: Option<&u8>) -> bool {
        match self {
            Self::Any => true,
            Self::End => neighbour.is_none(),
            Self::Word => neighbour.is_none_or(|byte| !byte.is_ascii_alphanumeric()),
        }
    }
}

/// What is wrong with a part, and what to write instead.
pub(super) fn check(part: &str) -> Result<(), String> {
    let (text, ..) = marks(part);
    if text.is_empty() {
        return Err("is empty; every agent has that".into());
    }
    if text == "*" {
        return Err("fits every agent, so it stands alone, and only in `agents`".into());
    }
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(
            "has capitals; write it in lower case (agents are compared without regard to case)".into()
        );
    }
    if text.len() > LONGEST {
        return Err(format!("is longer than {LONGEST} bytes; its most telling part will do"));
    }
    if text.matches('#').count() > MOST_DIGITS {
        return Err(format!("leaves more than {MOST_DIGITS} digits open; leave the last ones out"));
    }
    Ok(())
}

/// The text between the marks.
fn marks(part: &str) -> (&str, Beside, Beside) {
    let (text, before) = match part.as_bytes().first() {
        Some(b'^') => (&part[1..], Beside::End),
        Some(b'|') => (&part[1..], Beside::Word),
        _ => (part, Beside::Any),
    };
    match text.as_bytes().last() {
        Some(b'$') => (&text[..text.len() - 1], before, Beside::End),
        Some(b'|') => (&text[..text.len() - 1], before, Beside::Word),
        _ => (text, before, Beside::Any),
    }
}

/// The text with every digit in the place of each `#`.
fn spellings(text: &str) -> Vec<String> {
    let Some((before, after)) = text.split_once('#') else { return vec![text.to_owned()] };
    let tails = spellings(after);
    let spelled =
        ('0'..='9').flat_map(|digit| tails.iter().map(move |tail| format!("{before}{digit}{tail}")));
    spelled.collect()
}
