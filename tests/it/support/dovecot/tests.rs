//! What the other tests take for granted about Dovecot.

use super::{Dovecot, Setup};

const ALICE: &str = "alice@example.test";
const LETTER: &str = "From: us@example.org\r\nSubject: hello\r\n\r\nGood day.\r\n";

#[tokio::test]
async fn dovecot_tells_one_client_what_another_does() {
    let dovecot = Dovecot::start(Setup::default()).await;
    dovecot.deliver(ALICE, LETTER).await;
    let (mut one, mut other) = (dovecot.client(ALICE).await, dovecot.client(ALICE).await);
    one.ok("EXAMINE INBOX").await;
    one.idle().await;
    other.select("INBOX").await;
    assert!(other.fetch(1).await.contains("Good day."));
    assert!(one.line().await.contains(r"1 FETCH (FLAGS (\Seen"));
    other.store(1, "+FLAGS", r"\Deleted").await;
    other.ok("EXPUNGE").await;
    let said = [one.line().await, one.line().await].concat();
    assert!(said.contains("1 EXPUNGE"), "{said}");
    one.done().await;
    one.logout().await;
}

#[tokio::test]
async fn dovecot_comes_back_with_its_mailboxes() {
    let setup = Setup { crowd: 1, ..Setup::default() };
    let dovecot = Dovecot::start(setup).await;
    let member = Dovecot::member(0);
    dovecot.deliver(&member, LETTER).await;
    dovecot.restart().await;
    let mut imap = dovecot.client(&member).await;
    assert!(imap.ok("SELECT INBOX").await.iter().any(|line| line == "* 1 EXISTS"));
}

#[tokio::test]
async fn dovecot_refuses_a_wrong_password_at_once() {
    let dovecot = Dovecot::start(Setup::default()).await;
    for _ in 0..3 {
        let mut imap = super::Imap::connect(dovecot.addr()).await;
        let answer = imap.ask(&format!("LOGIN {ALICE} wrong")).await;
        assert!(answer.last().is_some_and(|last| last.contains("AUTHENTICATIONFAILED")), "{answer:?}");
    }
    assert!(dovecot.tls_addr() != dovecot.addr() && dovecot.certificate().exists());
}
