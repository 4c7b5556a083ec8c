//! How a command ends: sysexits, so that supervisors and scripts can tell a typing error from an outage.

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use crate::config::Invalid;
use crate::secrets;
use crate::telemetry::BadFilter;

/// Why a command failed, as a code (sysexits.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 64: the command line is wrong.
    Usage = 64,
    /// 65: what was given as input is wrong.
    Data = 65,
    /// 69: something it needs cannot be reached.
    Unavailable = 69,
    /// 70: a defect of vigie, or of the system under it.
    Internal = 70,
    /// 75: it may work later.
    TryAgain = 75,
    /// 78: the configuration or the secrets are wrong.
    Configuration = 78,
}

/// A command that did not do what it was asked: a code for programs, a sentence for people.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// The code.
    pub exit: Exit,
    /// What is wrong and what to do; a line per problem. Empty where everything was said already.
    pub message: String,
}

impl Failure {
    /// A failure with its sentence.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }

    /// Says it on standard error, and gives the code to exit with.
    pub fn report(&self) -> ExitCode {
        for line in self.message.lines() {
            // Nobody reads standard error; the code still says it.
            let _ = writeln!(std::io::stderr(), "vigie: {line}");
        }
        ExitCode::from(self.exit as u8)
    }

    /// Output that cannot be written.
    pub fn output(error: &std::io::Error) -> Self {
        let message = match error.kind() {
            // The reader had enough (`| head`); that needs no comment.
            ErrorKind::BrokenPipe => String::new(),
            _ => format!("cannot write the output: {error}"),
        };
        Self { exit: Exit::TryAgain, message }
    }
}

impl From<Invalid> for Failure {
    fn from(invalid: Invalid) -> Self {
        Self::new(Exit::Configuration, invalid.to_string())
    }
}

impl From<BadFilter> for Failure {
    fn from(filter: BadFilter) -> Self {
        Self::new(Exit::Configuration, filter.to_string())
    }
}

impl From<secrets::Error> for Failure {
    fn from(error: secrets::Error) -> Self {
        let exit = match error {
            secrets::Error::Random(_) => Exit::Internal,
            _ => Exit::Configuration,
        };
        Self::new(exit, error.to_string())
    }
}
