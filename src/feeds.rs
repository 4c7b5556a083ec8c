//! Feeds: files and streams of sends, as other systems write them, read line by line in bounded memory.
//!
//! The way of one line:
//!
//! 1. **Bytes** of any size are [pushed](Reader::push) into a [`Reader`]. Their first 64 KiB say how the feed is written,
//!    unless somebody said it before: encoding (a byte order mark, UTF-8, else Windows-1252), CSV or NDJSON, the delimiter.
//! 2. **Text**: everything becomes UTF-8. Bytes that mean nothing are a problem of their line, and of no other.
//! 3. **Records**: quotes, line ends within them, blank lines. A record that is too long is refused without being
//!    kept, and reading goes on behind it. A quoted field that is never closed is refused with all that stands in it:
//!    guessing where it should have ended would make sends of somebody's remarks.
//! 4. **Cells** become fields by a [`Mapping`], compiled once against the header line ([`Layout`]): which column is
//!    which, how dates and decimals are written, what is put together from several.
//! 5. An [`Entry`] comes out: a send as its producer meant it, not yet checked, and what the line says of its case.
//!
//! Nothing here does I/O or knows who accepts sends. What was refused is written so that it can be corrected and
//! brought again ([`Rejects`]).

mod cell;
mod csv;
mod encoding;
mod entry;
mod field;
mod layout;
mod lines;
mod mapping;
mod object;
mod reader;
mod rejects;
mod report;
mod template;

pub use encoding::BadEncoding;
pub use entry::{CaseFacts, Entry};
pub use layout::Layout;
pub use mapping::{BadMapping, Mapping};
pub use reader::{Form, Original, Reader, Record, Wanted, delimiter};
pub use rejects::Rejects;
pub use report::{Refusal, Report, Said};

/// The column, or member, that says what is wrong with a rejected line; it is not looked at when it comes again.
pub const PROBLEM: &str = "vigie_problem";

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct Fault {
    /// The field at fault, as a dotted name; empty where it is the line itself.
    pub field: String,
    /// What is wrong with it and what to do, without the value: that may be an address.
    pub problem: String,
}

impl Fault {
    /// A fault of one field.
    pub fn of(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }

    /// A fault of the line itself.
    pub fn line(problem: impl Into<String>) -> Self {
        Self::of("", problem)
    }
}

#[cfg(test)]
mod tests;
