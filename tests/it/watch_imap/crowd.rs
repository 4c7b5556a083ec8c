//! Hundreds of mailboxes at once, with TLS, on a real Dovecot.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use vigie::watch::imap::{Activity, Settings, Tls};

use super::rig::{LETTER, Rig, hurried, mailbox, resident};
use crate::support::dovecot::{Dovecot, PASSWORD, Setup};
use crate::support::imap::Imap;
use crate::support::user::am_root;

/// So many mailboxes: more than one system user may have inotify instances.
const CROWD: usize = 300;

/// So many if all of them are one system user's: fewer than that.
const CROWD_OF_ONE_USER: usize = 60;

/// A mailbox that waits takes no more than this here, TLS included; an unoptimised build's futures are larger.
const MOST_BYTES: usize = 64 * 1024;

#[tokio::test]
async fn hundreds_of_mailboxes_of_a_dovecot_are_watched_at_once() {
    let crowd = if am_root() { CROWD } else { CROWD_OF_ONE_USER };
    let dovecot = Dovecot::start(Setup { crowd, ..Setup::default() }).await;
    for number in 0..crowd {
        dovecot.deliver(&Dovecot::member(number), LETTER).await;
    }
    let rig = Rig::new(Settings { logins_per_server: 16, ..hurried() }, Some(&dovecot.certificate()));
    let before = resident();
    let all = (0..crowd).map(|number| mailbox(&dovecot, Tls::Implicit, &Dovecot::member(number)));
    rig.watch(all.collect()).await;
    let bytes = resident().saturating_sub(before) / crowd;
    assert!(bytes < MOST_BYTES, "{bytes} bytes each");

    let read = everybody_reads(&dovecot, crowd).await;
    let mut last = Duration::ZERO;
    for _ in 0..crowd {
        let seen = rig.seen().await;
        assert_eq!(seen.what, Activity::Read);
        last = last.max(seen.at - read[seen.mailbox.as_str()]);
    }
    // Who has no inotify instance is told after up to half a minute.
    assert!(last < Duration::from_secs(5), "{last:?}");
}

/// Everybody reads a letter, and when; a few at a time, as they are many for a small machine.
async fn everybody_reads(dovecot: &Dovecot, crowd: usize) -> HashMap<String, Instant> {
    let (mut readers, mut when, addr) = (JoinSet::new(), HashMap::new(), dovecot.addr());
    for number in 0..crowd {
        if readers.len() >= 8 {
            when.extend(readers.join_next().await.map(|read| read.expect("a reader")));
        }
        readers.spawn(async move {
            let mut reader = Imap::connect(addr).await;
            reader.login(&Dovecot::member(number), PASSWORD).await;
            reader.select("INBOX").await;
            let at = Instant::now();
            reader.fetch(1).await;
            reader.logout().await;
            (format!("user{number}"), at)
        });
    }
    when.extend(readers.join_all().await);
    when
}
