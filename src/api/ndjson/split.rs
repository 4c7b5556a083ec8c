//! From a stream of bytes to lines of bounded length.

use std::mem;

/// One line, with its number from 1 and without its line end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    /// All of it.
    Whole(u64, Vec<u8>),
    /// Longer than allowed; its bytes were not kept.
    TooLong(u64),
}

/// Collects bytes until a line is complete; never holds more than one line of the longest allowed length.
pub(super) struct Splitter {
    max_line: usize,
    /// Lines ended so far.
    ended: u64,
    /// The begun line.
    begun: Vec<u8>,
    /// Whether the begun line has passed the limit already.
    too_long: bool,
}

impl Splitter {
    pub(super) fn new(max_line: usize) -> Self {
        Self { max_line, ended: 0, begun: Vec::new(), too_long: false }
    }

    /// Takes from `bytes` up to the next line end. Returns that line and the bytes behind it, or none after it has
    /// kept what belongs to a line whose end has not come yet.
    pub(super) fn next<'a>(&mut self, bytes: &'a [u8]) -> Option<(Line, &'a [u8])> {
        let Some(at) = memchr::memchr(b'\n', bytes) else {
            self.keep(bytes);
            return None;
        };
        self.keep(&bytes[..at]);
        Some((self.finish(), &bytes[at + 1..]))
    }

    /// The last line, if the stream does not end in a line end.
    pub(super) fn end(mut self) -> Option<Line> {
        (!self.begun.is_empty() || self.too_long).then(|| self.finish())
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.too_long || self.begun.len() + bytes.len() > self.max_line {
            self.too_long = true;
            self.begun = Vec::new();
        } else {
            self.begun.extend_from_slice(bytes);
        }
    }

    fn finish(&mut self) -> Line {
        self.ended += 1;
        let bytes = mem::take(&mut self.begun);
        if mem::take(&mut self.too_long) { Line::TooLong(self.ended) } else { Line::Whole(self.ended, bytes) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Splits `text` as it arrives in pieces of `size` bytes.
    fn split(text: &[u8], size: usize, max_line: usize) -> Vec<Line> {
        let mut splitter = Splitter::new(max_line);
        let mut lines = Vec::new();
        for mut piece in text.chunks(size) {
            while let Some((line, rest)) = splitter.next(piece) {
                lines.push(line);
                piece = rest;
            }
        }
        lines.extend(splitter.end());
        lines
    }

    #[test]
    fn lines_are_numbered_and_bounded() {
        let whole = |number, text: &str| Line::Whole(number, text.into());
        assert_eq!(
            split(b"one\n\nthree is long\r\nfour", 1000, 8),
            [whole(1, "one"), whole(2, ""), Line::TooLong(3), whole(4, "four")]
        );
        assert_eq!(split(b"", 1, 8), []);
        assert_eq!(split(b"12345678\n123456789", 3, 8), [whole(1, "12345678"), Line::TooLong(2)]);
    }

    proptest! {
        #[test]
        fn the_pieces_do_not_matter(text in "[ab\n]{0,60}", size in 1_usize..20, max_line in 0_usize..10) {
            let bytes = text.as_bytes();
            prop_assert_eq!(split(bytes, size, max_line), split(bytes, 1000, max_line));
        }
    }
}
