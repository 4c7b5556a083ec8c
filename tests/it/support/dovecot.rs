//! A real Dovecot with mailboxes of its own: password `secret` for everybody, IMAP with and without TLS.
//!
//! It runs as root, where each mailbox gets a system user id of its own, and as anybody else, where all have the
//! caller's: then one `fs.inotify.max_user_instances` (128 by default) holds for all of them together, and whoever
//! idles beyond it is told up to half a minute late.

mod configuration;
#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use super::imap::Imap;
use super::ports::free_ports;
use super::process;
use super::watcher::Watcher;

/// The program, as Debian installs it.
const PROGRAM: &str = "/usr/sbin/dovecot";

/// Everybody's password.
pub const PASSWORD: &str = "secret";

/// How long it may take until it greets: generous, as builds share the machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often to try whether it greets yet.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// How many ports to try: somebody else may take a free one before the server.
const ATTEMPTS: usize = 3;

/// The files it needs, in its directory; [`PEM`] is the certificate that a client should trust.
const USERS: &str = "users";
const CONFIGURATION: &str = "dovecot.conf";
const KEY: &str = "key.pem";
const PEM: &str = "certificate.pem";
const LOG: &str = "log";
const OUTPUT: &str = "output";

/// What a test wants besides alice@example.test and bob@example.test.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// So many more mailboxes, called as [`Dovecot::member`] says.
    pub crowd: usize,
    /// Settings after all others, in Dovecot's words; `LABDIR` in it stands for the server's directory.
    pub configuration: String,
    /// More files in the server's directory: name and content, in which `LABDIR` means the same.
    pub files: Vec<(String, String)>,
}

/// A running Dovecot. Dropping it stops it, with every process it started, and removes its files.
#[derive(Debug)]
pub struct Dovecot {
    addr: SocketAddr,
    tls_addr: SocketAddr,
    /// None while it is stopped. Before the directory, so that it is dropped first.
    running: Mutex<Option<Running>>,
    dir: TempDir,
}

#[derive(Debug)]
struct Running {
    child: Child,
    /// Only held: it ends its watch once the server has been stopped.
    _watcher: Watcher,
}

impl Dovecot {
    /// Starts a Dovecot, and waits until it greets.
    ///
    /// # Panics
    ///
    /// If it is not installed, or does not come up; the message then holds its log.
    pub async fn start(setup: Setup) -> Dovecot {
        assert!(Path::new(PROGRAM).exists(), "{PROGRAM} is missing: run tests/install");
        let mut log = String::new();
        for _ in 0..ATTEMPTS {
            let dovecot = Dovecot::prepare(&setup);
            dovecot.run();
            if dovecot.comes_up().await {
                return dovecot;
            }
            log = dovecot.log();
        }
        panic!("Dovecot did not come up in {ATTEMPTS} attempts; at last it said:\n{log}");
    }

    /// The address of the mailbox with this number, of those that [`Setup::crowd`] asks for.
    pub fn member(number: usize) -> String {
        format!("user{number}@example.test")
    }

    /// Where it speaks IMAP in clear and offers STARTTLS.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Where it speaks IMAP inside TLS. Its certificate is for `localhost` and signed by itself.
    pub fn tls_addr(&self) -> SocketAddr {
        self.tls_addr
    }

    /// Its certificate.
    pub fn certificate(&self) -> PathBuf {
        self.dir.path().join(PEM)
    }

    /// Everything it has logged so far.
    pub fn log(&self) -> String {
        // There is no file before there is something to log.
        let read = |file| fs::read(self.dir.path().join(file)).unwrap_or_default();
        [LOG, OUTPUT].map(|file| String::from_utf8_lossy(&read(file)).into_owned()).concat()
    }

    /// A client that has logged in as `user`, without TLS, and has selected nothing.
    ///
    /// # Panics
    ///
    /// If that fails.
    pub async fn client(&self, user: &str) -> Imap {
        let mut imap = Imap::connect(self.addr).await;
        imap.login(user, PASSWORD).await;
        imap
    }

    /// Puts a letter into `user`'s INBOX.
    ///
    /// # Panics
    ///
    /// If it is not taken.
    pub async fn deliver(&self, user: &str, letter: &str) {
        let mut imap = self.client(user).await;
        imap.append("INBOX", letter).await;
        imap.logout().await;
    }

    /// Stops it, as an operator does: sessions get `BYE`.
    pub fn stop(&self) {
        *self.running.lock().expect("nobody panics with it") = None;
    }

    /// Starts it again on the same ports, with its mailboxes; stops it before if it runs.
    ///
    /// # Panics
    ///
    /// If it does not come up.
    pub async fn restart(&self) {
        self.stop();
        self.run();
        assert!(self.comes_up().await, "it did not come up again and said:\n{}", self.log());
    }

    /// A directory for a server, which does not run yet.
    fn prepare(setup: &Setup) -> Dovecot {
        let dir = tempfile::Builder::new().prefix("vigie-dovecot-").tempdir();
        let dir = dir.expect("a temporary directory can be made");
        let [addr, tls_addr] = free_ports(2)[..] else { unreachable!("two were asked for") };
        let [addr, tls_addr] = [addr, tls_addr].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let dovecot = Dovecot { addr, tls_addr, running: Mutex::new(None), dir };
        certify(dovecot.dir.path());
        configuration::write(&dovecot, setup);
        dovecot
    }

    /// A name no other server running on this machine has; it greets with it.
    fn name(&self) -> String {
        let dir = self.dir.path().file_name().expect("a temporary directory has a name");
        format!("{}.invalid", dir.to_string_lossy())
    }

    /// Runs the program.
    fn run(&self) {
        let output = File::create(self.dir.path().join(OUTPUT)).expect("the directory is ours");
        let errors = output.try_clone().expect("a file can be shared");
        let child = Command::new(PROGRAM)
            .args(["-F", "-c", CONFIGURATION])
            .current_dir(&self.dir)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run {PROGRAM}: {error}"));
        let watcher = Watcher::start(child.id(), self.dir.path());
        *self.running.lock().expect("nobody panics with it") = Some(Running { child, _watcher: watcher });
    }

    /// Waits until it greets with its name. `false` if it ended, takes too long, or somebody else has the port.
    async fn comes_up(&self) -> bool {
        let start = Instant::now();
        while start.elapsed() < PATIENCE && !self.has_ended() {
            let greeting = timeout(PATIENCE, Imap::try_connect(self.addr)).await;
            if let Ok(Ok(imap)) = greeting {
                return imap.greeting().contains(&self.name());
            }
            sleep(LOOK_EVERY).await;
        }
        false
    }

    fn has_ended(&self) -> bool {
        let mut running = self.running.lock().expect("nobody panics with it");
        let child = &mut running.as_mut().expect("it runs").child;
        child.try_wait().expect("the server is our child").is_some()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        process::stop(&mut self.child);
    }
}

/// Writes a key, and a certificate for `localhost` that is its own root.
fn certify(dir: &Path) {
    let key = KeyPair::generate().expect("a key");
    let certificate = CertificateParams::new(vec!["localhost".to_owned()]).expect("a host name");
    let certificate = certificate.self_signed(&key).expect("a certificate");
    fs::write(dir.join(KEY), key.serialize_pem()).expect("the directory is ours");
    fs::write(dir.join(PEM), certificate.pem()).expect("the directory is ours");
}
