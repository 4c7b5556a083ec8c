//! Servers that are broken or mean: each costs little, and disturbs nobody else.

use std::time::{Duration, Instant};

use vigie::watch::imap::{Activity, Mailbox, Settings, Tls};

use super::rig::{ALICE, LETTER, Rig, hurried, mailbox, resident};
use super::scripted::{Scripted, Talk};
use crate::support::dovecot::{Dovecot, Setup};
use crate::support::wait::{SOON, wait_until};

/// Deadlines of tests that wait for one to pass.
fn impatient() -> Settings {
    Settings { step: Duration::from_millis(200), connect: Duration::from_millis(200), ..hurried() }
}

/// What a mean server does, and how that is counted.
async fn mean_servers() -> Vec<(Scripted, &'static str)> {
    vec![
        (Scripted::start(async |_: Talk| ()).await, "closed"),
        (Scripted::start(async |mut talk: Talk| talk.until_the_end().await).await, "timeout"),
        (Scripted::start(greets_only).await, "closed"),
        (Scripted::start(never_lets_in).await, "timeout"),
        (Scripted::start(says_nonsense).await, "garbage"),
        (Scripted::start(says_noise_while_idle).await, "garbage"),
        (Scripted::start(announces_two_gigabytes).await, "too_much"),
        (Scripted::start(never_ends_the_line).await, "too_much"),
        (Scripted::start(never_ends_the_answer).await, "too_much"),
        (Scripted::start(never_stops_while_idle).await, "too_much"),
        (Scripted::start(ends_idle_at_once).await, "garbage"),
        (Scripted::start(asks_for_ever).await, "garbage"),
        (Scripted::start(takes_its_leave).await, "bye"),
        (Scripted::start(has_no_idle).await, "unsupported"),
    ]
}

async fn greets_only(mut talk: Talk) {
    talk.say("* OK ready\r\n").await;
}

async fn never_lets_in(mut talk: Talk) {
    talk.until("AUTHENTICATE").await;
    talk.until_the_end().await;
}

async fn says_nonsense(mut talk: Talk) {
    talk.say("220 mail.example.org ESMTP\r\n").await;
    talk.until_the_end().await;
}

async fn says_noise_while_idle(mut talk: Talk) {
    talk.idle().await;
    talk.say(b"\x00\xff\x16\x03\r\n").await;
    talk.until_the_end().await;
}

async fn announces_two_gigabytes(mut talk: Talk) {
    talk.idle().await;
    let block = vec![b'x'; 1 << 20];
    let mut going = talk.say("* 1 FETCH (BODY[] {2147483648}\r\n").await;
    for _ in 0..2048 {
        going = going && talk.say(&block).await;
    }
}

async fn never_ends_the_line(mut talk: Talk) {
    let block = vec![b'*'; 1 << 20];
    while talk.say(&block).await {}
}

async fn never_ends_the_answer(mut talk: Talk) {
    talk.until("EXAMINE").await;
    let block = b"* OK Still here\r\n".repeat(10_000);
    while talk.say(&block).await {}
}

async fn never_stops_while_idle(mut talk: Talk) {
    talk.idle().await;
    let block = b"* 2 FETCH (FLAGS ())\r\n* 9 FETCH (FLAGS (\\Seen))\r\n".repeat(1000);
    while talk.say(&block).await {}
}

async fn ends_idle_at_once(mut talk: Talk) {
    talk.idle().await;
    talk.done("OK").await;
    talk.until_the_end().await;
}

async fn asks_for_ever(mut talk: Talk) {
    talk.until("AUTHENTICATE").await;
    while talk.say("+ more\r\n").await {
        talk.hear().await;
    }
}

async fn takes_its_leave(mut talk: Talk) {
    talk.idle().await;
    talk.say("* BYE see you\r\n").await;
}

async fn has_no_idle(mut talk: Talk) {
    talk.say("* OK ready\r\n").await;
    while !talk.command().await.is_empty() {
        talk.say("* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n").await;
        talk.done("OK").await;
    }
}

