//! `vigie store copy` between real directories and a real Redis.

use std::collections::BTreeMap;
use std::path::Path;

use vigie::clock::Clock;
use vigie::model::{ClaimId, SendSpec, SendState};
use vigie::store::embedded::Embedded;
use vigie::store::{Store, Wait};

use super::{Installation, code, text, vigie};
use crate::store::bench::{rules, send, who};
use crate::support::crowd::{Person, come_online, copies, push};
use crate::support::gateway::Gateway;
use crate::support::redis::{Options, RedisServer};
use crate::support::sink::Manner;
use crate::support::wait::{SOON, wait_until};

impl Installation {
    fn store(&self, name: &str) -> Embedded {
        let directory = self.data().join(name);
        Embedded::open(&directory, 8, rules(), Clock::system()).expect("the store opens")
    }

    /// Accepts these sends in one of the installation's stores.
    async fn fill(&self, name: &str, letters: &[SendSpec]) {
        let store = self.store(name);
        store.enqueue(ClaimId::random(), letters.to_vec(), Wait::Stored).await.expect("enqueue works");
        store.close().await.expect("it closes");
    }

    async fn state(&self, name: &str, letter: &SendSpec) -> Option<SendState> {
        let store = self.store(name);
        let record = store.send(letter.id).await.expect("send works");
        store.close().await.expect("it closes");
        record.map(|record| record.state)
    }

    /// Runs the copy and gives its exit code and both outputs.
    fn copy(&self, from: &str, to: &str) -> (i32, String, String) {
        let output = self.vigie(&["store", "copy", from, to]);
        (code(&output), text(&output.stdout), text(&output.stderr))
    }
}

#[tokio::test]
async fn a_copy_moves_what_waits_and_can_be_run_again() {
    let installation = Installation::new();
    let letters: Vec<_> = (1..=3).map(|n| send(&format!("s-{n}"), who(n))).collect();
    installation.fill("store", &letters).await;
    let (code, out, err) = installation.copy("store.url", "embedded:new");
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(out.starts_with("moved          3 sends in "), "{out}");
    for letter in &letters {
        assert_eq!(installation.state("store", letter).await, Some(SendState::Cancelled));
        assert_eq!(installation.state("new", letter).await, Some(SendState::Waiting));
    }
    let (code, out, _) = installation.copy("embedded:store", "embedded:new");
    assert_eq!(code, 0);
    assert!(out.starts_with("moved          0 sends in "), "{out}");
}

#[tokio::test]
async fn conflicts_are_listed_and_exit_65() {
    let installation = Installation::new();
    installation.fill("old", &[send("taken", who(1)), send("free", who(2))]).await;
    let mut other = send("taken", who(1));
    other.digest = "another body".into();
    installation.fill("new", &[other]).await;
    let (code, out, err) = installation.copy("embedded:old", "embedded:new");
    assert_eq!(code, 65, "{out}{err}");
    assert!(out.starts_with("conflict demo/taken\nmoved          1 sends"), "{out}");
    assert!(err.starts_with("vigie: 1 sends stay where they are"), "{err}");
}

#[tokio::test]
async fn stores_that_cannot_be_copied_are_refused() {
    let installation = Installation::new();
    installation.fill("old", &[send("s-1", who(1))]).await;
    for (from, to, exit, sentence) in [
        ("embedded:old", "embedded:old", 64, "FROM and TO are the same store"),
        ("embedded:old", "embedded:./old/", 64, "FROM and TO are the same store"),
        ("embedded:none", "embedded:new", 69, "there is no store in "),
        ("redis://u:hunter2@", "embedded:new", 64, "FROM is not usable: expected"),
        ("embedded:old", "hunter2", 64, "TO is not usable: expected \"embedded:DIR\""),
    ] {
        let (code, _, err) = installation.copy(from, to);
        assert_eq!(code, exit, "{from} {to}: {err}");
        assert!(err.contains(sentence) && !err.contains("hunter2"), "{err}");
    }
    assert!(!installation.data().join("none").exists() && !installation.data().join("new").exists());
    let held = installation.store("old");
    let (code, _, err) = installation.copy("embedded:old", "embedded:new");
    assert_eq!(code, 69);
    assert!(err.contains("belongs to one gateway at a time"), "{err}");
    held.close().await.expect("it closes");
}

#[tokio::test]
async fn an_interrupted_copy_keeps_gateways_out_until_it_is_through() {
    let installation = Installation::new();
    installation.fill("store", &[send("s-1", who(1))]).await;
    std::fs::write(installation.data().join("store/shut"), "").expect("written");
    for command in ["serve", "check"] {
        let output = installation.vigie(&[command]);
        assert_eq!(code(&output), if command == "serve" { 78 } else { 65 }, "{output:?}");
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(said.contains("run the same `vigie store copy` again"), "{said}");
    }
    let (code, ..) = installation.copy("embedded:store", "embedded:new");
    assert_eq!(code, 0);
    assert_eq!(installation.state("store", &send("s-1", who(1))).await, Some(SendState::Cancelled));
}

/// Where a gateway's sends wait.
const STORE: &str = "VIGIE__STORE__URL";

/// Moves everything between the stores of a gateway that was stopped, and starts it on the new one.
async fn move_house(gateway: &mut Gateway, from: &str, to: &str, waiting: usize) {
    gateway.stop().await;
    let home = gateway.data();
    let output = vigie(home.parent().unwrap_or(Path::new(".")), &["store", "copy", from, to], "");
    assert_eq!(code(&output), 0, "{output:?}");
    let moved = format!("moved          {waiting} sends in ");
    assert!(text(&output.stdout).starts_with(&moved), "{output:?}");
    gateway.set(STORE, to);
    gateway.restart().await;
}

#[tokio::test]
async fn sends_move_to_redis_and_back_and_each_goes_out_once() {
    let (sink, server) = (Manner::modern().start().await, RedisServer::start(Options::default()).await);
    let relay = format!("smtp://{}?tls=none", sink.addr());
    let (here, there) = ("embedded:store", server.url());
    let mut gateway = Gateway::start(&[("VIGIE__RELAY__URL", &relay), (STORE, here)]).await;
    let people = Person::several(&gateway, 60).await;
    push(&gateway, &people).await;
    move_house(&mut gateway, here, &there, 60).await;
    come_online(gateway.knocker(), &people[..20]).await;
    let left = |gateway: &Gateway| gateway.metrics().undecided();
    wait_until("twenty go out of Redis", SOON, async || (left(&gateway) == 40).then_some(())).await;
    assert!(gateway.metrics().gaps().is_empty(), "its books balance");
    move_house(&mut gateway, &there, here, 40).await;
    assert_eq!(left(&gateway), 40);
    come_online(gateway.knocker(), &people).await;
    wait_until("the others go out of the directory", SOON, async || (left(&gateway) == 0).then_some(()))
        .await;
    let once: BTreeMap<_, _> = people.iter().map(|person| (person.id.clone(), 1)).collect();
    assert_eq!(copies(&sink.taken()), once);
}
