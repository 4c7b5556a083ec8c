//! TLS and passwords: required means required, and a password never travels in clear.

use vigie::config;
use vigie::redact::Secret;
use vigie::relay::Decision;

use super::rig::{Rig, accepted, letter, settings_for};
use crate::support::sink::{Act, Authority, Manner, Sink, Step};

const OFFERS: [&str; 4] = ["PIPELINING", "CHUNKING", "SIZE", "AUTH PLAIN LOGIN"];

/// Settings for `localhost` with this way of TLS.
fn settings(sink: &Sink, scheme: &str, query: &str) -> config::Relay {
    let url = format!("{scheme}://localhost:{}{query}", sink.addr().port());
    settings_for(&url)
}

fn with_login(settings: config::Relay, password: &str) -> config::Relay {
    config::Relay { user: "gateway".into(), password: Secret::new(password), ..settings }
}

/// A sink with a certificate for `host`, and settings that trust its authority.
async fn encrypted(host: &str, implicit: bool, manner: Manner) -> (Sink, config::Relay) {
    let sink = manner.tls(Authority::certifying(host), implicit).start().await;
    let (scheme, query) = if implicit { ("smtps", "") } else { ("smtp", "?tls=required") };
    let settings = settings(&sink, scheme, query);
    let settings = config::Relay { ca: Some(sink.ca_file()), ..settings };
    (sink, settings)
}

#[tokio::test]
async fn starttls_and_implicit_tls_carry_mails() {
    for implicit in [false, true] {
        let (sink, settings) = encrypted("localhost", implicit, Manner::offering(&OFFERS)).await;
        let rig = Rig::new(&settings);
        assert!(accepted(&rig.send(&letter("one")).await));
        assert!(accepted(&rig.send(&letter("two")).await));
        let trips: Vec<_> = sink.taken().iter().map(|mail| mail.round_trips).collect();
        assert_eq!((trips, sink.connections()), (vec![1, 1], 1));
        assert!(rig.relay.check().await.unwrap().told.contains("encrypted, no login, 1 round trip"));
    }
}

#[tokio::test]
async fn a_certificate_for_another_host_or_from_nobody_known_is_refused() {
    for implicit in [false, true] {
        let (sink, settings) = encrypted("elsewhere.example", implicit, Manner::offering(&OFFERS)).await;
        let refusal = Rig::new(&settings).refused().await;
        assert_eq!(refusal.decision, Decision::Misconfigured);
        assert!(refusal.reason.contains("certificate"), "{}", refusal.reason);
        let unknown = config::Relay { ca: None, ..settings };
        assert_eq!(Rig::new(&unknown).refused().await.decision, Decision::Misconfigured);
        assert_eq!(sink.count(Step::Mail), 0);
    }
}

#[tokio::test]
async fn a_relay_whose_starttls_was_stripped_gets_nothing() {
    let sink = Manner::offering(&OFFERS).login("gateway", "hunter2").start().await;
    for settings in [
        settings(&sink, "smtp", "?tls=required"),
        with_login(settings(&sink, "smtp", ""), "hunter2"),
        with_login(settings(&sink, "smtp", "?tls=opportunistic"), "hunter2"),
    ] {
        let refusal = Rig::new(&settings).refused().await;
        assert_eq!(refusal.decision, Decision::Misconfigured);
        assert!(refusal.reason.contains("STARTTLS"), "{}", refusal.reason);
    }
    assert_eq!((sink.count(Step::Auth), sink.count(Step::Mail)), (0, 0));
}

