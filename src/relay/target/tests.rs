//! Every form of `relay.url`, good and bad.

use std::time::Duration;

use super::*;
use crate::redact::Secret;

fn settings(url: &str, user: &str) -> config::Relay {
    let second = Duration::from_secs(1);
    config::Relay {
        url: url.into(),
        user: user.into(),
        password: Secret::new(user),
        hello: "gateway.example".into(),
        ca: None,
        connections: 1,
        idle: second,
        max_age: second,
        max_mails: 1,
        timeouts: config::RelayTimeouts {
            connect: second,
            greeting: second,
            command: second,
            message: second,
        },
    }
}

fn server(url: &str, user: &str) -> Result<Server, String> {
    match Target::read(&settings(url, user), Path::new("/data")) {
        Ok(Target::Server(server)) => Ok(server),
        Ok(Target::Outbox(_)) => Err("an outbox".into()),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn an_outbox_is_relative_to_the_data_directory() {
    let directory = |url: &str| match Target::read(&settings(url, ""), Path::new("/data")) {
        Ok(Target::Outbox(directory)) => Some(directory),
        _ => None,
    };
    assert_eq!(directory("outbox:out"), Some("/data/out".into()));
    assert_eq!(directory("outbox:/elsewhere"), Some("/elsewhere".into()));
    assert_eq!(directory("outbox:"), None);
}

#[test]
fn security_and_port_follow_from_url_and_credentials() {
    let read =
        |url, user| server(url, user).map(|server| (server.security, server.port)).expect("a good address");
    assert_eq!(read("smtp://relay.example", ""), (Security::Opportunistic, 25));
    assert_eq!(read("smtp://relay.example", "u"), (Security::Required, 587));
    assert_eq!(read("smtp://relay.example?tls=opportunistic", "u"), (Security::Required, 587));
    assert_eq!(read("smtp://relay.example:26?tls=required", ""), (Security::Required, 26));
    assert_eq!(read("smtp://relay.example?tls=none", ""), (Security::Clear, 25));
    assert_eq!(read("smtp://127.0.0.1:2525?tls=none", "u"), (Security::Clear, 2525));
    assert_eq!(read("smtp://[::1]:2525?tls=none", "u"), (Security::Clear, 2525));
    assert_eq!(read("smtps://relay.example", "u"), (Security::Implicit, 465));
}

#[test]
fn what_cannot_be_is_said_in_one_sentence_with_its_key() {
    for bad in [
        "",
        "relay",
        "http://relay",
        "smtp://",
        "smtp://u:p@relay",
        "smtps://relay?tls=none",
        "smtp://relay?tls=maybe",
        "smtp://relay?tls=none&tls=required",
        "smtp://relay?x=1",
    ] {
        let problem = server(bad, "").unwrap_err();
        assert!(problem.starts_with("relay.url"), "{bad}: {problem}");
    }
    assert!(server("smtp://relay.example?tls=none", "u").unwrap_err().contains("in clear"));
    let mut half = settings("smtp://relay", "user");
    half.password = Secret::new("");
    assert!(matches!(Target::read(&half, Path::new("/")), Err(RelayError::Credentials)));
    let mut hello = settings("smtp://relay", "");
    hello.hello = "a\r\nMAIL FROM:<b>".into();
    assert!(matches!(Target::read(&hello, Path::new("/")), Err(RelayError::Hello)));
}

#[test]
fn the_password_is_in_no_debug_output() {
    let shown = format!("{:?}", server("smtps://relay.example", "hunter2").expect("a good address"));
    assert_eq!(shown, "relay.example:465 Implicit");
}
