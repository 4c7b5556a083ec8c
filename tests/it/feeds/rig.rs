//! Feeds to import, and the command that imports them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::support::gateway::{Gateway, KEY};

/// The header line of a feed in our own words.
pub const HEADER: &str = "to.email,case,vars.amount,vars.due_date\n";

/// Lines of a feed in our own words, without a header, for people from `from` to `to`.
pub fn lines(from: usize, to: usize) -> String {
    (from..to).fold(String::new(), |mut text, n| {
        writeln!(text, "canary-{n}@example.test,K-{n},120.{:02},2026-12-01", n % 100).expect("text");
        text
    })
}

/// A feed in our own words.
pub fn feed(count: usize) -> String {
    HEADER.to_owned() + &lines(0, count)
}

/// A directory with feeds, beside a gateway.
pub struct Desk {
    pub directory: TempDir,
}

impl Desk {
    pub fn new() -> Self {
        Self { directory: tempfile::tempdir().expect("a temporary directory") }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        std::fs::write(self.path(name), bytes).expect("the directory is ours");
        self.path(name)
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Starts `vigie import FILE --brand demo --template reminder …` here.
    pub fn begin(&self, gateway: &Gateway, file: &str, more: &[&str]) -> Child {
        let url = format!("http://{}", gateway.api());
        command(self.directory.path())
            .args(["import", file, "--brand", "demo", "--template", "reminder", "--url", &url])
            .args(more)
            .env("VIGIE_KEY", KEY)
            .spawn()
            .expect("the binary was built for this test")
    }

    /// The same, to its end.
    pub async fn import(&self, gateway: &Gateway, file: &str, more: &[&str]) -> Done {
        Done::of(self.begin(gateway, file, more).wait_with_output().await.expect("it is our child"))
    }
}

/// The program in a directory, without variables of the caller's own.
pub fn command(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vigie"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("VIGIE")) {
        command.env_remove(name);
    }
    command
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// How the command ended.
#[derive(Debug)]
pub struct Done {
    pub code: i32,
    pub said: String,
    pub complained: String,
}

impl Done {
    pub fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("it speaks UTF-8");
        let code = output.status.code().expect("no signal");
        Self { code, said: text(output.stdout), complained: text(output.stderr) }
    }

    /// A row of the table it prints.
    pub fn count(&self, row: &str) -> u64 {
        let line = self.said.lines().find(|line| line.starts_with(&format!("{row} ")));
        let line = line.unwrap_or_else(|| panic!("no {row} in {self:?}"));
        line.rsplit(' ').next().expect("a word").parse().expect("a number")
    }
}

/// The last line of the answer to an import: its sums.
pub fn report(lines: &[Value]) -> &Value {
    &lines.last().expect("it ends with a report")["report"]
}
