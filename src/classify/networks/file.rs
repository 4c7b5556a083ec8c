//! A file of networks: read, and refused with the line and what to write instead.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;
use toml::value::Datetime;

use super::range::{BadRange, Range};
use super::{Operator, Scope, Strength};

/// Bytes of a file: fifty times the longest that ships with vigie. A list that long is a mistake, or wants aggregating.
const LONGEST: u64 = 8 * 1024 * 1024;

/// Bytes of a label: it is part of a reason, which is a metric's label.
const LONGEST_LABEL: usize = 32;

/// A file of networks that cannot be used. `Display` is one sentence: file, line, and what to write instead.
#[derive(Debug, thiserror::Error)]
pub enum BadNetworks {
    /// The file cannot be read.
    #[error("cannot read the networks {}: {source}", file.display())]
    Unreadable {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is longer than anything useful.
    #[error("{} is longer than 8 MiB: join neighbouring networks, or leave out the smallest", file.display())]
    TooLong {
        /// Which file.
        file: PathBuf,
    },
    /// Not TOML, or not tables `[[network]]` with their keys.
    #[error("{} line {line}: {message}", file.display())]
    Syntax {
        /// Which file.
        file: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What the parser says.
        message: String,
    },
    /// A label that cannot be part of a reason.
    #[error("{} line {line}: label {label:?} must be 1 to 32 of a-z, 0-9 and the hyphen", file.display())]
    Label {
        /// Which file.
        file: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What was written.
        label: String,
    },
    /// A text among the ranges is no network.
    #[error("{} line {line}: {problem}", file.display())]
    Range {
        /// Which file.
        file: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Why, and what to write.
        problem: BadRange,
    },
    /// All files together have more than fits the memory set aside.
    #[error("more than {most} {what} in all files: join neighbouring ones, or leave out the smallest")]
    TooMany {
        /// `ranges` or `tables [[network]]`.
        what: &'static str,
        /// How many may be.
        most: usize,
    },
}

/// The file as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    network: Vec<WrittenEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenEntry {
    label: Spanned<String>,
    operator: Operator,
    scope: Scope,
    strength: Strength,
    /// Where the ranges come from, for people.
    #[serde(rename = "source")]
    _source: String,
    /// The day they are of, for people.
    #[serde(rename = "date")]
    _date: Datetime,
    ranges: Vec<Spanned<String>>,
}

/// One table `[[network]]`, checked.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) label: String,
    pub(super) operator: Operator,
    pub(super) scope: Scope,
    pub(super) strength: Strength,
    pub(super) ranges: Vec<Range>,
}

/// The entries of the file at this path.
pub(super) fn read(file: &Path) -> Result<Vec<Entry>, BadNetworks> {
    let unreadable = |source| BadNetworks::Unreadable { file: file.to_owned(), source };
    let mut text = String::new();
    let opened = File::open(file).map_err(unreadable)?;
    opened.take(LONGEST + 1).read_to_string(&mut text).map_err(unreadable)?;
    if u64::try_from(text.len()).is_ok_and(|length| length > LONGEST) {
        return Err(BadNetworks::TooLong { file: file.to_owned() });
    }
    parse(file, &text)
}

/// The entries of this text; `file` is for people.
pub(super) fn parse(file: &Path, text: &str) -> Result<Vec<Entry>, BadNetworks> {
    let written: Written = toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        BadNetworks::Syntax {
            file: file.to_owned(),
            line: line(text, start),
            message: error.message().to_owned(),
        }
    })?;
    written.network.into_iter().map(|entry| entry.check(file, text)).collect()
}

impl WrittenEntry {
    fn check(self, file: &Path, text: &str) -> Result<Entry, BadNetworks> {
        let Self { label, operator, scope, strength, ranges, .. } = self;
        if !is_label(label.get_ref()) {
            let line = line(text, label.span().start);
            return Err(BadNetworks::Label { file: file.to_owned(), line, label: label.into_inner() });
        }
        let read = |written: Spanned<String>| {
            Range::parse(written.get_ref()).map_err(|problem| {
                let line = line(text, written.span().start);
                BadNetworks::Range { file: file.to_owned(), line, problem }
            })
        };
        let ranges = ranges.into_iter().map(read).collect::<Result<_, _>>()?;
        Ok(Entry { label: label.into_inner(), operator, scope, strength, ranges })
    }
}

fn is_label(label: &str) -> bool {
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    (1..=LONGEST_LABEL).contains(&label.len()) && label.bytes().all(allowed)
}

/// The line, from 1, that this byte of the text is in.
fn line(text: &str, byte: usize) -> usize {
    text.bytes().take(byte).filter(|byte| *byte == b'\n').count() + 1
}
