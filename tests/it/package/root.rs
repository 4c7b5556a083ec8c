//! A Debian of its own, unpacked from what `tests/install` made.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;
use tokio::process::Child;
use tokio::time::timeout;

use super::said;
use crate::support::process;
use crate::support::wait::SOON;

/// Where `tests/install` puts it.
const ARCHIVE: &str = "/opt/vigie-tests/debian.tar";

/// A system's files; removed when dropped.
pub(super) struct Root(TempDir);

/// A gateway of that system.
pub(super) struct Served {
    child: Child,
    output: PathBuf,
}

impl Root {
    pub(super) fn new() -> Root {
        let root = Root(tempfile::Builder::new().prefix("vigie-").tempdir().expect("a temporary directory"));
        let unpacked = Command::new("tar")
            .args(["--extract", "--file", ARCHIVE, "--directory"])
            .arg(root.0.path())
            .output()
            .expect("every Debian has tar");
        assert!(unpacked.status.success(), "{ARCHIVE} (tests/install makes it): {}", said(&unpacked));
        // As the installer writes it.
        fs::write(root.path("etc/hosts"), "127.0.0.1 localhost\n").expect("the directory is ours");
        root
    }

    pub(super) fn path(&self, file: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(file)
    }

    /// Runs a program there as root, which must do its work.
    pub(super) fn does(&self, program: &str, arguments: &[&str]) -> String {
        Self::finish(self.command("root").arg(program).args(arguments))
    }

    /// The same as vigie's user.
    pub(super) fn does_as_vigie(&self, program: &str, arguments: &[&str]) -> String {
        Self::finish(self.command("vigie").arg(program).args(arguments))
    }

    fn finish(command: &mut Command) -> String {
        let output = command.output().expect("every Debian has chroot");
        assert!(output.status.success(), "{command:?}: {}", said(&output));
        said(&output)
    }

    /// Starts the gateway as vigie's user, on free ports.
    pub(super) fn serve(&self, arguments: &[&str]) -> Served {
        let output = self.path("output");
        let file = File::create(&output).expect("the directory is ours");
        let errors = file.try_clone().expect("a file can be shared");
        let mut command = self.command("vigie");
        command.args(["vigie", "serve"]).args(arguments).stdin(Stdio::null()).stdout(file).stderr(errors);
        for listener in ["EDGE", "API", "OPS"] {
            command.env(format!("VIGIE__{listener}__LISTEN"), "127.0.0.1:0");
        }
        let child = tokio::process::Command::from(command).kill_on_drop(true).spawn().expect("it starts");
        Served { child, output }
    }

    /// What runs there, as this user, with nothing of our environment.
    fn command(&self, user: &str) -> Command {
        let mut command = Command::new("/usr/sbin/chroot");
        command
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("DEBIAN_FRONTEND", "noninteractive");
        command.arg(format!("--userspec={user}:{user}")).arg(self.0.path());
        command
    }
}

impl Served {
    /// The addresses of edge, api and ops, once all are announced.
    pub(super) fn addresses(&mut self) -> Option<[SocketAddr; 3]> {
        let said = fs::read_to_string(&self.output).unwrap_or_default();
        let ended = self.child.try_wait().expect("it is our child");
        assert!(ended.is_none(), "it did not start: {ended:?}\n{said}");
        let address = |name: &str| {
            let line = said.lines().find(|line| line.starts_with(name) && line.contains(" listening on "))?;
            line.rsplit(' ').next()?.parse().ok()
        };
        Some([address("edge")?, address("api")?, address("ops")?])
    }

    /// Asks it to stop, and says with which code it did.
    pub(super) async fn stop(&mut self) -> Option<i32> {
        let id = self.child.id().expect("it runs");
        process::signal("TERM", &id.to_string());
        timeout(SOON, self.child.wait()).await.expect("it stops in time").expect("it is our child").code()
    }
}
