//! What was seen lately.

use super::*;
use crate::model::Deed;

fn who(n: u8) -> RecipientId {
    RecipientId([n; 16])
}

#[test]
fn many_links_of_one_mail_in_a_moment_are_a_scanner() {
    let rules = classifier();
    let links = [1, 1, 2, 2].map(|link| Request::click(link).judge(&rules));
    assert!(links.iter().all(|judged| judged.judgement.settled().fires && judged.unmasked.is_empty()));
    let third = Request::click(3).judge(&rules);
    let verdict = third.judgement.settled();
    assert_eq!((verdict.class, verdict.reason, verdict.fires), (Class::Scanner, "burst:links", false));
    assert_eq!(third.unmasked, [who(1)], "who was seen by the others was not there");
    let other = Request { about: Some(SendId([2; 16])), ..Request::click(4) };
    assert!(other.judge(&rules).judgement.settled().fires, "of another mail");
}

#[test]
fn many_people_from_one_address_in_a_moment_are_a_scanner() {
    let rules = classifier();
    let seen = |n, agent: &str, address: &str| {
        let client = address.parse().ok();
        Request { recipient: who(n), client, ..Request::open().agent(agent) }.judge(&rules)
    };
    assert!(seen(1, "@chrome", "203.0.113.9").judgement.settled().fires);
    assert!(seen(2, "@chrome", "203.0.113.9").judgement.settled().fires);
    assert!(seen(3, "@chrome", "203.0.113.10").judgement.settled().fires, "a neighbour is another");
    let third = seen(3, "@chrome", "203.0.113.9");
    assert_eq!(third.judgement.settled().reason, "burst:people");
    assert_eq!(third.unmasked, [who(3), who(2), who(1)]);
    for n in 1..9 {
        assert!(seen(n, "@google-proxy", "66.249.84.10").judgement.settled().fires, "everybody's proxy");
    }
}

#[test]
fn a_decoy_condemns_its_address_and_its_mail() {
    let rules = classifier();
    let before = Request::open().judge(&rules);
    assert!(before.judgement.settled().fires);
    let trapped = Request { decoy: true, ..Request::click(9) }.judge(&rules);
    assert_eq!(trapped.judgement.settled().reason, "decoy:followed");
    assert_eq!(trapped.unmasked, [who(1)]);
    let reason = |request: Request| request.judge(&rules).judgement.settled().reason;
    assert_eq!(reason(Request { recipient: who(2), ..Request::open() }), "decoy:quarantine");
    let elsewhere = Request { client: "198.51.100.1".parse().ok(), ..Request::open() };
    assert_eq!(reason(elsewhere.clone()), "decoy:quarantine", "the mail");
    assert_eq!(reason(Request { about: Some(SendId([2; 16])), ..elsewhere }), "agent:browser");
}

#[test]
fn what_is_known_of_somebody_makes_surer() {
    let rules = classifier();
    // Of a mail that is days old it is known that people have it.
    let sure = |request: &Request| {
        let request = Request { days: request.days.or(Some(1)), ..request.clone() };
        request.judge(&rules).judgement.settled().confidence
    };
    let close = |sure: f32, expected: f32| assert!((sure - expected).abs() < 0.001, "{sure}, not {expected}");
    close(sure(&Request::open()), 0.85);
    close(sure(&Request::open()), 0.90);
    close(sure(&Request::click(1)), 0.99);
    rules.heard(Source::Imap, Deed::Read, who(1));
    let strange = Request { client: "198.51.100.1".parse().ok(), ..Request::open() };
    close(sure(&strange), 0.95);
    let old = Request {
        client: "198.51.100.200".parse().ok(),
        days: Some(8),
        recipient: who(5),
        ..Request::open()
    };
    close(sure(&old), 0.85);
    close(sure(&Request { client: "192.88.99.1".parse().ok(), ..old.clone() }), 0.60);
    let passed_on = |client: &str| Request { days: Some(7), client: client.parse().ok(), ..old.clone() };
    close(sure(&passed_on("192.88.98.1")), 0.85);
    close(sure(&passed_on("192.88.97.1")), 0.55);
}

#[test]
fn a_rented_machine_is_somebodys_once_they_were_seen_there() {
    let rules = classifier();
    let rented = Request { client: "52.95.110.1".parse().ok(), ..Request::open() };
    assert_eq!(rented.judge(&rules).judgement.settled().class, Class::Scanner);
    let page = Request {
        source: Source::Beacon,
        method: Method::POST,
        activated: true,
        about: None,
        ..rented.clone()
    };
    assert!(page.judge(&rules).judgement.settled().fires);
    assert_eq!(rented.judge(&rules).judgement.settled().class, Class::Human);
}

#[test]
fn a_domain_whose_mails_are_opened_on_arrival_counts_for_less() {
    let rules = classifier();
    for n in 10..30 {
        rules.delivered(who(n), "corp.example");
        if n < 16 {
            let early = Request::open().judge(&rules).judgement;
            rules.was_young(who(n), SendId([n; 16]), &early, Some(MailAge::HandingOver));
            rules.was_young(who(n), SendId([n; 16]), &early, Some(MailAge::HandingOver));
        }
    }
    let open =
        |n| Request { recipient: who(n), client: None, ..Request::open() }.judge(&rules).judgement.settled();
    assert!(!open(20).fires, "{:?}", open(20));
    assert!(open(1).fires, "of no domain");
}

#[test]
fn servers_are_believed_what_people_do_and_not_what_their_clients_do() {
    let rules = classifier();
    let fires = |source, deed| rules.heard(source, deed, who(1)).settled().fires;
    for deed in [Deed::Read, Deed::Act, Deed::Write, Deed::Active] {
        assert!(fires(Source::Imap, deed), "{deed:?}");
    }
    for deed in [Deed::Login, Deed::Sync, Deed::Change, Deed::Leave] {
        assert!(!fires(Source::Imap, deed), "{deed:?}");
    }
    assert!(fires(Source::Portal, Deed::Login), "people log in to a portal by hand");
    let all: Vec<_> = Deed::ALL.iter().map(|deed| rules.heard(Source::Imap, *deed, who(1)).worth()).collect();
    let two = |one: usize, other: usize| {
        let (one, other) = (all[one].hint.expect("a hint").1, all[other].hint.expect("a hint").1);
        one.suffices_with(other, 80)
    };
    assert!(!two(5, 6), "a client that logs in and looks around all night is nobody");
}
