//! A real Dovecot on the configurations that operators copy, telling a gateway what its users do.

use std::time::Duration;

use hyper::Method;
use serde_json::json;

use super::integrations::filled;
use crate::support::dovecot::{Dovecot, PASSWORD, Setup};
use crate::support::gateway::{Gateway, KEY};
use crate::support::imap::Imap;
use crate::support::wait::{SOON, wait_until};

const ALICE: &str = "alice@example.test";
const LETTER: &str =
    "From: us@example.org\r\nSubject: hello\r\nMessage-ID: <1@example.org>\r\n\r\nGood day.\r\n";

/// Every command of every client, with its arguments: what no operator should export.
const EVERYTHING: &str = "
metric vigie_everything {
  filter = event=imap_command_finished
  fields = user session remote_ip cmd_name cmd_args reason_code mailbox tagged_reply_state
  exporter = vigie
  exporter_include = name timestamps fields
}
";

/// A gateway where signals take effect in order and each asks the store.
async fn gateway(settings: &[(&str, &str)]) -> Gateway {
    let own = [
        ("VIGIE__INTAKE__SHARDS", "1"),
        ("VIGIE__PRESENCE__RECENT_CAPACITY", "0"),
        ("VIGIE__PRESENCE__MIN_GAP", "0s"),
    ];
    Gateway::start(&[&own, settings].concat()).await
}

async fn dovecot(gateway: &Gateway, file: &str, more: &str) -> Dovecot {
    let configuration = filled(file, gateway.api()) + "\n" + more;
    Dovecot::start(Setup { configuration, ..Setup::default() }).await
}

fn counted(gateway: &Gateway, source: &str, what: &str) -> u64 {
    let (source, what) = (format!("source=\"{source}\""), format!("what=\"{what}\""));
    gateway.metrics().count("vigie_reports_total", &[&source, &what])
}

/// Waits until so many reports were counted, and returns how many there are.
async fn counts_to(gateway: &Gateway, source: &str, what: &str, least: u64) -> u64 {
    wait_until(&format!("{least} times {what} of {source}"), SOON, async || {
        Some(counted(gateway, source, what)).filter(|count| *count >= least)
    })
    .await
}

/// Somebody who was there is not there any more.
async fn leaves(gateway: &Gateway, who: &str) {
    let leaving = json!({"email": who, "kind": "leave"});
    assert_eq!(gateway.call(Method::POST, "/v1/signals", &leaving).await.status, 202);
    gateway.settled().await;
}

#[tokio::test]
async fn reading_a_mail_fires_what_waits() {
    let gateway = gateway(&[]).await;
    let dovecot = dovecot(&gateway, "dovecot-2.3-exporter.conf", "").await;
    dovecot.deliver(ALICE, LETTER).await;
    gateway.queue("one", ALICE).await;
    counts_to(&gateway, "dovecot", "change", 1).await;
    let mut imap = dovecot.client(ALICE).await;
    imap.select("INBOX").await;
    imap.ok("FETCH 1 (FLAGS BODY.PEEK[])").await;
    counts_to(&gateway, "dovecot", "login", 2).await;
    gateway.settled().await;
    assert_eq!(gateway.state("one").await, "waiting", "she has only looked");
    assert!(imap.fetch(1).await.contains("Good day."));
    gateway.reaches("one", "sent").await;
    assert_eq!(counted(&gateway, "dovecot", "read"), 1);
    imap.logout().await;
}

