//! From bytes to records: the first three steps of a line's way.

use encoding_rs::{Encoding, UTF_8};
use serde::{Deserialize, Serialize};

use super::Fault;
use super::csv::{CsvSplitter, Row};
use super::encoding::{self, BadEncoding, Transcoder};
use super::lines::{Line, LineSplitter};
use crate::config::{FeedFormat, Mapping};

/// So many of the first bytes decide how a feed is written.
const SAMPLE: usize = 64 * 1024;

/// What may stand between columns, the likeliest first.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// What was said of a feed before it was read; the rest is found out.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted {
    format: Option<FeedFormat>,
    delimiter: Option<u8>,
    encoding: Option<&'static Encoding>,
}

impl Wanted {
    /// What a mapping says.
    ///
    /// # Errors
    /// If it names an encoding or a delimiter that is none.
    pub fn of(mapping: &Mapping) -> Result<Self, String> {
        let said = Self { format: mapping.format, ..Self::default() };
        said.overridden(mapping.encoding.as_deref(), mapping.delimiter.as_deref())
    }

    /// The same in this encoding and with this delimiter, where they are given.
    ///
    /// # Errors
    /// If there is no such encoding, or the delimiter is none.
    pub fn overridden(mut self, encoding: Option<&str>, delimiter: Option<&str>) -> Result<Self, String> {
        if let Some(label) = encoding {
            self.encoding = Some(encoding::named(label).map_err(|bad| bad.to_string())?);
        }
        if let Some(text) = delimiter {
            self.delimiter = Some(self::delimiter(text)?);
        }
        Ok(self)
    }

    /// The same in this format.
    #[must_use]
    pub fn in_format(self, format: Option<FeedFormat>) -> Self {
        Self { format: format.or(self.format), ..self }
    }
}

/// A delimiter: one ASCII character, or the word `tab`.
///
/// # Errors
/// What a delimiter is, if this is none.
pub fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"tab" | b"\\t" => Ok(b'\t'),
        [one] if one.is_ascii() && !matches!(one, b'"' | b'\n' | b'\r') && !one.is_ascii_alphanumeric() => {
            Ok(*one)
        }
        _ => Err("the delimiter is one character such as , or ; or the word tab".into()),
    }
}

/// How a feed is written, as it was found out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Form {
    /// CSV or NDJSON.
    pub format: FeedFormat,
    /// The encoding's name.
    pub encoding: String,
    /// Of CSV: what stands between columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<char>,
    /// Of CSV: the columns, once they are known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// Of CSV: whether the first line names them.
    #[serde(default)]
    pub header: bool,
}

/// One record as it stands in the feed. Not `Debug`: it holds addresses.
pub struct Record {
    /// The number of the line it begins on, from 1.
    pub line: u64,
    /// What stands there.
    pub original: Original,
    /// What is wrong with it already.
    pub fault: Option<Fault>,
}

/// What stands in a record. Not `Debug`: it holds addresses.
#[derive(Clone, PartialEq, Eq)]
pub enum Original {
    /// Of CSV: the cells.
    Cells(Vec<String>),
    /// Of NDJSON: the line.
    Text(String),
}

/// Reads a feed from pieces of any size. Holds one piece, one record, and at first the sample.
pub struct Reader {
    wanted: Wanted,
    max_record: usize,
    state: State,
    /// Text that is not yet split, from `from` on.
    text: Vec<u8>,
    from: usize,
    ended: bool,
    /// Whether the last byte was a line end.
    at_line_end: bool,
}

enum State {
    /// Bytes are collected until it is clear how the feed is written.
    Sampling(Vec<u8>),
    Reading(Box<(Transcoder, Splitter, Form)>),
}

enum Splitter {
    Csv(Box<CsvSplitter>),
    Ndjson(LineSplitter),
}

impl Reader {
    /// A reader of records of at most so many bytes.
    pub fn new(wanted: Wanted, max_record: usize) -> Self {
        let state = State::Sampling(Vec::new());
        Self { wanted, max_record, state, text: Vec::new(), from: 0, ended: false, at_line_end: true }
    }

    /// How the feed is written, once that is known.
    pub fn form(&self) -> Option<&Form> {
        match &self.state {
            State::Sampling(_) => None,
            State::Reading(reading) => Some(&reading.2),
        }
    }

