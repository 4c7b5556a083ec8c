//! The table of instructions that is kept with the sources.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

use anyhow::{Context, Result};

/// Where it is kept.
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.txt");

/// What its first lines say.
const HEAD: &str = "\
# Instructions of each step of a signal's way, as callgrind counts them. The last step of `.ci/run` compares; the same
# command with `-- --write` at its end writes this file.
";

/// The instructions of each step when the table was written.
pub fn read() -> Result<BTreeMap<String, u64>> {
    let text = fs::read_to_string(FILE).with_context(|| format!("reading {FILE}"))?;
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let entry = |line: &str| {
        Some((line.split_whitespace().next()?.to_owned(), line.split_whitespace().nth(1)?.parse().ok()?))
    };
    lines.map(|line| entry(line).with_context(|| format!("{FILE}: `{line}` is no step and count"))).collect()
}

/// Keeps these.
pub fn write(counted: &[(&str, u64)]) -> Result<()> {
    let mut text = HEAD.to_owned();
    for (name, count) in counted {
        writeln!(text, "{name:<14}{count:>10}")?;
    }
    fs::write(FILE, text).with_context(|| format!("writing {FILE}"))
}

/// What was counted beside what is kept.
pub fn against(counted: &[(&str, u64)], last: &BTreeMap<String, u64>) -> String {
    let head = format!("{:<14}{:>12}{:>12}{:>10}\n", "step", "instructions", "last", "change");
    let line = |(name, count): &(&str, u64)| {
        let (before, change) = match last.get(*name) {
            Some(&before) => (before.to_string(), percent(*count, before)),
            None => ("-".to_owned(), "new".to_owned()),
        };
        format!("{name:<14}{count:>12}{before:>12}{change:>10}\n")
    };
    std::iter::once(head).chain(counted.iter().map(line)).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a percentage with one digit")]
fn percent(count: u64, before: u64) -> String {
    format!("{:+.1} %", (count as f64 / before as f64 - 1.0) * 100.0)
}
