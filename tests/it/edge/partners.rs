//! `/p/<partner>/<hash>` and partners' tokens: the same bytes in the same time for everybody, and what is taken of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use vigie::edge::GIF;
use vigie::model::{
    ConsentRule, FlowScope, FlowSetting, FlowState, Flows, Name, Origin, RecipientId, Source,
};
use vigie::token::{Kind, Token};

use super::house::{BROWSER, House, open, partner};

fn hash(person: &str) -> String {
    const_hex::encode(Sha256::digest(person))
}

fn refused(house: &House, partner: &str, reason: &str) -> Option<u64> {
    house.metric(&format!(r#"vigie_partner_refused_total{{partner="{partner}",reason="{reason}"}}"#))
}

fn pause(house: &House, scope: FlowScope) {
    let setting = FlowSetting { state: FlowState::Paused, ..FlowSetting::default() };
    house.flows.send_replace(Arc::new(Flows { settings: BTreeMap::from([(scope, setting)]) }));
}

#[test]
fn a_hash_of_an_enabled_partner_is_a_signal() {
    let mut house = House::open();
    let person = "marie@example.org";
    for target in [hash(person), format!("{}.gif", hash(person).to_uppercase())] {
        let reply = house.get(&format!("/p/paper/{target}"));
        assert_eq!((reply.status, &reply.body[..]), (200, &GIF[..]));
        let signal = house.signal();
        assert_eq!(signal.recipient, house.identity.of_address(person).expect("an address"));
        assert_eq!((signal.source, signal.about), (Source::Partner, None));
        assert_eq!(signal.origin, Origin::Tracked { grantee: partner("paper"), rule: ConsentRule::Required });
    }
    house.wait_for(r#"vigie_partner_signals_total{partner="paper",verdict="human"}"#, 2);
}

#[test]
fn everybody_gets_the_bytes_of_a_pixel() {
    let mut house = House::open();
    let token = house.mint(&open(7), &super::house::brand("demo"));
    let expected = house.get(&format!("/o/{token}.gif"));
    house.signal();
    let good = hash("a@b.example");
    let targets = [
        format!("signed/{good}"),
        format!("nobody/{good}.gif"),
        format!("demo/{good}"),
        format!("paper/{}", &good[1..]),
        format!("paper/{good}0"),
        format!("paper/{}", "g".repeat(64)),
        "paper/a@b.example".into(),
        "paper/".into(),
        "paper".into(),
        String::new(),
        "/".into(),
        format!("paper/{good}/"),
        format!("paper/{good}.png"),
        format!("%70aper/{good}"),
        format!("paper/{}", "a".repeat(9000)),
    ];
    for target in &targets {
        assert_eq!(house.get(&format!("/p/{target}")), expected, "{target:.80}");
    }
    house.wait_for(r#"vigie_partner_refused_total{partner="paper",reason="malformed"}"#, 9);
    house.wait_for(r#"vigie_partner_refused_total{partner="signed",reason="off"}"#, 1);
    assert!(house.no_more_signals());
}

#[test]
fn a_paused_partner_is_answered_and_not_heard() {
    let mut house = House::open();
    let name: Name = "paper".parse().expect("a name");
    let theirs = house.mint(&Token { kind: Kind::Partner, send: None, ..open(9) }, &partner("paper"));
    for (scope, times) in [(FlowScope::partner(&name), 2), (FlowScope::partners(), 4)] {
        pause(&house, scope);
        for target in [format!("/o/{theirs}.gif"), format!("/p/paper/{}", hash("a@b.example"))] {
            assert_eq!(house.get(&target).status, 200);
        }
        house.wait_for(r#"vigie_partner_refused_total{partner="paper",reason="paused"}"#, times);
    }
    house.flows.send_replace(Arc::default());
    house.get(&format!("/o/{theirs}.gif"));
    assert_eq!(house.signal().recipient, RecipientId([9; 16]));
    assert!(house.no_more_signals());
}

#[test]
fn a_partner_for_statistics_has_its_quota_and_makes_nobody_present() {
    let mut house = House::open();
    for recipient in 0..5 {
        let token = Token { kind: Kind::Partner, send: None, ..open(recipient) };
        let token = house.mint(&token, &partner("signed"));
        assert_eq!(house.get(&format!("/o/{token}.gif")).status, 200);
    }
    let stranger = house.mint(&Token { kind: Kind::Partner, send: None, ..open(9) }, &partner("stranger"));
    assert_eq!(house.get(&format!("/o/{stranger}")).status, 200);
    assert_eq!(refused(&house, "signed", "quota"), Some(3));
    assert_eq!(house.metric(r#"vigie_partner_signals_total{partner="signed",verdict="human"}"#), Some(2));
    assert!(house.no_more_signals(), "and a partner that the configuration lost is nobody's");
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

#[test]
fn ten_thousand_hashes_known_and_unknown_get_the_same_in_the_same_time() {
    let mut house = House::with(&super::house::edge_config(), 20_000);
    let known: Vec<_> = (0..50).map(|number| hash(&format!("known-{number}@example.org"))).collect();
    for hash in &known {
        house.get(&format!("/p/paper/{hash}.gif"));
        let signal = house.signal();
        house.intake.recorded(&signal, true);
    }
    let mut client = house.connect();
    let mut ask = |hash: &str| {
        let start = Instant::now();
        let request = format!("GET /p/paper/{hash}.gif HTTP/1.1\r\nHost: t\r\nUser-Agent: {BROWSER}\r\n\r\n");
        (client.ask(&request), start.elapsed())
    };
    let (expected, _) = ask(&known[0]);
    let (mut of_known, mut of_unknown) = (Vec::new(), Vec::new());
    for number in 0..5_000 {
        let unknown = hash(&format!("unknown-{number}@example.org"));
        let mut pair = [(&known[number % known.len()], &mut of_known), (&unknown, &mut of_unknown)];
        // Each kind follows each: what one leaves behind must not tell either.
        if number % 3 == 0 {
            pair.reverse();
        }
        for (hash, times) in pair {
            let (reply, took) = ask(hash);
            assert_eq!(reply, expected);
            times.push(took);
        }
    }
    let (known, unknown) = (median(of_known), median(of_unknown));
    let apart = known.abs_diff(unknown);
    assert!(apart < known / 10, "known {known:?}, unknown {unknown:?}");
}
