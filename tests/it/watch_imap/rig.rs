//! Watchers, and what they tell.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;
use vigie::redact::Secret;
use vigie::telemetry::Registry;
use vigie::watch::imap::{
    Activity, Credentials, Mailbox, MailboxId, Metrics, Roots, Seen, Settings, Tls, Watchers,
};

use crate::support::dovecot::{Dovecot, PASSWORD};
use crate::support::wait::{SOON, wait_until};

pub const ALICE: &str = "alice@example.test";
pub const BOB: &str = "bob@example.test";

/// A letter to read.
pub const LETTER: &str = "From: us@example.org\r\nSubject: hello\r\n\r\nGood day.\r\n";

/// Watchers and their metrics.
pub struct Rig {
    pub watchers: Watchers,
    seen: Mutex<UnboundedReceiver<Seen>>,
    registry: Registry,
}

/// Settings with short pauses, under which each change counts.
pub fn hurried() -> Settings {
    Settings {
        first: Duration::from_millis(50),
        longest: Duration::from_millis(200),
        moment: Duration::ZERO,
        ..Settings::default()
    }
}

impl Rig {
    /// Watchers of nothing yet, which trust the certificate in `ca`.
    pub fn new(settings: Settings, ca: Option<&Path>) -> Rig {
        let (sender, receiver) = unbounded_channel();
        let tell = Arc::new(move |seen| {
            // Nobody listens any more when a test is over.
            let _ = sender.send(seen);
        });
        let registry = Registry::new();
        let roots = Roots::load(ca).expect("a good certificate");
        let watchers = Watchers::new(settings, roots, tell, Metrics::new(&registry));
        Rig { watchers, seen: Mutex::new(receiver), registry }
    }

    /// Watches exactly these, and waits until all are.
    pub async fn watch(&self, mailboxes: Vec<Mailbox>) {
        let number = mailboxes.len();
        assert_eq!(self.watchers.set(mailboxes), 0);
        self.wait_for("idle", number).await;
    }

    /// Waits until this many mailboxes are in this state.
    pub async fn wait_for(&self, state: &str, number: usize) {
        self.wait_until(&["vigie_watch_mailboxes", state], number, number).await;
    }

    /// Waits until this many connections or more were lost for this reason.
    pub async fn wait_lost(&self, reason: &str, number: usize) {
        let words = ["vigie_watch_reconnects_total", &format!("\"{reason}\"")];
        self.wait_until(&words, number, usize::MAX).await;
    }

    async fn wait_until(&self, words: &[&str], least: usize, most: usize) {
        let what = format!("{words:?} is {least}");
        let look = async || (least..=most).contains(&self.metric(words)).then_some(());
        let waited = timeout(SOON, wait_until(&what, SOON * 2, look)).await;
        assert!(waited.is_ok(), "waited in vain until {what}; metrics:\n{}", self.registry.text());
    }

    /// The next thing told.
    pub async fn seen(&self) -> Seen {
        let mut seen = self.seen.lock().await;
        timeout(SOON, seen.recv()).await.expect("something should be seen").expect("the watchers live")
    }

    /// What the next thing told is, and in which mailbox.
    pub async fn told(&self) -> (String, Activity) {
        let seen = self.seen().await;
        (seen.mailbox.to_string(), seen.what)
    }

    /// The value of the metric whose line holds all these words.
    pub fn metric(&self, words: &[&str]) -> usize {
        let text = self.registry.text();
        let mut lines = text.lines().filter(|line| !line.starts_with('#'));
        let line = lines.find(|line| words.iter().all(|word| line.contains(word)));
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0)
    }
}

/// A mailbox of that Dovecot, called by its user's name.
pub fn mailbox(dovecot: &Dovecot, tls: Tls, user: &str) -> Mailbox {
    let addr = if tls == Tls::Implicit { dovecot.tls_addr() } else { dovecot.addr() };
    let name = user.split('@').next().expect("there is always a first part");
    Mailbox {
        id: MailboxId::new(name),
        host: "localhost".into(),
        port: addr.port(),
        tls,
        user: user.to_owned(),
        credentials: Credentials::Password(Secret::new(PASSWORD)),
    }
}

/// The resident memory of this process in bytes.
pub fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").expect("Linux has /proc");
    let pages = pages.split(' ').nth(1).expect("the second field");
    pages.parse::<usize>().expect("a number") * 4096
}
