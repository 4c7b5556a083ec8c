//! Mailboxes watched by real gateways on a real Dovecot: what is read there sends what waits here.

mod keeping;
mod sharing;

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::dovecot::{Dovecot, PASSWORD};
use crate::support::gateway::Gateway;
use crate::support::wait::{SOON, wait_until};

/// Who reads; that it is said nowhere is looked for.
const ALICE: &str = "alice@example.test";

/// A letter to read.
const LETTER: &str = "From: us@example.org\r\nSubject: hello\r\n\r\nGood day.\r\n";

/// Starts a gateway, beside another of the same installation if there is one, that may watch mailboxes of this server.
async fn gateway(dovecot: &Dovecot, beside: Option<&Gateway>, more: &[(&str, &str)]) -> Gateway {
    let ports = format!("[{}, {}]", dovecot.addr().port(), dovecot.tls_addr().port());
    let ca = dovecot.certificate();
    let watch = [
        ("VIGIE__WATCH__ALLOW_PRIVATE", "true"),
        ("VIGIE__WATCH__PORTS", ports.as_str()),
        ("VIGIE__WATCH__CA", ca.to_str().expect("a readable path")),
        ("VIGIE__WATCH__FIRST", "50ms"),
        ("VIGIE__WATCH__LONGEST", "200ms"),
    ];
    let settings: Vec<_> = watch.into_iter().chain(more.iter().copied()).collect();
    match beside {
        Some(other) => other.beside(&settings).await,
        None => Gateway::start(&settings).await,
    }
}

/// A mailbox of this server, for `PUT /v1/mailboxes`.
fn order(dovecot: &Dovecot, email: &str, user: &str) -> Value {
    json!({
        "email": email, "host": "localhost", "port": dovecot.tls_addr().port(), "user": user, "password": PASSWORD,
        "proof": "form 3",
    })
}

impl Gateway {
    /// Has a mailbox watched.
    async fn watch(&self, order: &Value) {
        let answer = self.call(Method::PUT, "/v1/mailboxes", order).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    }

    /// What it says of a person's mailbox; null if none is watched.
    async fn mailbox(&self, email: &str) -> Value {
        let answer = self.call(Method::POST, "/v1/mailboxes/lookup", &json!({"email": email})).await;
        if answer.status == StatusCode::NOT_FOUND { Value::Null } else { answer.json() }
    }

    /// Waits until so many of its mailboxes are in this state.
    async fn has(&self, state: &str, number: u64) {
        let label = format!("state=\"{state}\"");
        wait_until(&format!("{number} mailboxes are {state}"), SOON, async || {
            (self.watched(&label) == number).then_some(())
        })
        .await;
    }

    fn watched(&self, label: &str) -> u64 {
        self.metrics().count("vigie_watch_mailboxes", &[label])
    }
}

/// Somebody reads the first letter of a mailbox.
async fn reads(dovecot: &Dovecot, user: &str) {
    let mut imap = dovecot.client(user).await;
    imap.select("INBOX").await;
    imap.store(1, "+FLAGS", r"\Seen").await;
    imap.logout().await;
}
