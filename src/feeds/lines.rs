//! From text to lines of bounded length: NDJSON.

use super::Fault;
use super::csv::{not_utf_8, undecodable};

/// One line that is not blank.
pub(super) struct Line {
    /// Its number, from 1.
    pub(super) number: u64,
    /// Its text; where there is a fault, as far as it is known.
    pub(super) text: String,
    /// What is wrong with it.
    pub(super) fault: Option<Fault>,
}

/// Collects text until a line is complete; never holds more than one line of the longest allowed length.
pub(super) struct LineSplitter {
    max_line: usize,
    ended: u64,
    begun: Vec<u8>,
    too_long: bool,
}

impl LineSplitter {
    pub(super) fn new(max_line: usize) -> Self {
        Self { max_line, ended: 0, begun: Vec::new(), too_long: false }
    }

    /// Takes from `text` up to the end of the next line that is not blank. None once all of it is taken.
    pub(super) fn next(&mut self, text: &mut &[u8]) -> Option<Line> {
        while let Some(at) = memchr::memchr(b'\n', text) {
            self.keep(&text[..at]);
            *text = &text[at + 1..];
            if let Some(line) = self.finish() {
                return Some(line);
            }
        }
        self.keep(text);
        *text = &[];
        None
    }

    /// The last line, if the text does not end in a line end.
    pub(super) fn end(&mut self) -> Option<Line> {
        (self.too_long || !self.begun.is_empty()).then(|| self.finish()).flatten()
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.too_long || self.begun.len() + bytes.len() > self.max_line {
            self.too_long = true;
            self.begun.clear();
        } else {
            self.begun.extend_from_slice(bytes);
        }
    }

    fn finish(&mut self) -> Option<Line> {
        self.ended += 1;
        let (number, too_long) = (self.ended, std::mem::take(&mut self.too_long));
        let bytes = std::mem::take(&mut self.begun);
        if too_long {
            let fault = Fault::line(format!("is longer than {} bytes", self.max_line));
            return Some(Line { number, text: String::new(), fault: Some(fault) });
        }
        match String::from_utf8(bytes) {
            Ok(text) if text.trim().is_empty() => None,
            Ok(text) => Some(Line { number, fault: undecodable(&text), text }),
            Err(error) => {
                let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
                Some(Line { number, text, fault: Some(not_utf_8()) })
            }
        }
    }
}