#[tokio::test]
async fn everything_a_person_does_fires() {
    let gateway = gateway(&[]).await;
    let dovecot = dovecot(&gateway, "dovecot-2.3-exporter.conf", "").await;
    let deeds = [
        "STORE 1 +FLAGS (\\Seen)",
        "STORE 1 +FLAGS.SILENT (\\Answered)",
        "UID COPY 1 Kept",
        "MOVE 1 Kept",
        "EXPUNGE",
    ];
    for (number, command) in (0..).zip(deeds) {
        let who = ["alice@example.test", "bob@example.test"][number % 2];
        dovecot.deliver(who, LETTER).await;
        let mut imap = dovecot.client(who).await;
        imap.ask("CREATE Kept").await;
        imap.select("INBOX").await;
        let id = format!("deed-{number}");
        leaves(&gateway, who).await;
        gateway.queue(&id, who).await;
        assert_eq!(gateway.state(&id).await, "waiting", "{command}");
        imap.ok(command).await;
        gateway.reaches(&id, "sent").await;
        imap.logout().await;
    }
}

#[tokio::test]
async fn a_client_that_only_polls_fires_nothing() {
    const ROUNDS: u64 = 50;
    let mut gateway = gateway(&[]).await;
    let dovecot = dovecot(&gateway, "dovecot-2.3-exporter.conf", EVERYTHING).await;
    dovecot.deliver(ALICE, LETTER).await;
    gateway.queue("one", ALICE).await;
    for round in 0..ROUNDS {
        let mut imap = dovecot.client(ALICE).await;
        imap.ok("LIST \"\" *").await;
        imap.select("INBOX").await;
        imap.ok("UID FETCH 1:* (FLAGS)").await;
        imap.ok("UID FETCH 1:* (UID BODY.PEEK[HEADER.FIELDS (FROM SUBJECT)])").await;
        imap.ok("UID FETCH 1 (BODY.PEEK[])").await;
        imap.ok("UID SEARCH UNSEEN").await;
        imap.ok("STATUS INBOX (UNSEEN)").await;
        imap.ok("NOOP").await;
        if round == 0 {
            imap.idle().await;
            imap.done().await;
            // What its junk filter thinks of a new mail.
            imap.store(1, "+FLAGS", "NonJunk").await;
        }
        imap.logout().await;
    }
    counts_to(&gateway, "dovecot", "login", ROUNDS).await;
    counts_to(&gateway, "dovecot", "sync", ROUNDS * 8).await;
    gateway.settled().await;
    assert_eq!(gateway.state("one").await, "waiting");
    let human = gateway.metrics().count("vigie_signals_total", &["source=\"imap\"", "verdict=\"human\""]);
    assert_eq!((human, counted(&gateway, "dovecot", "unknown")), (0, 0));
    gateway.leaves_undecided(1);
}

#[tokio::test]
async fn the_echo_of_our_own_mail_fires_nothing() {
    let gateway = gateway(&[]).await;
    let dovecot = dovecot(&gateway, "dovecot-2.3-exporter.conf", EVERYTHING).await;
    dovecot.deliver(ALICE, LETTER).await;
    gateway.queue("one", ALICE).await;
    let (mut imap, mut phone) = (dovecot.client(ALICE).await, dovecot.client(ALICE).await);
    imap.select("INBOX").await;
    imap.fetch(1).await;
    gateway.reaches("one", "sent").await;
    leaves(&gateway, ALICE).await;
    gateway.queue("two", ALICE).await;
    // The first arrives, and two clients of hers fetch it by themselves.
    phone.select("INBOX").await;
    phone.idle().await;
    let mail = String::from_utf8(gateway.outbox().pop().expect("it went out")).expect("text");
    dovecot.deliver(ALICE, &mail).await;
    phone.line().await;
    phone.done().await;
    let before = counted(&gateway, "dovecot", "sync");
    for client in [&mut phone, &mut imap] {
        client.ok("NOOP").await;
        client.ok("UID FETCH 2 (FLAGS BODY.PEEK[])").await;
    }
    counts_to(&gateway, "dovecot", "sync", before + 4).await;
    gateway.settled().await;
    assert_eq!(gateway.state("two").await, "waiting", "an echo is nobody");
    phone.ok("UID FETCH 2 (BODY[])").await;
    gateway.reaches("two", "sent").await;
}

