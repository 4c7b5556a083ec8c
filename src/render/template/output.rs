//! Where a template writes: a buffer with an end.

use std::io;

/// Most bytes that one file may render to.
const MOST: usize = 1024 * 1024;

/// Rendered text of at most [`MOST`] bytes; writing more is an error.
#[derive(Default)]
pub(super) struct Output(Vec<u8>);

impl Output {
    pub(super) fn into_text(self) -> String {
        String::from_utf8(self.0).expect("templates write whole pieces of text")
    }
}

impl io::Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MOST {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
