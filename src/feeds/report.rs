//! What is said of a feed: a line for each that was refused, and the sums.

use serde::{Deserialize, Serialize};

use super::reader::{Form, Original};

/// A line that was refused. Not `Debug`: what stands in it may be shown with it.
#[derive(Clone, Serialize, Deserialize)]
pub struct Refusal {
    /// The line it begins on, from 1.
    pub line: u64,
    /// The field at fault, as a dotted name; none where it is the line itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What is wrong with it and what to do.
    pub problem: String,
    /// Of CSV: its cells, where they were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cells: Option<Vec<String>>,
    /// Of NDJSON: its text, where it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl Refusal {
    /// The same with what stands in the line.
    #[must_use]
    pub fn with(self, original: Original) -> Self {
        match original {
            Original::Cells(cells) => Self { cells: Some(cells), ..self },
            Original::Text(text) => Self { text: Some(text), ..self },
        }
    }

    /// The same without what stands in the line.
    #[must_use]
    pub fn bare(&self) -> Self {
        Self {
            line: self.line,
            field: self.field.clone(),
            problem: self.problem.clone(),
            cells: None,
            text: None,
        }
    }
}

/// The sums of an import: `lines` is the sum of the five below it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Report {
    /// Records read; the header line and blank lines are none.
    pub lines: u64,
    /// New sends, and cases that were opened or changed.
    pub accepted: u64,
    /// Accepted by an earlier import or request, with what they say of their cases; nothing changed.
    pub same: u64,
    /// The letter of an earlier line of this feed, and nothing new of its case.
    pub duplicate: u64,
    /// Refused, each with its problem.
    pub rejected: u64,
    /// Not looked at, as was asked for (`skip`).
    pub skipped: u64,
    /// Of those rejected, how many are not listed.
    pub not_listed: u64,
    /// Nothing was changed: `accepted` would have been.
    pub dry_run: bool,
    /// The feed does not end in a line end: its last line may be torn.
    pub unterminated: bool,
    /// Every line was dealt with. If not, the first `lines` were, and `stopped` says why.
    pub complete: bool,
    /// Why not every line was dealt with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
}

impl Report {
    /// The sums of an import that went on where this one had stopped; lines the later one skipped are this one's.
    #[must_use]
    pub fn and_then(&self, later: &Self) -> Self {
        Self {
            lines: self.lines + later.lines - later.skipped,
            accepted: self.accepted + later.accepted,
            same: self.same + later.same,
            duplicate: self.duplicate + later.duplicate,
            rejected: self.rejected + later.rejected,
            skipped: self.skipped,
            not_listed: self.not_listed + later.not_listed,
            ..later.clone()
        }
    }
}

/// One line of the answer to `POST /v1/imports`: exactly one of these is there, a refusal's members beside each other.
#[derive(Default, Deserialize)]
pub struct Said {
    /// How the feed is written: the first line.
    #[serde(default)]
    pub source: Option<Form>,
    /// The sums of what is dealt with so far.
    #[serde(default)]
    pub done: Option<Report>,
    /// The sums: the last line.
    #[serde(default)]
    pub report: Option<Report>,
    /// A refused line.
    #[serde(flatten)]
    pub refusal: Option<Refusal>,
}
