//! Which mailboxes are watched, and what happens when that fails.

use std::time::Duration;

use vigie::redact::Secret;
use vigie::watch::imap::{Activity, Credentials, Mailbox, Settings, Tls};

use super::rig::{ALICE, BOB, LETTER, Rig, hurried, mailbox};
use super::scripted::{Scripted, Talk};
use crate::support::dovecot::{Dovecot, Setup};

async fn read_first_letter(dovecot: &Dovecot, user: &str) {
    let mut reader = dovecot.client(user).await;
    reader.select("INBOX").await;
    reader.fetch(1).await;
    reader.logout().await;
}

#[tokio::test]
async fn a_restarted_dovecot_is_found_again_and_what_happened_meanwhile_is_not_told() {
    let dovecot = Dovecot::start(Setup::default()).await;
    for user in [ALICE, BOB] {
        dovecot.deliver(user, LETTER).await;
    }
    let rig = Rig::new(hurried(), None);
    rig.watch(vec![mailbox(&dovecot, Tls::None, ALICE)]).await;
    dovecot.stop();
    rig.wait_for("idle", 0).await;
    rig.wait_lost("unreachable", 2).await;
    rig.watchers.set(Vec::new());
    dovecot.restart().await;
    read_first_letter(&dovecot, ALICE).await;
    rig.watch(vec![mailbox(&dovecot, Tls::None, ALICE), mailbox(&dovecot, Tls::None, BOB)]).await;
    read_first_letter(&dovecot, BOB).await;
    assert_eq!(rig.told().await, ("bob".into(), Activity::Read));
    dovecot.restart().await;
    rig.wait_for("idle", 2).await;
    dovecot.deliver(ALICE, LETTER).await;
    assert_eq!(rig.told().await, ("alice".into(), Activity::Arrived));
}

#[tokio::test]
async fn a_wrong_password_is_tried_once_at_a_dovecot_and_anew_when_it_changes() {
    let dovecot = Dovecot::start(Setup::default()).await;
    let dropping = Scripted::start(async |_: Talk| ()).await;
    let good = mailbox(&dovecot, Tls::None, ALICE);
    let wrong = Mailbox { credentials: Credentials::Password(Secret::new("wr\"ong\\")), ..good.clone() };
    let rig = Rig::new(hurried(), None);
    assert_eq!(rig.watchers.set(vec![wrong, dropping.mailbox("dropping")]), 0);
    rig.wait_for("refused", 1).await;
    // So long that others have come and gone many times.
    rig.wait_lost("closed", 20).await;
    assert_eq!(rig.metric(&["vigie_watch_reconnects_total", "\"refused\""]), 1);
    assert_eq!(dovecot.log().matches("auth failed, 1 attempts").count(), 1, "{}", dovecot.log());
    rig.watch(vec![good]).await;
}

#[tokio::test]
async fn exactly_what_is_set_is_watched() {
    let server = Scripted::start(async |mut talk: Talk| {
        talk.idle().await;
        talk.until_the_end().await;
    })
    .await;
    let rig = Rig::new(Settings { most: 3, ..hurried() }, None);
    let named = |names: &[&str]| names.iter().map(|name| server.mailbox(name)).collect::<Vec<_>>();
    rig.watch(named(&["one", "two"])).await;
    let twice = rig.watchers.set(named(&["one", "one", "three", "four", "five"]));
    assert_eq!((twice, rig.watchers.number()), (2, 3));
    rig.wait_for("idle", 3).await;
    assert_eq!(server.connections(), 4, "the first mailbox keeps its connection");

    let moved = Mailbox { user: "somebody else".into(), ..server.mailbox("one") };
    rig.watchers.set(vec![moved]);
    server.wait_for_connections(5).await;
    rig.wait_for("idle", 1).await;
    rig.watchers.stop().await;
    assert_eq!(rig.metric(&["vigie_watch_mailboxes", "idle"]), 0);
    assert_eq!(rig.watchers.set(named(&["one"])), 1, "nothing starts after the stop");
}

#[tokio::test]
async fn a_stop_waits_for_no_silent_server() {
    let silent = Scripted::start(async |mut talk: Talk| talk.until_the_end().await).await;
    let sullen = Scripted::start(async |mut talk: Talk| {
        talk.idle().await;
        talk.until_the_end().await;
    })
    .await;
    let rig = Rig::new(hurried(), None);
    rig.watchers.set(vec![silent.mailbox("silent"), sullen.mailbox("sullen")]);
    rig.wait_for("idle", 1).await;
    silent.wait_for_connections(1).await;
    let stopped = tokio::time::timeout(Duration::from_secs(10), rig.watchers.stop()).await;
    stopped.expect("the stop is bounded");
    let said = sullen.heard();
    assert_eq!(said.iter().filter(|line| *line == "DONE").count(), 1, "{said:?}");
}

#[tokio::test]
async fn one_server_lets_a_few_in_at_a_time() {
    let slow = Scripted::start(async |mut talk: Talk| talk.until_the_end().await).await;
    let quick = Scripted::start(async |mut talk: Talk| {
        talk.idle().await;
        talk.until_the_end().await;
    })
    .await;
    let rig = Rig::new(Settings { logins: 4, logins_per_server: 3, ..hurried() }, None);
    let slow_ones = (0..50).map(|number| slow.mailbox(&format!("slow{number}")));
    let quick_ones = (0..50).map(|number| quick.mailbox(&format!("quick{number}")));
    rig.watchers.set(slow_ones.chain(quick_ones).collect());
    rig.wait_for("idle", 50).await;
    rig.wait_for("connecting", 3).await;
    rig.wait_for("waiting", 47).await;
    assert_eq!(slow.connections(), 3);
}

#[tokio::test]
async fn a_refusal_is_tried_again_after_its_own_pause() {
    let server = Scripted::start(async |mut talk: Talk| {
        talk.until("AUTHENTICATE").await;
        talk.done("NO [AUTHENTICATIONFAILED]").await;
    })
    .await;
    let rig = Rig::new(Settings { refused: Duration::from_millis(20), ..hurried() }, None);
    rig.watchers.set(vec![server.mailbox("one")]);
    rig.wait_lost("refused", 3).await;
}

#[tokio::test]
async fn a_server_that_is_full_is_not_mistaken_for_a_wrong_password() {
    let server = Scripted::start(async |mut talk: Talk| {
        talk.until("AUTHENTICATE").await;
        talk.done("NO [UNAVAILABLE]").await;
    })
    .await;
    let rig = Rig::new(hurried(), None);
    rig.watchers.set(vec![server.mailbox("one")]);
    rig.wait_lost("busy", 3).await;
    assert_eq!(rig.metric(&["vigie_watch_reconnects_total", "\"refused\""]), 0);
}

#[test]
fn a_mailbox_formats_without_its_user_and_secrets() {
    let mailbox = Mailbox {
        id: vigie::watch::imap::MailboxId::new("box-1"),
        host: "imap.example.org".into(),
        port: 993,
        tls: Tls::Implicit,
        user: ALICE.into(),
        credentials: Credentials::Password(Secret::new("hunter2")),
    };
    let text = format!("{mailbox:?}");
    assert!(text.contains("box-1") && text.contains("imap.example.org"), "{text}");
    assert!(!text.contains("alice") && !text.contains("hunter2"), "{text}");
}
