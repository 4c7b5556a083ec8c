//! From text to CSV records of bounded length, wherever the pieces of text are cut.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::Fault;

/// Most columns of a record.
const MOST_COLUMNS: usize = 1024;

/// One record: its cells, or what is wrong with it and what of it was kept.
pub(super) struct Row {
    /// The number of the line it begins on, from 1.
    pub(super) line: u64,
    /// Its cells; where there is a fault, as far as they are known, with U+FFFD for what cannot be read.
    pub(super) cells: Vec<String>,
    /// What is wrong with it.
    pub(super) fault: Option<Fault>,
}

/// Collects text until a record is complete; never holds more than one record of the longest allowed length.
pub(super) struct CsvSplitter {
    core: Reader,
    max_record: usize,
    /// Lines ended so far.
    ended: u64,
    /// Lines ended before the begun record; none is begun yet if nothing.
    begun: Option<u64>,
    output: Vec<u8>,
    written: usize,
    ends: Vec<usize>,
    columns: usize,
    /// What the begun record has too much of.
    excess: Option<Fault>,
}

impl CsvSplitter {
    pub(super) fn new(delimiter: u8, max_record: usize) -> Self {
        Self {
            core: ReaderBuilder::new().delimiter(delimiter).build(),
            max_record,
            ended: 0,
            begun: None,
            output: vec![0; max_record.min(4096)],
            written: 0,
            ends: vec![0; 64],
            columns: 0,
            excess: None,
        }
    }

    /// Takes from `text` up to the end of the next record, and leaves what is behind it. None once all of it is taken.
    pub(super) fn next(&mut self, text: &mut &[u8]) -> Option<Row> {
        loop {
            if self.begun.is_none() {
                self.skip_blank_lines(text);
            }
            // Nothing to read would mean the end to the parser.
            if text.is_empty() {
                return None;
            }
            self.begun.get_or_insert(self.ended);
            match self.read(text) {
                ReadRecordResult::InputEmpty => return None,
                ReadRecordResult::OutputFull => self.more_text(),
                ReadRecordResult::OutputEndsFull => self.more_columns(),
                ReadRecordResult::Record => {
                    let row = self.row();
                    if row.fault.is_some() || row.cells.iter().any(|cell| !cell.is_empty()) {
                        return Some(row);
                    }
                }
                ReadRecordResult::End => self.begun = None,
            }
        }
    }

    /// The last record, if the text does not end in a line end; it is torn if it ends within quotes.
    pub(super) fn end(&mut self) -> Option<Row> {
        self.begun?;
        if let Some(row) = self.next(&mut &b"\n"[..]) {
            return Some(row);
        }
        let line = self.begun? + 1;
        let fault = Fault::line(
            "the quoted field that opens here is never closed: nothing behind it was read; close it and import again",
        );
        self.begun = None;
        Some(Row { line, cells: Vec::new(), fault: Some(fault) })
    }

    fn skip_blank_lines(&mut self, text: &mut &[u8]) {
        while let Some((first @ (b'\n' | b'\r'), rest)) = text.split_first() {
            self.ended += u64::from(*first == b'\n');
            *text = rest;
        }
    }

    fn read(&mut self, text: &mut &[u8]) -> ReadRecordResult {
        let (result, read, written, columns) =
            self.core.read_record(text, &mut self.output[self.written..], &mut self.ends[self.columns..]);
        let (taken, rest) = text.split_at(read);
        self.ended += memchr::memchr_iter(b'\n', taken).count() as u64;
        *text = rest;
        self.written += written;
        self.columns += columns;
        result
    }

    /// Makes room for the rest of the record, or starts to throw it away.
    fn more_text(&mut self) {
        if self.output.len() < self.max_record {
            self.output.resize((self.output.len() * 2).min(self.max_record), 0);
            return;
        }
        let problem = format!("is longer than {} bytes", self.max_record);
        self.excess.get_or_insert_with(|| Fault::line(problem));
        self.written = 0;
    }

    fn more_columns(&mut self) {
        if self.ends.len() < MOST_COLUMNS {
            self.ends.resize(self.ends.len() * 2, 0);
            return;
        }
        let problem = format!("has more than {MOST_COLUMNS} columns");
        self.excess.get_or_insert_with(|| Fault::line(problem));
        self.columns = 0;
    }

    fn row(&mut self) -> Row {
        let (written, columns) = (std::mem::take(&mut self.written), std::mem::take(&mut self.columns));
        let line = self.begun.take().unwrap_or(self.ended) + 1;
        if let Some(fault) = self.excess.take() {
            return Row { line, cells: Vec::new(), fault: Some(fault) };
        }
        let (bytes, ends) = (&self.output[..written], &self.ends[..columns]);
        match std::str::from_utf8(bytes) {
            Ok(text) if ends.iter().all(|end| text.is_char_boundary(*end)) => {
                Row { line, fault: undecodable(text), cells: cells(bytes, ends) }
            }
            _ => Row { line, cells: cells(bytes, ends), fault: Some(not_utf_8()) },
        }
    }
}

/// The cells without the white space around them, with U+FFFD for what is no UTF-8.
fn cells(bytes: &[u8], ends: &[usize]) -> Vec<String> {
    let starts = std::iter::once(&0).chain(ends);
    let cells = starts.zip(ends).map(|(start, end)| String::from_utf8_lossy(&bytes[*start..*end]));
    cells.map(|cell| cell.trim().to_owned()).collect()
}

/// The fault of a line that is no UTF-8.
pub(super) fn not_utf_8() -> Fault {
    Fault::line("contains bytes that are not UTF-8: say which encoding the feed has, or correct the line")
}

/// The fault of a line with a character that somebody could not decode, we or whoever wrote the feed.
pub(super) fn undecodable(text: &str) -> Option<Fault> {
    text.contains('\u{fffd}').then(|| {
        Fault::line(
            "contains what could not be decoded (U+FFFD): say which encoding the feed has, or correct the line",
        )
    })
}
