//! Why secrets are refused: the file, and the remedy.

use std::io;
use std::path::PathBuf;

use crate::token::RingError;

/// Secrets that vigie does not start with. No variant shows one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The data directory cannot be made.
    #[error("cannot make the data directory {}: {source}; change `data.dir` or its permissions", dir.display())]
    Directory {
        /// Which directory.
        dir: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file cannot be read.
    #[error("cannot read {}: {source}", file.display())]
    Read {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {}: {source}", file.display())]
    Write {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There are no secrets yet, and this command makes none.
    #[error("{} does not exist: start `vigie serve` once to make it, or set `data.dir`", file.display())]
    Missing {
        /// Which file.
        file: PathBuf,
    },
    /// Others may read or change it.
    #[error(
        "{file} has mode {mode:04o}, so others may have read it: run `chmod 600 {file}`, and replace its secrets if \
         that is possible",
        file = file.display()
    )]
    Exposed {
        /// Which file.
        file: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is not what vigie writes.
    #[error("{} is wrong at line {line}: {message}", file.display())]
    Malformed {
        /// Which file.
        file: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What the parser says; never the line itself.
        message: String,
    },
    /// An entry contradicts itself or another one.
    #[error("{}: {what}", file.display())]
    Entry {
        /// Which file.
        file: PathBuf,
        /// What is wrong, and what to do.
        what: String,
    },
    /// The keys do not make a ring.
    #[error("{}: {source}", file.display())]
    Ring {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: RingError,
    },
    /// The operator key is guessable or no key.
    #[error("{place} must hold one key of at least {least} visible ASCII characters; {remedy}")]
    Operator {
        /// The variable or file.
        place: String,
        /// The shortest key that is accepted.
        least: usize,
        /// What to do.
        remedy: &'static str,
    },
    /// The operating system has no random numbers.
    #[error("the operating system gave no random numbers: {0}")]
    Random(getrandom::Error),
}
