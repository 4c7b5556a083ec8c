//! The real binary on free ports, with a data directory of its own and everything it says captured.
//!
//! Dropping a [`Gateway`] ends it and looks whether it kept what every gateway promises: no send without a fate
//! (unless the test [said so](Gateway::leaves_undecided)), balanced books, no panic, and no address, token or key in
//! logs or metrics. Addresses in tests contain [`CANARY`] so that a leaked one is recognised.

mod passed;
mod words;

use std::ffi::OsStr;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::metrics::Metrics;
use super::wait::{SOON, wait_until};

pub use passed::Passed;
pub use words::{IPHONE, Knocker, api_request, letter};

/// A part of every address in the tests, and of nothing else.
pub const CANARY: &str = "canary-";

/// The operator's key: it lives as long as the test, and only on loopback.
pub const KEY: &str = "vg_operator_tests_0123456789abcdefghijklmnopqrstuvwxyzABCDE";

/// How long a gateway may take to stop: `dispatch.drain` and some more.
const STOPS_WITHIN: Duration = Duration::from_secs(40);

/// A gateway in a process of its own.
pub struct Gateway {
    home: TempDir,
    /// Its configuration file, if it has one.
    file: Option<PathBuf>,
    settings: Vec<(String, String)>,
    /// The sockets it is passed, if it does not bind its own.
    passed: Option<Passed>,
    run: Option<Run>,
    /// The last words of a gateway that was stopped.
    last: Option<Metrics>,
    /// What must never be logged, beside the canary.
    secrets: Mutex<Vec<String>>,
    undecided: u64,
    uncertain: bool,
}

/// One life of the process.
struct Run {
    child: Child,
    addresses: [SocketAddr; 3],
}

impl Gateway {
    /// Starts the binary with these `VIGIE__…` settings beside free ports and a fresh data directory.
    ///
    /// # Panics
    ///
    /// If it does not announce its three listeners.
    pub async fn start(settings: &[(&str, &str)]) -> Gateway {
        let mut gateway = Gateway::prepare(None, settings);
        gateway.restart().await;
        gateway
    }

    /// The same with a configuration file, which these settings override.
    pub async fn configured(file: &Path, settings: &[(&str, &str)]) -> Gateway {
        let mut gateway = Gateway::prepare(Some(file.to_owned()), settings);
        gateway.restart().await;
        gateway
    }

    /// The same on sockets that stay when it is stopped.
    pub async fn on(sockets: Passed, settings: &[(&str, &str)]) -> Gateway {
        let mut gateway = Gateway::prepare(None, settings);
        gateway.passed = Some(sockets);
        gateway.restart().await;
        gateway
    }

    /// Starts another of the same installation: with the same keys and configuration file, in a data directory of its own.
    pub async fn beside(&self, settings: &[(&str, &str)]) -> Gateway {
        const SECRETS: &str = "secrets.toml";
        let mut gateway = Gateway::prepare(self.file.clone(), settings);
        std::fs::create_dir(gateway.data()).expect("the directory is fresh");
        std::fs::copy(self.data().join(SECRETS), gateway.data().join(SECRETS)).expect("the first made keys");
        gateway.restart().await;
        gateway
    }

    /// A home for a gateway, which does not run yet.
    fn prepare(file: Option<PathBuf>, settings: &[(&str, &str)]) -> Gateway {
        let settings =
            settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let home = tempfile::Builder::new().prefix("vigie-").tempdir().expect("a temporary directory");
        let (passed, run, last, secrets) = (None, None, None, Mutex::new(vec![KEY.to_owned()]));
        Gateway { home, file, settings, passed, run, last, secrets, undecided: 0, uncertain: false }
    }

    /// Starts it again on the same data directory, after it was killed or stopped.
    pub async fn restart(&mut self) {
        assert!(self.run.is_none(), "it still runs");
        let mut child = self.command().spawn().expect("the binary was built for this test");
        let addresses = wait_until("it listens", SOON, async || {
            let ended = child.try_wait().expect("it is our child");
            assert!(ended.is_none(), "it did not start: {ended:?}\n{}", self.log());
            announced(&std::fs::read_to_string(self.home.path().join("stdout")).unwrap_or_default())
        });
        let addresses = addresses.await;
        self.run = Some(Run { child, addresses });
    }

    /// Changes a setting from the next start on.
    pub fn set(&mut self, name: &str, value: &str) {
        self.settings.push((name.to_owned(), value.to_owned()));
    }