#[tokio::test]
async fn each_mean_server_is_survived_and_counted() {
    for (number, (server, reason)) in mean_servers().await.into_iter().enumerate() {
        let rig = Rig::new(impatient(), None);
        rig.watchers.set(vec![server.mailbox(&format!("mean{number}"))]);
        // Again and again, but for those who can do nothing better.
        rig.wait_lost(reason, if reason == "unsupported" { 1 } else { 2 }).await;
        rig.watchers.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_of_them_together_take_little_memory_and_disturb_no_dovecot() {
    let dovecot = Dovecot::start(Setup::default()).await;
    for _ in 0..5 {
        dovecot.deliver(ALICE, LETTER).await;
    }
    let servers = mean_servers().await;
    let rig = Rig::new(Settings { step: Duration::from_secs(2), ..hurried() }, None);
    let alice = mailbox(&dovecot, Tls::None, ALICE);
    rig.watch(vec![alice.clone()]).await;
    let before = resident();
    let mean = servers.iter().enumerate();
    let mean = mean.flat_map(|(number, (server, _))| {
        (0..5).map(move |copy| server.mailbox(&format!("mean{number}-{copy}")))
    });
    let mut all: Vec<Mailbox> = mean.collect();
    all.push(alice);
    assert_eq!(rig.watchers.set(all), 0);
    rig.wait_lost("too_much", 20).await;

    let mut reader = dovecot.client(ALICE).await;
    reader.select("INBOX").await;
    for number in 1..=5 {
        let start = Instant::now();
        reader.fetch(number).await;
        loop {
            let seen = rig.seen().await;
            if seen.mailbox.as_str() == "alice" {
                assert_eq!(seen.what, Activity::Read);
                assert!(seen.at - start < Duration::from_secs(5), "{:?}", seen.at - start);
                break;
            }
        }
    }
    // The servers' own blocks are in it, too.
    let grown = resident().saturating_sub(before);
    assert!(grown < 64 << 20, "{} MiB", grown >> 20);
}

#[tokio::test]
async fn words_that_keep_a_line_alive_do_not_put_off_the_renewal() {
    let server = Scripted::start(async |mut talk: Talk| {
        talk.idle().await;
        loop {
            talk.say_until_spoken_to("* OK Still here\r\n", Duration::from_millis(10)).await;
            if talk.hear().await != "DONE" {
                return;
            }
            talk.done("OK").await;
            talk.command().await;
            talk.say("+ idling\r\n").await;
        }
    })
    .await;
    let rig = Rig::new(Settings { renew: Duration::from_millis(40), ..hurried() }, None);
    rig.watch(vec![server.mailbox("one")]).await;
    let renewed = async || (server.heard().iter().filter(|line| *line == "DONE").count() >= 3).then_some(());
    wait_until("IDLE is said anew", SOON, renewed).await;
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn pauses_between_connections_are_kept() {
    let server = Scripted::start(greets_only).await;
    let pause = Duration::from_millis(100);
    let rig = Rig::new(Settings { first: pause, longest: pause, ..hurried() }, None);
    let start = Instant::now();
    rig.watchers.set(vec![server.mailbox("one")]);
    server.wait_for_connections(40).await;
    // 39 pauses of 50 ms on average, and 4 ms of deviation.
    assert!(start.elapsed() > pause * 12, "{:?}", start.elapsed());
}

#[tokio::test]
async fn flags_that_nobody_asked_for_are_not_believed() {
    let server = Scripted::start(async |mut talk: Talk| {
        talk.until("EXAMINE").await;
        talk.say("* 2 EXISTS\r\n").await;
        talk.done("OK").await;
        talk.command().await;
        // It knows the first message only.
        talk.say("* 1 FETCH (FLAGS (\\Seen))\r\n").await;
        talk.done("OK").await;
        talk.command().await;
        talk.say("* 1 FETCH (FLAGS (\\Seen \\Bogus \\\\ ) )\r\n* 2 FETCH (FLAGS (\\Seen))\r\n+ idling\r\n")
            .await;
        talk.say("* 77 FETCH (FLAGS (\\Seen))\r\n* 0 EXPUNGE\r\n* 77 EXPUNGE\r\n* FETCH\r\n").await;
        talk.say("* 2 FETCH (FLAGS (\\Seen \\Answered))\r\n").await;
        talk.until_the_end().await;
    })
    .await;
    let rig = Rig::new(hurried(), None);
    rig.watch(vec![server.mailbox("one")]).await;
    assert_eq!(rig.told().await, ("one".into(), Activity::Acted));
}