#[tokio::test]
async fn migrations_and_our_own_watchers_are_nobody() {
    let mut gateway = gateway(&[("VIGIE__SIGNALS__IGNORE__CLIENT_IDS", "[\"vigie\", \"imapsync\"]")]).await;
    let dovecot = dovecot(&gateway, "dovecot-2.3-exporter.conf", "").await;
    dovecot.deliver(ALICE, LETTER).await;
    gateway.queue("one", ALICE).await;
    for (client, ignored) in [("imapsync", 2), ("vigie", 4)] {
        let mut imap = Imap::connect(dovecot.addr()).await;
        imap.ok(&format!("ID (\"name\" \"{client}\" \"version\" \"2\")")).await;
        imap.login(ALICE, PASSWORD).await;
        imap.select("INBOX").await;
        imap.store(1, "+FLAGS", "\\Seen").await;
        imap.logout().await;
        counts_to(&gateway, "dovecot", "ignored", ignored).await;
    }
    gateway.settled().await;
    assert_eq!(gateway.state("one").await, "waiting");
    gateway.leaves_undecided(1);
}

#[tokio::test]
async fn a_failed_login_says_nothing_and_a_gateway_that_is_away_costs_nothing() {
    let mut gateway = gateway(&[]).await;
    let dovecot = dovecot(&gateway, "dovecot-2.3-exporter.conf", "").await;
    dovecot.deliver(ALICE, LETTER).await;
    let mut imap = Imap::connect(dovecot.addr()).await;
    imap.ask(&format!("LOGIN {ALICE} wrong")).await;
    let mut imap = dovecot.client(ALICE).await;
    assert_eq!(counts_to(&gateway, "dovecot", "login", 2).await, 2);
    gateway.kill().await;
    imap.select("INBOX").await;
    assert!(imap.fetch(1).await.contains("Good day."));
    gateway.restart().await;
}

#[tokio::test]
async fn the_auth_policy_tells_of_logins_and_refuses_none() {
    let gateway = gateway(&[("VIGIE__SIGNALS__WEBMAIL_ADDRESSES", "[\"127.0.0.1\"]")]).await;
    let masters = "auth_master_user_separator = *\npassdb {\n  driver = static\n  args = password=key\n  master = yes\n}\n";
    let dovecot = dovecot(&gateway, "dovecot-auth-policy.conf", masters).await;
    gateway.queue("one", ALICE).await;
    let mut migration = Imap::connect(dovecot.addr()).await;
    let welcome = migration.ask(&format!("LOGIN {ALICE}*admin key")).await;
    assert!(welcome.iter().any(|line| line.contains("Logged in")), "{welcome:?}");
    counts_to(&gateway, "dovecot-policy", "ignored", 1).await;
    let mut imap = Imap::connect(dovecot.addr()).await;
    imap.ask(&format!("LOGIN {ALICE} wrong")).await;
    counts_to(&gateway, "dovecot-policy", "nothing", 1).await;
    assert_eq!(gateway.state("one").await, "waiting");
    dovecot.client(ALICE).await.logout().await;
    gateway.reaches("one", "sent").await;
    assert_eq!(counted(&gateway, "dovecot-policy", "active"), 1, "from a webmail's address it is a click");
}

#[tokio::test]
async fn an_auth_policy_with_a_wrong_key_refuses_nobody() {
    let gateway = gateway(&[]).await;
    let asked = filled("dovecot-auth-policy.conf", gateway.api())
        .replace(KEY, "wrong")
        .replace("check_before_auth = no", "check_before_auth = yes")
        .replace("check_after_auth = no", "check_after_auth = yes");
    let dovecot = Dovecot::start(Setup { configuration: asked, ..Setup::default() }).await;
    let start = std::time::Instant::now();
    dovecot.client(ALICE).await.logout().await;
    assert!(start.elapsed() < Duration::from_secs(5), "it was not kept waiting");
    counts_to(&gateway, "dovecot-policy", "unauthorised", 3).await;
}