    /// The binary with its environment; nothing of the caller's own settings gets through.
    fn command(&self) -> Command {
        let stdout = File::create(self.home.path().join("stdout")).expect("the directory is ours");
        let stderr = File::options().create(true).append(true).open(self.home.path().join("stderr"));
        let program = env!("CARGO_BIN_EXE_vigie");
        let mut command =
            self.passed.as_ref().map_or_else(|| Command::new(program), |passed| passed.command(program));
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("VIGIE")) {
            command.env_remove(name);
        }
        command
            .args(self.file.iter().flat_map(|file| [OsStr::new("--config"), file.as_os_str()]))
            .env("VIGIE__DATA__DIR", self.data())
            .env("VIGIE__EDGE__LISTEN", "127.0.0.1:0")
            .env("VIGIE__API__LISTEN", "127.0.0.1:0")
            .env("VIGIE__OPS__LISTEN", "127.0.0.1:0")
            .env("VIGIE__LOG__FILTER", "debug")
            .env("VIGIE_OPERATOR_KEY", KEY)
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .current_dir(self.home.path())
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr.expect("the directory is ours"))
            .kill_on_drop(true);
        command
    }

    /// Kills it at whatever instruction it is.
    pub async fn kill(&mut self) {
        let mut run = self.run.take().expect("it runs");
        run.child.kill().await.expect("it is our child");
    }

    /// Asks it to stop; it must end well and in time.
    pub async fn stop(&mut self) {
        self.last = Some(self.metrics());
        self.signal("TERM").await;
        self.ended().await;
    }

    /// Waits until it has ended after it was asked to stop; it must end well and in time.
    pub async fn ended(&mut self) {
        let mut run = self.run.take().expect("it runs");
        let ended = timeout(STOPS_WITHIN, run.child.wait()).await;
        let status = ended.expect("it stops in time").expect("it is our child");
        assert_eq!(status.code(), Some(0), "it should stop well: {status}\n{}", self.log());
    }

    /// Sends it a signal: `TERM`, `HUP`.
    pub async fn signal(&self, name: &str) {
        let id = self.run().child.id().expect("it has not ended");
        let status: ExitStatus = Command::new("sh")
            .args(["-c", r#"kill -s "$1" "$2""#, "kill", name, &id.to_string()])
            .status()
            .await
            .expect("every Debian has sh");
        assert!(status.success());
    }

    /// Says that so many sends will have no fate when the test ends, and that this is right.
    pub fn leaves_undecided(&mut self, sends: u64) {
        self.undecided = sends;
    }

    /// Says that some sends may be uncertain when the test ends, and that this is right.
    pub fn may_be_uncertain(&mut self) {
        self.uncertain = true;
    }

    /// Remembers what must never be logged.
    pub fn secret(&self, secret: &str) {
        self.secrets.lock().expect("nobody panics with it in hand").push(secret.to_owned());
    }

    /// Where mail clients reach it.
    pub fn edge(&self) -> SocketAddr {
        self.run().addresses[0]
    }

    /// Where producers reach it.
    pub fn api(&self) -> SocketAddr {
        self.run().addresses[1]
    }

    /// Where operators reach it.
    pub fn ops(&self) -> SocketAddr {
        self.run().addresses[2]
    }

    /// Its metrics at this moment.
    pub fn metrics(&self) -> Metrics {
        Metrics::scrape(self.run().addresses[2]).unwrap_or_else(|error| panic!("{error}\n{}", self.log()))
    }

    /// Its data directory.
    pub fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// What it has logged in all its lives.
    pub fn log(&self) -> String {
        let stderr = std::fs::read(self.home.path().join("stderr")).unwrap_or_default();
        String::from_utf8_lossy(&stderr).into_owned()
    }

    fn run(&self) -> &Run {
        self.run.as_ref().expect("it runs")
    }

    /// Everything that every gateway promises, at the end of a test.
    fn check(&self) {
        let metrics = match &self.run {
            Some(_) => Some(self.metrics()),
            None => self.last.clone(),
        };
        let log = self.log();
        assert!(!log.contains("panicked at"), "it panicked:\n{log}");
        let said = metrics.as_ref().map_or("", |metrics| &metrics.text);
        let secrets = self.secrets.lock().expect("nobody panics with it in hand");
        for secret in secrets.iter().map(String::as_str).chain([CANARY]) {
            for (text, place) in [(log.as_str(), "logs"), (said, "metrics")] {
                let line = text.lines().find(|line| line.contains(secret));
                assert!(line.is_none(), "{secret} is in its {place}: {line:?}");
            }
        }
        let Some(metrics) = metrics else { return };
        assert!(metrics.gaps().is_empty(), "the books do not balance: {:?}", metrics.gaps());
        assert_eq!(metrics.undecided(), self.undecided, "sends without a fate:\n{}", metrics.text);
        let uncertain = metrics.count("vigie_sends", &["state=\"uncertain\""]);
        assert!(self.uncertain || uncertain == 0, "{uncertain} sends are uncertain:\n{log}");
    }
}

/// The addresses of edge, api and ops, once all three lines are there.
fn announced(stdout: &str) -> Option<[SocketAddr; 3]> {
    let address = |name: &str| {
        let line = stdout.lines().find(|line| line.starts_with(name))?;
        line.rsplit(' ').next()?.parse().ok()
    };
    Some([address("edge")?, address("api")?, address("ops")?])
}

impl Drop for Gateway {
    #[expect(clippy::print_stderr, reason = "for whoever looks into the failure")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the gateway said:\n{}", self.log());
        } else {
            self.check();
        }
        // The process is killed and the directory removed by the fields' own drops.
    }
}
