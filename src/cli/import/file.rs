//! The feed, read piece by piece in a thread of its own.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use indicatif::ProgressBar;
use tokio::sync::mpsc;

/// Bytes read at a time.
const PIECE: usize = 64 * 1024;

/// Pieces read ahead.
const AHEAD: usize = 4;

/// A file or standard input, plain or compressed.
pub(super) fn open(path: &Path) -> io::Result<Box<dyn Read + Send>> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin()));
    }
    let file = File::open(path)?;
    match path.extension() {
        Some(extension) if extension == "gz" => Ok(Box::new(MultiGzDecoder::new(file))),
        _ => Ok(Box::new(file)),
    }
}

/// Reads pieces of at least 64 KiB, until the last, and shows how far it is.
pub(super) fn read(mut source: Box<dyn Read + Send>, bar: ProgressBar) -> mpsc::Receiver<io::Result<Bytes>> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    // No task of the runtime: its end would wait for a read that never returns.
    std::thread::spawn(move || {
        loop {
            let mut piece = Vec::with_capacity(PIECE);
            let read = source.by_ref().take(PIECE as u64).read_to_end(&mut piece);
            bar.inc(piece.len() as u64);
            let ended = piece.is_empty();
            let sent = match read {
                Err(error) => sender.blocking_send(Err(error)),
                Ok(_) if ended => return,
                Ok(_) => sender.blocking_send(Ok(piece.into())),
            };
            // The attempt has ended, or the file has.
            if sent.is_err() || ended {
                return;
            }
        }
    });
    receiver
}