#[tokio::test]
async fn opportunistic_without_login_prefers_mail_to_secrecy() {
    let plain = Manner::offering(&OFFERS).start().await;
    let (wrong, broken) = encrypted("elsewhere.example", false, Manner::offering(&OFFERS)).await;
    let broken = config::Relay { url: broken.url.replace("required", "opportunistic"), ..broken };
    let refusing = Manner::offering(&OFFERS).script(|event| match event.step {
        Step::StartTls => Act::say("501 5.5.4 no"),
        _ => Act::Usual,
    });
    let (odd, refused) = encrypted("localhost", false, refusing).await;
    let refused = config::Relay { url: refused.url.replace("required", "opportunistic"), ..refused };
    for (sink, settings) in [(&plain, settings(&plain, "smtp", "")), (&wrong, broken), (&odd, refused)] {
        assert!(accepted(&Rig::new(&settings).send(&letter("one")).await));
        assert_eq!(sink.taken().len(), 1);
    }
}

/// What is said in clear behind the answer to STARTTLS must not count as said under TLS (the NO STARTTLS class).
#[tokio::test]
async fn replies_injected_behind_starttls_are_refused() {
    let injecting = Manner::offering(&OFFERS).script(|event| match event.step {
        Step::StartTls => Act::Append(b"250-evil\r\n250 AUTH PLAIN\r\n".to_vec()),
        _ => Act::Usual,
    });
    let (sink, settings) = encrypted("localhost", false, injecting).await;
    let refusal = Rig::new(&with_login(settings, "hunter2")).refused().await;
    assert_eq!(refusal.decision, Decision::Misconfigured);
    assert!(refusal.reason.contains("behind"), "{}", refusal.reason);
    assert_eq!(sink.count(Step::Auth), 0);
}

#[tokio::test]
async fn login_works_under_tls_by_either_mechanism() {
    for auth in ["AUTH PLAIN", "AUTH LOGIN"] {
        let manner = Manner::offering(&["PIPELINING", auth]).login("gateway", "hunter2");
        let (sink, settings) = encrypted("localhost", false, manner).await;
        let rig = Rig::new(&with_login(settings, "hunter2"));
        assert!(accepted(&rig.send(&letter("one")).await), "{auth}");
        assert!(accepted(&rig.send(&letter("two")).await), "{auth}");
        assert_eq!((sink.count(Step::Auth), sink.taken().len()), (1, 2));
    }
}

#[tokio::test]
async fn a_refused_login_is_for_the_operator() {
    let manner = Manner::offering(&OFFERS).login("gateway", "hunter2");
    let (sink, settings) = encrypted("localhost", true, manner).await;
    let rig = Rig::new(&with_login(settings.clone(), "wrong"));
    let refusal = rig.refused().await;
    assert_eq!(refusal.decision, Decision::Misconfigured);
    assert_eq!(refusal.reason, "535 5.7.8 Not known here at AUTH");
    assert_eq!(rig.relay.check().await, Err(refusal));
    let without = Rig::new(&settings).send(&letter("one")).await;
    assert_eq!(super::rig::decision(&without), Ok(Decision::Misconfigured), "530 to MAIL");
    assert!(sink.taken().is_empty());
}

#[tokio::test]
async fn a_relay_without_a_mechanism_of_ours_or_with_a_busy_login_is_told_apart() {
    let none = Manner::offering(&["AUTH GSSAPI"]).login("gateway", "hunter2").start().await;
    let busy = Manner::offering(&OFFERS).login("gateway", "hunter2").script(|event| match event.step {
        Step::Auth => Act::say("454 4.7.0 later"),
        _ => Act::Usual,
    });
    let busy = busy.start().await;
    for (sink, expected) in [(none, Decision::Misconfigured), (busy, Decision::Throttle)] {
        let settings = with_login(settings(&sink, "smtp", "?tls=none"), "hunter2");
        assert_eq!(Rig::new(&settings).refused().await.decision, expected);
    }
}

#[tokio::test]
async fn this_machine_may_be_told_the_password_in_clear_if_asked_for() {
    let sink = Manner::offering(&OFFERS).login("gateway", "hunter2").start().await;
    let settings = with_login(settings(&sink, "smtp", "?tls=none"), "hunter2");
    assert!(accepted(&Rig::new(&settings).send(&letter("one")).await));
}
