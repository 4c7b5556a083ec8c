//! `[feeds]`: files of sends, what their columns mean, and the folders they are dropped into.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::span::duration;
use crate::model::Name;

/// `[feeds]`: watched folders, and mappings by name.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feeds {
    /// Folders are looked into so often.
    #[serde(deserialize_with = "duration")]
    pub every: Duration,
    /// A file whose size and time have not changed for so long is complete.
    #[serde(deserialize_with = "duration")]
    pub settle: Duration,
    /// A file whose gateway gave no sign of life for so long is taken over by another.
    #[serde(deserialize_with = "duration")]
    pub takeover: Duration,
    /// What the columns of feeds mean, by a name that folders and requests call it by.
    pub mappings: BTreeMap<Name, Mapping>,
    /// The folders that are watched.
    pub folders: BTreeMap<Name, FeedFolder>,
}

/// One watched folder: whose files are dropped there, and how they are read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedFolder {
    /// Where files are dropped; `processed` and `rejected` are made in it.
    pub directory: PathBuf,
    /// Who writes.
    pub brand: Name,
    /// The campaign of lines that name none.
    #[serde(default)]
    pub campaign: Option<Name>,
    /// The template of lines that name none.
    #[serde(default)]
    pub template: Option<Name>,
    /// The mapping in `feeds.mappings`; without it the header line has our own names.
    #[serde(default)]
    pub mapping: Option<Name>,
}

/// What the columns of a feed mean: also the contents of a mapping file (`config/mappings/sample.toml` explains it).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// CSV or NDJSON; else what the name or the first byte says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<FeedFormat>,
    /// Between the columns: one character; else found out from the header line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<String>,
    /// A label of the WHATWG encoding standard; a byte order mark wins. Else UTF-8, or Windows-1252 where it is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// Whether the first line names the columns; without one they are called `1`, `2`, ….
    #[serde(default = "yes")]
    pub header: bool,
    /// What becomes of columns that are not mapped.
    #[serde(default)]
    pub others: Others,
    /// Values that are the same for every line, by field.
    #[serde(default)]
    pub constants: BTreeMap<String, String>,
    /// Where each column goes.
    #[serde(default)]
    pub columns: BTreeMap<String, Column>,
    /// Fields put together from several: `"{case}-{campaign}"`.
    #[serde(default)]
    pub templates: BTreeMap<String, String>,
}

const fn yes() -> bool {
    true
}

/// How a feed is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FeedFormat {
    /// Comma separated values, RFC 4180 and its relatives.
    Csv,
    /// One JSON object per line.
    Ndjson,
}

/// What becomes of columns that a mapping does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Others {
    /// They are not looked at.
    #[default]
    Ignore,
    /// They become variables of the template under their own names.
    Vars,
    /// The feed is refused.
    Refuse,
}

/// Where one column goes: the name of a field, or that and how its text is read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Column {
    /// As it stands.
    Field(String),
    /// Read in a certain way.
    Read(ReadColumn),
}

/// Where one column goes, and how its text is read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadColumn {
    /// The field, or several.
    pub field: Fields,
    /// What the text is.
    #[serde(default)]
    pub format: CellFormat,
    /// Of dates and moments: how they are written, `DD/MM/YYYY` or `%d/%m/%Y`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// Of moments: the time zone they are written in, `Europe/Paris`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Of decimals: the character before the fraction.
    #[serde(default = "point")]
    pub decimal: char,
    /// What an empty cell means; without it the field is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
}

const fn point() -> char {
    '.'
}

/// One field or several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Fields {
    /// One.
    One(String),
    /// Several get the same value.
    Several(Vec<String>),
}

/// What the text of a cell is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CellFormat {
    /// Text, without the white space around it.
    #[default]
    Text,
    /// A day, which becomes `2026-03-01`.
    Date,
    /// A moment, which becomes RFC 3339.
    Moment,
    /// A number, which becomes `1234.50`.
    Decimal,
    /// Text in lower case.
    Lower,
    /// Text in upper case.
    Upper,
}
