//! What was refused, written so that it can be corrected and brought again: as it came, with one more column.

use std::io::{self, Write};

use serde_json::{Map, Value};

use super::PROBLEM;
use super::reader::Form;
use super::report::Refusal;
use crate::config::FeedFormat;

/// UTF-8's mark: it wins over whatever encoding is named when the file comes again.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Writes refused lines in the feed's own format, in UTF-8, with the problem as one more column or member.
pub struct Rejects<W: Write> {
    output: Output<W>,
    columns: usize,
}

enum Output<W: Write> {
    Csv(Box<csv::Writer<W>>),
    Ndjson(W),
}

impl<W: Write> Rejects<W> {
    /// Begins a file of refused lines; with `append` only what follows its head.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn new(mut output: W, form: &Form, append: bool) -> io::Result<Self> {
        let columns = form.columns.len();
        if form.format == FeedFormat::Ndjson {
            return Ok(Self { output: Output::Ndjson(output), columns });
        }
        if !append {
            output.write_all(MARK)?;
        }
        let delimiter = form.delimiter.and_then(|delimiter| u8::try_from(delimiter).ok()).unwrap_or(b',');
        let mut writer = csv::WriterBuilder::new().delimiter(delimiter).flexible(true).from_writer(output);
        if form.header && !append {
            let known = form.columns.iter().map(String::as_str).filter(|column| *column != PROBLEM);
            writer.write_record(known.chain([PROBLEM])).map_err(io::Error::from)?;
        }
        Ok(Self { output: Output::Csv(Box::new(writer)), columns })
    }

    /// Writes one.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&mut self, form: &Form, refusal: &Refusal) -> io::Result<()> {
        let problem = match &refusal.field {
            Some(field) => format!("line {}: {field}: {}", refusal.line, refusal.problem),
            None => format!("line {}: {}", refusal.line, refusal.problem),
        };
        match &mut self.output {
            Output::Csv(writer) => {
                let none = Vec::new();
                let cells = refusal.cells.as_ref().unwrap_or(&none);
                // A record may have fewer cells than the header, or more; the problem stands in the last column.
                let padded =
                    (0..self.columns.max(cells.len())).map(|at| cells.get(at).map_or("", String::as_str));
                let known = padded
                    .enumerate()
                    .filter(|(at, _)| form.columns.get(*at).is_none_or(|column| column != PROBLEM));
                let record = known.map(|(_, cell)| cell).chain([problem.as_str()]);
                writer.write_record(record).map_err(io::Error::from)
            }
            Output::Ndjson(output) => {
                let text = refusal.text.as_deref().unwrap_or_default();
                let mut members: Map<String, Value> = serde_json::from_str(text)
                    .unwrap_or_else(|_| Map::from_iter([("torn".to_owned(), text.into())]));
                members.insert(PROBLEM.into(), problem.into());
                serde_json::to_writer(&mut *output, &members)?;
                output.write_all(b"\n")
            }
        }
    }

    /// Hands everything written to the system.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn flush(&mut self) -> io::Result<()> {
        match &mut self.output {
            Output::Csv(writer) => writer.flush(),
            Output::Ndjson(output) => output.flush(),
        }
    }
}
