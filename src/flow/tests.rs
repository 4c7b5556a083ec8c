mod hours;

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::brands::Brands;
use crate::config::Config;
use crate::model::{
    Budget, Budgets, Cause, ClaimId, Consent, Contact, FlowState, Grantee, Hold, Name, OnDeadline,
    OnUncertain, RecipientId, SendId, SendRecord, SendSpec, SendState, Source,
};
use crate::redact::Mailbox;
use crate::store::{Person, Rules};

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

/// Seconds after noon.
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_764_590_400 + seconds).expect("a moment")
}

pub(super) fn spec() -> SendSpec {
    SendSpec {
        id: SendId::derive(&name("demo"), "s-1"),
        reference: "s-1".into(),
        brand: name("demo"),
        campaign: Some(name("wave")),
        case: None,
        recipient: RecipientId([7; 16]),
        to: Mailbox::new("marie@example.org".into(), None),
        template: name("reminder"),
        vars: serde_json::Map::new(),
        not_before: None,
        deadline: None,
        on_deadline: OnDeadline::Send,
        zone: None,
        priority: 0,
        on_uncertain: OnUncertain::Hold,
        digest: String::new(),
    }
}

fn claim(spec: SendSpec) -> Claim {
    Claim {
        facts: None,
        hold: Hold { send: spec.id, claim: ClaimId([1; 16]), recipient: spec.recipient },
        spec: Arc::new(spec),
        cause: Cause::Touch,
        attempt: 1,
        dated: at(0),
        tracked: true,
        overdue: false,
    }
}

fn record(spec: SendSpec) -> SendRecord {
    SendRecord {
        id: spec.id,
        reference: spec.reference.clone(),
        brand: spec.brand.clone(),
        campaign: spec.campaign.clone(),
        state: SendState::Waiting,
        attempts: 0,
        due: spec.not_before,
        spec: Some(spec),
        aimed: None,
        sent_at: None,
        handing_over: false,
        history: vec![],
    }
}

/// The sample brand, which presumes consent.
fn presumed() -> Brands {
    let config = Config::load(&[], []).expect("the default file");
    Brands::new(config.brands, Arc::default())
}

fn rules() -> Rules {
    Rules {
        window: Duration::from_mins(3),
        min_gap: Duration::from_mins(10),
        lease: Duration::from_secs(30),
        claims_per_touch: 1,
        max_attempts: 8,
        max_waiting: 1000,
        max_online: 1000,
        keep_finished: Duration::from_hours(48),
        brands: presumed(),
        ..Rules::default()
    }
}

fn paused(campaign: Option<&str>) -> Flows {
    let scope = FlowScope { brand: name("demo"), campaign: campaign.map(name) };
    let setting = FlowSetting {
        by: None,
        rate_per_second: None,
        per_day: None,
        ramp: None,
        state: FlowState::Paused,
        until: Some(at(60)),
        reason: Some("wrong amounts".into()),
        since: Some(at(-60)),
    };
    Flows { settings: [(scope, setting)].into() }
}

fn online() -> Person {
    Person { online: Some((at(-5), Source::Open)), ..Person::default() }
}

/// What the named rule says, as `verdict: value`.
fn says(rule: &str, record: &SendRecord, person: &Person, flows: &Flows) -> String {
    let all = explain(record, person, flows, &rules(), at(0));
    let found = all.iter().find(|found| found.name == rule).expect("the rule is explained");
    format!("{:?}: {}", found.verdict, found.value)
}

#[track_caller]
fn check(rule: &str, record: &SendRecord, person: &Person, flows: &Flows, starts: &str) {
    let said = says(rule, record, person, flows);
    assert!(said.starts_with(starts), "{rule} said {said:?}, not {starts:?}");
}

#[test]
fn a_send_that_nothing_holds_passes_every_rule() {
    let all = explain(&record(spec()), &online(), &Flows::default(), &rules(), at(0));
    let names: Vec<_> = all.iter().map(|rule| rule.name).collect();
    assert_eq!(
        names,
        ["state", "flow", "hours", "not_before", "presence", "min_gap", "budget", "deadline", "consent"]
    );
    assert!(all.iter().all(|rule| rule.verdict == Judgement::Pass), "{all:?}");
}

#[test]
fn a_domain_is_limited_however_it_is_written() {
    let flow = FlowScope::domain(&name("xn--bcher-kva.example"));
    for domain in ["bücher.example", "BÜCHER.Example", "xn--bcher-kva.example", "XN--BCHER-KVA.example"] {
        let spec = SendSpec { to: Mailbox::new(format!("marie@{domain}"), None), ..spec() };
        assert!(FlowScope::of(&spec, None).any(|scope| scope == flow), "{domain}");
    }
}

#[test]
fn a_pause_says_whose_since_when_until_when_and_why() {
    let because = "Hold: campaign wave of brand demo is paused since 2025-12-01T11:59:00Z until \
                   2025-12-01T12:01:00Z: wrong amounts";
    assert_eq!(says("flow", &record(spec()), &online(), &paused(Some("wave"))), because);
    check("flow", &record(spec()), &online(), &paused(None), "Hold: brand demo is paused");
    check("flow", &record(spec()), &online(), &paused(Some("other")), "Pass: running");
}

#[test]
fn not_before_and_re_arm_are_told_apart() {
    let (flows, person) = (Flows::default(), online());
    let later = record(SendSpec { not_before: Some(at(30)), ..spec() });
    check("not_before", &later, &person, &flows, "Hold: not before 2025-12-01T12:00:30Z");
    let deferred = SendRecord { due: Some(at(90)), attempts: 2, ..later.clone() };
    let words = "Hold: deferred until 2025-12-01T12:01:30Z; attempts that count so far: 2";
    check("not_before", &deferred, &person, &flows, words);
    let due = record(SendSpec { not_before: Some(at(0)), ..spec() });
    check("not_before", &due, &person, &flows, "Pass: due since");
}

