//! How a server is set up.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use super::{Hands, LOG};

/// Where `tests/install` makes the locale.
const LOCALES: &str = "/opt/vigie-tests/locales";

/// How every server is set up unless [`Options::and`] says otherwise: as a queue wants it, and fast to test with.
const CONFIGURATION: [&str; 16] = [
    "--bind",
    "127.0.0.1",
    "--daemonize",
    "no",
    "--appendonly",
    "yes",
    "--appendfsync",
    "always",
    "--save",
    "",
    "--maxmemory-policy",
    "noeviction",
    "--repl-diskless-sync-delay",
    "0",
    "--logfile",
    LOG,
];

/// Which program to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Program {
    /// The distribution's Redis.
    #[default]
    Redis,
    /// The Valkey that `tests/install` unpacks.
    Valkey,
}

impl Program {
    /// Its name, if it is found where programs are, or its full path.
    pub(super) fn path(self) -> &'static str {
        match self {
            Program::Redis => "redis-server",
            Program::Valkey => "/opt/vigie-tests/valkey/usr/bin/valkey-server",
        }
    }
}

/// How a server differs from the usual one.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub(super) program: Program,
    pub(super) hands: Option<Arc<Hands>>,
    pub(super) password: Option<String>,
    pub(super) configuration: Vec<String>,
}

impl Options {
    /// Runs this program.
    pub fn run(self, program: Program) -> Options {
        Options { program, ..self }
    }

    /// Goes by this clock instead of the machine's.
    pub fn clock(self, hands: &Arc<Hands>) -> Options {
        Options { hands: Some(Arc::clone(hands)), ..self }
    }

    /// Asks for this password; letters and digits only.
    pub fn password(self, password: &str) -> Options {
        let password = Some(password.to_owned());
        Options { password, ..self }
    }

    /// More configuration, as on the command line: `["--maxmemory", "10mb"]`. The last word on a setting counts.
    pub fn and(mut self, configuration: &[&str]) -> Options {
        self.configuration.extend(configuration.iter().copied().map(String::from));
        self
    }

    /// The program with all its words, and a locale that does not sort by bytes: Lua in Redis compares strings by it.
    pub(super) fn command(&self, port: u16) -> Command {
        assert!(Path::new(LOCALES).is_dir(), "{LOCALES} is missing: run tests/install");
        let password = self.password.as_ref().map(|password| ["--requirepass", password]);
        let mut command = Command::new(self.program.path());
        command
            .args(CONFIGURATION)
            .args(["--port", &port.to_string()])
            .args(password.iter().flatten())
            .args(&self.configuration)
            .envs([("LOCPATH", LOCALES), ("LC_ALL", "fr_FR.UTF-8")])
            .envs(self.hands.iter().flat_map(|hands| hands.environment()));
        command
    }
}
