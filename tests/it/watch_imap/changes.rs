//! What is seen of what another client does, on a real Dovecot.

use std::time::{Duration, Instant};

use vigie::watch::imap::{Activity, CLIENT_NAME, Settings, Tls};

use super::rig::{ALICE, BOB, LETTER, Rig, hurried, mailbox};
use crate::support::dovecot::{Dovecot, Setup};
use crate::support::wait::{SOON, wait_until};

/// A Dovecot in which Alice has letters.
async fn dovecot(letters: usize) -> Dovecot {
    let dovecot = Dovecot::start(Setup::default()).await;
    for _ in 0..letters {
        dovecot.deliver(ALICE, LETTER).await;
    }
    dovecot
}

#[tokio::test]
async fn dovecot_tells_within_two_seconds_that_a_letter_is_read() {
    let dovecot = dovecot(3).await;
    for (number, tls) in [(1, Tls::None), (2, Tls::StartTls), (3, Tls::Implicit)] {
        let rig = Rig::new(hurried(), Some(&dovecot.certificate()));
        rig.watch(vec![mailbox(&dovecot, tls, ALICE)]).await;
        let mut reader = dovecot.client(ALICE).await;
        reader.select("INBOX").await;
        let before = Instant::now();
        reader.fetch(number).await;
        let seen = rig.seen().await;
        assert_eq!((seen.mailbox.as_str(), seen.what), ("alice", Activity::Read));
        assert!(seen.at - before < Duration::from_secs(2), "{:?}", seen.at - before);
        rig.watchers.stop().await;
        rig.wait_for("idle", 0).await;
    }
}

#[tokio::test]
async fn dovecot_tells_what_was_done() {
    let dovecot = dovecot(2).await;
    let rig = Rig::new(hurried(), None);
    rig.watch(vec![mailbox(&dovecot, Tls::None, ALICE), mailbox(&dovecot, Tls::None, BOB)]).await;
    let mut other = dovecot.client(ALICE).await;
    other.select("INBOX").await;
    for flag in [r"\Flagged", r"\Answered", r"\Deleted"] {
        other.store(2, "+FLAGS", flag).await;
        assert_eq!(rig.told().await, ("alice".into(), Activity::Acted));
    }
    other.ok("EXPUNGE").await;
    assert_eq!(rig.told().await, ("alice".into(), Activity::Removed));
    dovecot.deliver(BOB, LETTER).await;
    assert_eq!(rig.told().await, ("bob".into(), Activity::Arrived));
    let mut bob = dovecot.client(BOB).await;
    bob.select("INBOX").await;
    bob.fetch(1).await;
    assert_eq!(rig.told().await, ("bob".into(), Activity::Read));
    assert_eq!(rig.metric(&["vigie_watch_events_total", "acted"]), 3);
}

#[tokio::test]
async fn dovecot_is_not_believed_where_nobody_did_anything() {
    let dovecot = dovecot(2).await;
    let mut other = dovecot.client(ALICE).await;
    other.select("INBOX").await;
    other.store(1, "+FLAGS", r"\Seen").await;
    let rig = Rig::new(hurried(), None);
    rig.watch(vec![mailbox(&dovecot, Tls::None, ALICE)]).await;
    // Looked at without reading, marked by a filter, marked as unread: none is somebody who reads.
    other.ok("FETCH 2 BODY.PEEK[]").await;
    other.store(1, "+FLAGS", "$Junk").await;
    other.store(1, "-FLAGS", r"\Seen").await;
    other.store(2, "+FLAGS", "Strange").await;
    dovecot.deliver(ALICE, LETTER).await;
    assert_eq!(rig.told().await.1, Activity::Arrived);
}

#[tokio::test]
async fn dovecot_says_much_in_a_moment_and_it_counts_once() {
    let dovecot = dovecot(3).await;
    let rig = Rig::new(Settings { moment: Duration::from_mins(1), ..hurried() }, None);
    rig.watch(vec![mailbox(&dovecot, Tls::None, ALICE)]).await;
    let mut other = dovecot.client(ALICE).await;
    other.select("INBOX").await;
    for number in 1..=3 {
        other.store(number, "+FLAGS", r"\Seen \Flagged").await;
    }
    assert_eq!(rig.told().await.1, Activity::Read);
    dovecot.deliver(ALICE, LETTER).await;
    assert_eq!(rig.told().await.1, Activity::Arrived);
}

#[tokio::test]
async fn dovecot_is_asked_to_idle_again_and_again_and_nothing_is_missed() {
    let dovecot = dovecot(10).await;
    let rig = Rig::new(Settings { renew: Duration::from_millis(60), ..hurried() }, None);
    rig.watch(vec![mailbox(&dovecot, Tls::None, ALICE)]).await;
    let mut other = dovecot.client(ALICE).await;
    other.select("INBOX").await;
    for number in 1..=10 {
        other.fetch(number).await;
        assert_eq!(rig.told().await.1, Activity::Read);
    }
    assert_eq!(rig.metric(&["vigie_watch_reconnects_total"]), 0);
}

#[tokio::test]
async fn watching_changes_nothing_in_a_dovecot() {
    let dovecot = dovecot(1).await;
    let rig = Rig::new(hurried(), None);
    rig.watch(vec![mailbox(&dovecot, Tls::None, ALICE)]).await;
    let mut other = dovecot.client(ALICE).await;
    let said = other.ok("SELECT INBOX").await.join("\n");
    assert!(said.contains("* 1 RECENT") && said.contains("[UNSEEN 1]"), "{said}");
    rig.watchers.stop().await;
    let log = dovecot.log();
    assert!(log.contains("Logged out"), "{log}");
}

#[tokio::test]
async fn a_dovecot_is_told_who_watches() {
    let setup = Setup { configuration: "imap_id_log = *".into(), ..Setup::default() };
    let dovecot = Dovecot::start(setup).await;
    let rig = Rig::new(hurried(), None);
    rig.watch(vec![mailbox(&dovecot, Tls::None, ALICE)]).await;
    let told = async || dovecot.log().contains(&format!("name={CLIENT_NAME}")).then_some(());
    wait_until("the log names the client", SOON, told).await;
}
