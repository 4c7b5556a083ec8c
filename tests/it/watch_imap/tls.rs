//! A password goes only where nobody can listen.

use std::time::{Duration, Instant};

use vigie::watch::imap::{Mailbox, Settings, Tls};

use super::rig::{ALICE, Rig, hurried, mailbox};
use super::scripted::{Scripted, Talk};
use crate::support::dovecot::{Dovecot, Setup};

/// Tries to watch a server that talks like this; waits until that failed for this reason, twice.
async fn fails<F>(tls: Tls, reason: &str, talk: impl Fn(Talk) -> F + Send + 'static) -> Vec<String>
where
    F: Future<Output = ()> + Send + 'static,
{
    let server = Scripted::start(talk).await;
    let rig = Rig::new(Settings { connect: Duration::from_millis(300), ..hurried() }, None);
    rig.watchers.set(vec![Mailbox { tls, ..server.mailbox("one") }]);
    rig.wait_lost(reason, 2).await;
    server.heard()
}

#[tokio::test]
async fn a_dovecot_with_an_unknown_certificate_gets_no_password() {
    let dovecot = Dovecot::start(Setup::default()).await;
    for tls in [Tls::Implicit, Tls::StartTls] {
        let rig = Rig::new(hurried(), None);
        rig.watchers.set(vec![mailbox(&dovecot, tls, ALICE)]);
        rig.wait_lost("tls", 2).await;
    }
    assert!(!dovecot.log().contains("alice"), "{}", dovecot.log());
}

#[tokio::test]
async fn words_added_behind_starttls_are_not_believed() {
    fails(Tls::StartTls, "garbage", async |mut talk: Talk| {
        talk.say("* OK ready\r\n").await;
        talk.command().await;
        let words = format!("{} OK begin\r\n* CAPABILITY IMAP4rev1 IDLE AUTH=PLAIN\r\n", talk.tag);
        talk.say(words).await;
        talk.until_the_end().await;
    })
    .await;
}

#[tokio::test]
async fn without_starttls_nothing_is_said() {
    let said = fails(Tls::StartTls, "tls", async |mut talk: Talk| {
        talk.say("* OK ready\r\n").await;
        talk.command().await;
        talk.done("BAD").await;
        talk.until_the_end().await;
    })
    .await;
    assert!(said.iter().all(|line| line.is_empty() || line.ends_with(" STARTTLS")), "{said:?}");
}

#[tokio::test]
async fn who_is_logged_in_already_is_a_stranger() {
    for tls in [Tls::None, Tls::StartTls] {
        fails(tls, "garbage", async |mut talk: Talk| {
            talk.say("* PREAUTH welcome back\r\n").await;
            talk.until_the_end().await;
        })
        .await;
    }
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_given_up() {
    fails(Tls::Implicit, "timeout", async |mut talk: Talk| talk.until_the_end().await).await;
}

#[tokio::test]
async fn what_is_not_tls_is_given_up() {
    fails(Tls::Implicit, "tls", async |mut talk: Talk| {
        talk.say("* OK ready, in clear\r\n").await;
        talk.until_the_end().await;
    })
    .await;
}

#[tokio::test]
async fn without_tls_no_other_machine_is_connected_to() {
    let server = Scripted::start(async |_: Talk| ()).await;
    let rig = Rig::new(hurried(), None);
    let start = Instant::now();
    // Reserved for documentation: nobody answers there.
    rig.watchers.set(vec![Mailbox { host: "192.0.2.1".into(), ..server.mailbox("one") }]);
    rig.wait_lost("unsupported", 1).await;
    assert!(start.elapsed() < hurried().connect);
}
