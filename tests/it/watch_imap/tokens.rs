//! Access tokens: got with a refresh token, accepted by a real Dovecot, and refused by servers that do not like them.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;
use tokio::time::timeout;
use vigie::clock::Clock;
use vigie::redact::Secret;
use vigie::watch::imap::{
    Activity, Credentials, Grant, Mailbox, Roots, Settings, Tls, TokenError, TokenSource, Tokens,
};

use super::rig::{ALICE, LETTER, Rig, hurried, mailbox};
use super::scripted::{Scripted, Talk};
use super::token_server::{TokenServer, answer, granting};
use crate::support::dovecot::{Dovecot, Setup};
use crate::support::sink::Authority;

/// The key that token server and Dovecot share.
const KEY: &[u8] = b"a key that is long enough for HS256";

/// A Dovecot that takes tokens signed with [`KEY`], and nobody's password by XOAUTH2.
pub(crate) fn with_tokens() -> Setup {
    let configuration = "auth_mechanisms = plain login xoauth2
passdb {
  driver = oauth2
  mechanisms = xoauth2
  args = LABDIR/oauth2.conf
}";
    let oauth2 = "introspection_mode = local
local_validation_key_dict = fs:posix:prefix=LABDIR/keys/
username_attribute = email
";
    Setup {
        configuration: configuration.into(),
        files: vec![
            ("oauth2.conf".into(), oauth2.into()),
            ("keys/default/HS256/default".into(), STANDARD.encode(KEY)),
        ],
        ..Setup::default()
    }
}