    /// Whether the feed ended without a line end: its last line may be torn.
    pub fn is_unterminated(&self) -> bool {
        self.ended && !self.at_line_end
    }

    /// Takes the next bytes. Read all records before the next push: nothing else bounds what is held.
    ///
    /// # Errors
    /// If it cannot be found out how the feed is written.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), BadEncoding> {
        self.take(bytes, false)
    }

    /// No more bytes come.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn finish(&mut self) -> Result<(), BadEncoding> {
        self.take(&[], true)
    }

    fn take(&mut self, bytes: &[u8], last: bool) -> Result<(), BadEncoding> {
        self.text.drain(..std::mem::take(&mut self.from));
        self.ended = last;
        match &mut self.state {
            State::Reading(reading) => reading.0.decode(bytes, last, &mut self.text),
            State::Sampling(sample) => {
                sample.extend_from_slice(bytes);
                if last || sample.len() >= SAMPLE {
                    let sample = std::mem::take(sample);
                    self.begin(&sample, last)?;
                }
            }
        }
        if let Some(byte) = self.text.last() {
            self.at_line_end = matches!(byte, b'\n' | b'\r');
        }
        Ok(())
    }

    fn begin(&mut self, sample: &[u8], whole: bool) -> Result<(), BadEncoding> {
        let (encoding, mark) = encoding::detect(sample, whole, self.wanted.encoding)?;
        let mut transcoder = Transcoder::new(encoding);
        transcoder.decode(&sample[mark..], whole, &mut self.text);
        let format = self.wanted.format.unwrap_or_else(|| guess_format(&self.text));
        let delimiter = self.wanted.delimiter.unwrap_or_else(|| guess_delimiter(&self.text));
        let splitter = match format {
            FeedFormat::Csv => Splitter::Csv(Box::new(CsvSplitter::new(delimiter, self.max_record))),
            FeedFormat::Ndjson => Splitter::Ndjson(LineSplitter::new(self.max_record)),
        };
        let delimiter = (format == FeedFormat::Csv).then_some(char::from(delimiter));
        let name = if encoding == UTF_8 { "UTF-8" } else { encoding::name(encoding) };
        let form = Form { format, encoding: name.to_owned(), delimiter, columns: Vec::new(), header: false };
        self.state = State::Reading(Box::new((transcoder, splitter, form)));
        Ok(())
    }

    /// The next record; none if more bytes are needed, or nothing is left.
    pub fn record(&mut self) -> Option<Record> {
        let State::Reading(reading) = &mut self.state else { return None };
        let mut text = &self.text[self.from..];
        let record = reading.1.next(&mut text, self.ended);
        self.from = self.text.len() - text.len();
        record
    }
}

impl Splitter {
    fn next(&mut self, text: &mut &[u8], ended: bool) -> Option<Record> {
        match self {
            Self::Csv(csv) => {
                let row = csv.next(text).or_else(|| ended.then(|| csv.end()).flatten());
                row.map(Record::from)
            }
            Self::Ndjson(lines) => {
                let line = lines.next(text).or_else(|| ended.then(|| lines.end()).flatten());
                line.map(Record::from)
            }
        }
    }
}

impl From<Row> for Record {
    fn from(row: Row) -> Self {
        Self { line: row.line, original: Original::Cells(row.cells), fault: row.fault }
    }
}

impl From<Line> for Record {
    fn from(line: Line) -> Self {
        Self { line: line.number, original: Original::Text(line.text), fault: line.fault }
    }
}

/// A JSON object begins with a brace, and no column's name does.
fn guess_format(text: &[u8]) -> FeedFormat {
    match text.trim_ascii_start().first() {
        Some(b'{') => FeedFormat::Ndjson,
        _ => FeedFormat::Csv,
    }
}

/// The delimiter that the first line has most of, outside of quotes.
fn guess_delimiter(text: &[u8]) -> u8 {
    let text = text.trim_ascii_start();
    let mut counts = [0_usize; DELIMITERS.len()];
    let mut quoted = false;
    for byte in text {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' | b'\r' if !quoted => break,
            other if !quoted => {
                if let Some(at) = DELIMITERS.iter().position(|delimiter| delimiter == other) {
                    counts[at] += 1;
                }
            }
            _ => {}
        }
    }
    let best = (0..DELIMITERS.len()).rev().max_by_key(|at| counts[*at]).unwrap_or(0);
    DELIMITERS[best]
}
