//! Lines of any input in bounded memory.

use std::io::{BufRead, BufReader, Read};

use crate::cli::{Exit, Failure};

/// The longest line, without its end.
pub(super) const LONGEST: usize = 64 * 1024;

/// Lines that are read one at a time.
pub(super) struct Lines<R> {
    input: BufReader<R>,
    /// What messages call the input.
    name: String,
}

/// One line without its end.
pub(super) enum Line {
    /// What stands in it.
    Text(Vec<u8>),
    /// It is longer than [`LONGEST`] and was skipped.
    TooLong,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(input: BufReader<R>, name: String) -> Self {
        Self { input, name }
    }

    /// The next line, or nothing at the end.
    pub(super) fn next(&mut self) -> Result<Option<Line>, Failure> {
        let unreadable = |error| Failure::new(Exit::Data, format!("cannot read {}: {error}", self.name));
        let mut text = Vec::new();
        let bound = LONGEST as u64 + 1;
        let read = self.input.by_ref().take(bound).read_until(b'\n', &mut text).map_err(unreadable)?;
        if text.pop_if(|last| *last == b'\n').is_some() {
            text.pop_if(|last| *last == b'\r');
        } else if text.len() > LONGEST {
            self.input.skip_until(b'\n').map_err(unreadable)?;
            return Ok(Some(Line::TooLong));
        }
        Ok((read > 0).then_some(Line::Text(text)))
    }

    /// Whether the next line may not be there yet.
    pub(super) fn would_wait(&self) -> bool {
        self.input.buffer().is_empty()
    }
}