/// A token for Alice that lives for an hour, or that has died an hour ago.
pub(crate) fn signed(alive: bool) -> String {
    let now = Clock::system().now().as_second();
    let (from, until) = if alive { (now - 10, now + 3600) } else { (now - 7200, now - 3600) };
    let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let head = part(json!({ "alg": "HS256", "typ": "JWT" }));
    let body = part(json!({ "sub": "alice", "email": ALICE, "iat": from, "nbf": from, "exp": until }));
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY).expect("any length is fine");
    mac.update(format!("{head}.{body}").as_bytes());
    format!("{head}.{body}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

fn with_token(mailbox: Mailbox, tokens: Arc<dyn Tokens>) -> Mailbox {
    Mailbox { credentials: Credentials::Token(tokens), ..mailbox }
}

#[tokio::test]
async fn dovecot_takes_an_access_token_and_refuses_a_dead_one() {
    let dovecot = Dovecot::start(with_tokens()).await;
    dovecot.deliver(ALICE, LETTER).await;
    let server =
        TokenServer::answering(vec![granting(&signed(false), 3600), granting(&signed(true), 3600)]).await;
    let rig = Rig::new(hurried(), Some(&dovecot.certificate()));
    let (tokens, _) = server.source();
    rig.watch(vec![with_token(mailbox(&dovecot, Tls::Implicit, ALICE), tokens)]).await;
    assert_eq!(rig.metric(&["vigie_watch_reconnects_total", "stale_token"]), 1);
    assert_eq!(server.forms().len(), 2);
    let mut reader = dovecot.client(ALICE).await;
    reader.select("INBOX").await;
    reader.fetch(1).await;
    assert_eq!(rig.told().await, ("alice".into(), Activity::Read));
}

#[tokio::test]
async fn a_token_refused_twice_is_not_tried_again() {
    let challenge = STANDARD.encode(r#"{"status":"400","schemes":"Bearer"}"#);
    let imap = Scripted::start(move |mut talk: Talk| {
        let challenge = challenge.clone();
        async move {
            talk.until("AUTHENTICATE XOAUTH2").await;
            talk.say(format!("+ {challenge}\r\n")).await;
            // The answer to the challenge is an empty line.
            if talk.hear().await.is_empty() {
                talk.done("NO [AUTHENTICATIONFAILED]").await;
            }
            talk.until_the_end().await;
        }
    })
    .await;
    let server = TokenServer::answering(vec![granting("no good", 3600)]).await;
    let rig = Rig::new(hurried(), None);
    rig.watchers.set(vec![with_token(imap.mailbox("one"), server.source().0)]);
    rig.wait_for("refused", 1).await;
    assert_eq!((imap.connections(), server.forms().len()), (2, 2));
    assert_eq!(rig.metric(&["vigie_watch_reconnects_total", "stale_token"]), 1);
    let said = imap.heard().into_iter().find_map(|line| Some(line.split_once("XOAUTH2 ")?.1.to_owned()));
    let said = STANDARD.decode(said.expect("the token came with the command")).expect("base64");
    assert_eq!(said, b"user=somebody\x01auth=Bearer no good\x01\x01");
}

#[tokio::test]
async fn a_token_waits_for_its_turn_where_it_may_not_come_with_the_command() {
    let imap = Scripted::start(async |mut talk: Talk| {
        talk.say("* OK ready\r\n").await;
        talk.command().await;
        talk.say("* CAPABILITY IMAP4rev1 AUTH=XOAUTH2\r\n").await;
        talk.done("OK").await;
        assert_eq!(talk.command().await, "AUTHENTICATE XOAUTH2");
        talk.say("+ \r\n").await;
        let words = STANDARD.decode(talk.hear().await).expect("base64");
        assert!(words.starts_with(b"user=somebody\x01auth=Bearer fine\x01"));
        talk.done("OK").await;
        talk.command().await;
        talk.say("* CAPABILITY IMAP4rev1 IDLE\r\n").await;
        talk.done("OK").await;
        talk.command().await;
        talk.done("OK").await;
        talk.command().await;
        talk.say("+ idling\r\n").await;
        talk.until_the_end().await;
    })
    .await;
    let server = TokenServer::answering(vec![granting("fine", 3600)]).await;
    let rig = Rig::new(hurried(), None);
    rig.watch(vec![with_token(imap.mailbox("one"), server.source().0)]).await;
}

#[tokio::test]
async fn a_token_is_asked_for_once_and_used_until_shortly_before_its_end() {
    let server =
        TokenServer::answering(vec![granting("first", 3600), granting("second", 30), granting("third", 30)])
            .await;
    let (tokens, _) = server.source();
    let all: Vec<_> = (0..20)
        .map(|_| {
            tokio::spawn({
                let tokens = Arc::clone(&tokens);
                async move { tokens.token().await }
            })
        })
        .collect();
    for task in all {
        assert_eq!(task.await.expect("no panic").expect("a token").expose(), "first");
    }
    assert_eq!(server.forms().len(), 1);
    let form = &server.forms()[0];
    assert!(form.starts_with("POST /token HTTP/1.1\r\n"), "{form}");
    assert!(
        form.ends_with(
            "grant_type=refresh_token&refresh_token=refresh-1&client_id=gate+way&client_secret=s%26cret"
        ),
        "{form}"
    );

    tokens.forget(&Secret::new("another")).await;
    assert_eq!(tokens.token().await.expect("a token").expose(), "first");
    tokens.forget(&Secret::new("first")).await;
    assert_eq!(tokens.token().await.expect("a token").expose(), "second");
    // It lives for no more than a minute: it is not used again.
    assert_eq!(tokens.token().await.expect("a token").expose(), "third");
}

#[tokio::test]
async fn a_refresh_token_goes_only_to_a_server_with_a_good_certificate() {
    let authority = Authority::certifying("localhost");
    let server = TokenServer::encrypted(vec![granting("fine", 3600)], authority.acceptor.clone()).await;
    let stranger = server.source().0.token().await.expect_err("no token");
    assert!(matches!(&stranger, TokenError::Unavailable(words) if words.contains("TLS")), "{stranger:?}");
    assert!(server.forms().is_empty());
    let (tokens, _) = server.source_trusting(Some(&authority.ca_file()));
    assert_eq!(tokens.token().await.expect("a token").expose(), "fine");
}

#[tokio::test]
async fn a_new_refresh_token_is_handed_on_and_used() {
    let rotating =
        json!({ "access_token": "one", "expires_in": 10, "refresh_token": "refresh-2" }).to_string();
    let server = TokenServer::answering(vec![answer("200 OK", &rotating)]).await;
    let (tokens, rotated) = server.source();
    for _ in 0..2 {
        tokens.token().await.expect("a token");
    }
    assert!(server.forms()[1].contains("refresh_token=refresh-2"));
    assert_eq!(*rotated.lock().expect("one task"), ["refresh-2"]);
}

#[tokio::test]
async fn a_new_refresh_token_is_handed_on_also_if_nobody_waits_for_it() {
    let rotating =
        json!({ "access_token": "one", "expires_in": 3600, "refresh_token": "refresh-2" }).to_string();
    let server = TokenServer::answering(vec![answer("200 OK", &rotating)]).await;
    let (tokens, rotated) = server.source();
    assert!(timeout(Duration::ZERO, tokens.token()).await.is_err(), "it is not there at once");
    tokens.settled().await;
    assert_eq!(*rotated.lock().expect("one task"), ["refresh-2"]);
    assert_eq!(tokens.token().await.expect("a token").expose(), "one");
    assert_eq!(server.forms().len(), 1);
}

#[tokio::test]
async fn a_withdrawn_consent_is_told_from_a_token_server_in_trouble() {
    let asked = async |text: String| {
        let server = TokenServer::answering(vec![text]).await;
        server.source().0.token().await.expect_err("no token")
    };
    let refused = asked(answer("400 Bad Request", r#"{"error":"invalid_grant"}"#)).await;
    assert!(matches!(&refused, TokenError::Refused(words) if words.contains("invalid_grant")), "{refused:?}");
    let endless = "a".repeat(200_000);
    for trouble in [
        answer("503 Service Unavailable", ""),
        answer("400 Bad Request", r#"{"error":"slow_down"}"#),
        answer("200 OK", "<html>"),
        answer("200 OK", &json!({ "access_token": endless }).to_string()),
        answer("302 Found\r\nLocation: http://elsewhere.example/", ""),
        format!("HTTP/1.1 200 OK\r\nX-Long: {endless}\r\n\r\n"),
        "SSH-2.0-OpenSSH\r\n".to_owned(),
        String::new(),
    ] {
        let error = asked(trouble.clone()).await;
        assert!(matches!(error, TokenError::Unavailable(_)), "{error:?} for {trouble:.60}");
    }
}

#[tokio::test]
async fn a_token_server_that_never_answers_is_given_up() {
    let silent = Scripted::start(async |mut talk: Talk| talk.until_the_end().await).await;
    let endpoint = format!("http://localhost:{}/token", silent.mailbox("any").port);
    let grant = Grant { deadline: Duration::from_millis(100), ..grant(&endpoint) };
    let source = TokenSource::new(grant, Roots::load(None).expect("no file"), Arc::new(|_| ()));
    let error = source.expect("a good address").token().await.expect_err("no token");
    assert!(matches!(error, TokenError::Unavailable(_)), "{error:?}");
}

#[tokio::test]
async fn a_mailbox_without_a_token_is_counted_and_disturbs_nobody() {
    let imap = Scripted::start(async |mut talk: Talk| {
        talk.idle().await;
        talk.until_the_end().await;
    })
    .await;
    let (away, withdrawn) = (
        TokenServer::answering(vec![answer("503 Service Unavailable", "")]).await,
        TokenServer::answering(vec![answer("400 Bad Request", r#"{"error":"invalid_grant"}"#)]).await,
    );
    let rig = Rig::new(Settings { refused: Duration::from_hours(1), ..hurried() }, None);
    let one = with_token(imap.mailbox("away"), away.source().0);
    let other = with_token(imap.mailbox("withdrawn"), withdrawn.source().0);
    rig.watchers.set(vec![one, other, imap.mailbox("fine")]);
    rig.wait_lost("no_token", 2).await;
    rig.wait_for("refused", 1).await;
    rig.wait_for("idle", 1).await;
    assert_eq!(withdrawn.forms().len(), 1);
}

fn grant(endpoint: &str) -> Grant {
    Grant {
        endpoint: endpoint.parse().expect("an address"),
        client_id: "gateway".into(),
        client_secret: None,
        refresh_token: Secret::new("refresh"),
        scope: Some("mail".into()),
        deadline: Duration::from_secs(1),
    }
}

#[test]
fn secrets_are_sent_only_where_nobody_can_listen() {
    let allowed = |endpoint| {
        let roots = Roots::load(None).expect("no file");
        TokenSource::new(grant(endpoint), roots, Arc::new(|_| ())).is_ok()
    };
    for good in ["https://login.example.org/token", "http://localhost:8080/token", "http://[::1]/token"] {
        assert!(allowed(good), "{good}");
    }
    for bad in [
        "http://login.example.org/token",
        "http://localhost.example.org/",
        "ftp://localhost/",
        "file:///token",
    ] {
        assert!(!allowed(bad), "{bad}");
    }
}