#[test]
fn absence_holds_unless_the_deadline_sends_anyway() {
    let (flows, away) = (Flows::default(), Person::default());
    check("presence", &record(spec()), &away, &flows, "Hold: not seen in the mailbox during the last 180 s");
    let seen = "Pass: online: seen 2025-12-01T11:59:55Z by open, counts until 2025-12-01T12:02:55Z";
    check("presence", &record(spec()), &online(), &flows, seen);
    let over = |on_deadline| record(SendSpec { deadline: Some(at(-1)), on_deadline, ..spec() });
    check("presence", &over(OnDeadline::Send), &away, &flows, "Pass: not needed");
    check("presence", &over(OnDeadline::Drop), &away, &flows, "Hold");
}

#[test]
fn one_visit_one_mail() {
    let flows = Flows::default();
    let sent = |ago: i64| Person { contacts: vec![Contact { at: at(-ago), brand: None }], ..online() };
    let held = "Hold: last sent to 2025-12-01T11:59:00Z; 600 s between two sends: until 2025-12-01T12:09:00Z";
    check("min_gap", &record(spec()), &sent(60), &flows, held);
    check("min_gap", &record(spec()), &sent(600), &flows, "Pass: last sent to");
    let other = SendRecord { id: SendId([1; 16]), state: SendState::Claimed, ..record(spec()) };
    let busy = Person { waiting: vec![record(spec()), other], ..online() };
    check("min_gap", &record(spec()), &busy, &flows, "Hold: send s-1 of the same person is under way");
}

#[test]
fn the_deadline_says_what_happens_then() {
    let (flows, person) = (Flows::default(), online());
    for (on_deadline, then) in [
        (OnDeadline::Send, "Pass: at 2025-12-01T12:00:10Z it is sent without waiting"),
        (OnDeadline::Handoff, "Pass: at 2025-12-01T12:00:10Z it is handed off"),
        (OnDeadline::Drop, "Pass: at 2025-12-01T12:00:10Z it is dropped"),
    ] {
        let waiting = record(SendSpec { deadline: Some(at(10)), on_deadline, ..spec() });
        check("deadline", &waiting, &person, &flows, then);
    }
    check("deadline", &record(spec()), &person, &flows, "Pass: none");
}

#[test]
fn consent_decides_on_the_pixel_only() {
    let (flows, waiting) = (Flows::default(), record(spec()));
    check("consent", &waiting, &online(), &flows, "Pass: presumed");
    let said = |granted| Consent {
        recipient: RecipientId([7; 16]),
        grantee: Grantee::Brand(name("demo")),
        granted,
        proof: "form-2".into(),
        at: at(-100),
        earlier: Vec::new(),
    };
    for (granted, words) in [(true, "Pass: granted"), (false, "Pass: withdrawn")] {
        let person = Person { consents: vec![said(granted)], ..online() };
        check("consent", &waiting, &person, &flows, words);
    }
}

#[test]
fn what_is_under_way_or_final_has_only_its_state_left() {
    let handing = SendRecord { state: SendState::Claimed, handing_over: true, ..record(spec()) };
    let all = explain(&handing, &online(), &Flows::default(), &rules(), at(0));
    assert_eq!((all.len(), all[0].value.as_str()), (1, "claimed; the hand-over has begun"));
    let gone = SendRecord { state: SendState::Cancelled, spec: None, ..record(spec()) };
    check("state", &gone, &online(), &Flows::default(), "Hold: cancelled; this is final");
}

#[test]
fn the_gate_follows_a_pause_and_its_end() {
    let (sender, receiver) = watch::channel(Arc::new(Flows::default()));
    let clock = Clock::manual(at(0));
    let gate = Gate::new(receiver, presumed(), clock.clone());
    let claim = claim(spec());
    assert_eq!(gate.check(&claim), Ok(()));
    sender.send_replace(Arc::new(paused(None)));
    let held = gate.check(&claim).expect_err("the brand is paused").to_string();
    assert!(held.starts_with("brand demo is paused since"), "{held}");
    clock.advance(Duration::from_mins(1));
    assert_eq!(gate.check(&claim), Ok(()), "the pause ended by itself");
}

#[test]
fn budgets_are_the_persons_and_the_brands() {
    let flows = Flows::default();
    let got = |ago: i64, brand: &str| Contact { at: at(-ago), brand: Some(name(brand)) };
    let person = Person { contacts: vec![got(3000, "demo"), got(700, "rival")], ..online() };
    let budget = |at_most, within| Budget { at_most, within: Duration::from_secs(within) };
    let why = |budgets: Budgets| {
        let rules = Rules { budgets, ..Rules::default() };
        let all = explain(&record(spec()), &person, &flows, &rules, at(0));
        let rule = all.into_iter().find(|rule| rule.name == "budget").expect("a rule of that name");
        format!("{:?}: {}", rule.verdict, rule.value)
    };
    assert_eq!(why(Budgets::default()), "Pass: none");
    let together = Budgets { together: vec![budget(1, 800), budget(2, 3600)], ..Budgets::default() };
    let held = "Hold: used up until 2025-12-01T12:10:00Z; mails remembered: 2, of this brand 1";
    assert_eq!(why(together), held);
    let own =
        |within| Budgets { brands: [(name("demo"), vec![budget(1, within)])].into(), ..Budgets::default() };
    assert_eq!(why(own(3000)), "Pass: not used up; mails remembered: 2, of this brand 1");
    assert!(why(own(3001)).starts_with("Hold: used up until 2025-12-01T12:00:01Z"));
}
