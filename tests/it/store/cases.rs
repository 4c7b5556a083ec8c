//! Cases: opened, changed, settled, handed off; and what that means for their sends.

mod seen;

pub(crate) use self::seen::*;

use std::time::{Duration, Instant};

use vigie::model::{
    CaseRecord, CaseSpec, CaseState, Deferral, Event, Finish, OnDeadline, OnUncertain, SendSpec, SendState,
};
use vigie::store::{CaseCounts, CasePut, Enqueued, Fenced, Heard, Settled, StoreError};

use super::bench::{Backend, Bench, case_of, name, send, who};

const HOUR: Duration = Duration::from_hours(1);

/// A case of person 1 and a send of it.
fn debt(amount: &str) -> (CaseSpec, SendSpec) {
    let case = case_of("demo", "7", who(1), amount);
    let letter = SendSpec { case: Some("7".into()), ..send("s-1", who(1)) };
    (case, letter)
}

async fn put<B: Backend>(bench: &Bench<B>, case: &CaseSpec) -> CasePut {
    let mut answers = bench.store().put_cases(vec![case.clone()]).await;
    answers.pop().expect("one answer").expect("put_cases works")
}

async fn look<B: Backend>(bench: &Bench<B>, case: &CaseSpec) -> Option<CaseRecord> {
    let id = (case.brand.clone(), case.case.clone());
    bench.store().cases(&[id]).await.expect("cases works").pop().expect("one answer")
}

async fn stands<B: Backend>(bench: &Bench<B>, case: &CaseSpec) -> CaseState {
    look(bench, case).await.expect("a known case").state
}

async fn settle<B: Backend>(bench: &Bench<B>, case: &CaseSpec) -> Settled {
    bench.store().settle(&case.brand, &case.case, "paid").await.expect("settle works")
}

/// How many cases there are of the brand.
async fn counted<B: Backend>(bench: &Bench<B>) -> CaseCounts {
    let snapshot = bench.store().snapshot().await.expect("snapshot works");
    snapshot.cases.get(&name("demo")).copied().unwrap_or_default()
}

/// Waits until these are all that was told of cases, in any order.
async fn told<B: Backend>(bench: &Bench<B>, kinds: &[&str]) -> Vec<Event> {
    let patience = Instant::now();
    loop {
        let Heard::Events(told) = bench.store().events(None, 1000).await.expect("events works") else {
            panic!("nothing is gone")
        };
        let mut events: Vec<_> =
            told.into_iter().map(|told| told.event).filter(|event| event.kind.starts_with("case.")).collect();
        events.dedup_by(|one, other| one.id == other.id);
        let mut heard: Vec<_> = events.iter().map(|event| event.kind.as_str()).collect();
        let mut wanted = kinds.to_vec();
        heard.sort_unstable();
        wanted.sort_unstable();
        if heard == wanted {
            return events;
        }
        assert!(patience.elapsed() < Duration::from_secs(20), "{heard:?} is not {kinds:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) async fn a_case_is_opened_and_changed<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let (case, _) = debt("120.50");
    assert_eq!(look(&bench, &case).await, None);
    assert_eq!(put(&bench, &case).await, CasePut::Opened);
    assert_eq!(put(&bench, &case).await, CasePut::Same);
    let (less, _) = debt("20.50");
    assert_eq!(put(&bench, &less).await, CasePut::Updated);
    let theirs = CaseSpec { recipient: who(2), ..less.clone() };
    assert_eq!(put(&bench, &theirs).await, CasePut::OfAnother);
    let record = look(&bench, &case).await.expect("a known case");
    assert_eq!((record.state, record.mails, record.spec.as_ref()), (CaseState::Open, 0, Some(&less)));
    assert_eq!(counted(&bench).await, CaseCounts { open: 1, ..CaseCounts::default() });
    let events = told(&bench, &["case.opened", "case.updated"]).await;
    assert!(
        events.iter().all(|event| event.data["id"] == "7" && event.data["state"] == "open"),
        "{events:?}"
    );
}

pub(crate) async fn a_claim_says_what_is_owed_now<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let (case, letter) = debt("120.50");
    let (less, _) = debt("20.50");
    let stranger =
        SendSpec { recipient: who(2), ..SendSpec { case: Some("7".into()), ..send("s-2", who(2)) } };
    put(&bench, &case).await;
    bench.enqueue(&[letter, stranger]).await;
    put(&bench, &less).await;
    let claim = bench.claim(who(1)).await;
    assert_eq!(claim.facts.as_deref(), Some(&less.facts));
    let theirs = bench.claim(who(2)).await;
    assert_eq!(theirs.facts, None, "a case is one person's");
    let late = SendSpec { case: Some("7".into()), ..send("s-3", who(1)) };
    let claim = bench.accept(&late).await.expect("they are online");
    assert_eq!(claim.facts.as_deref(), Some(&less.facts));
    bench.sent(claim.hold).await;
    assert_eq!(look(&bench, &case).await.expect("known").mails, 1);
}

pub(crate) async fn a_settled_case_takes_nothing_more<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let (case, letter) = debt("120.50");
    put(&bench, &case).await;
    bench.accept(&letter).await;
    let ended = Settled { cancelled: 1, in_hand_over: 0, state: Some(CaseState::Settled) };
    assert_eq!(settle(&bench, &case).await, ended);
    assert_eq!(settle(&bench, &case).await, Settled { cancelled: 0, ..ended });
    let more = SendSpec { case: Some("7".into()), ..send("s-2", who(1)) };
    let answers = bench.enqueue(&[letter.clone(), more.clone()]).await;
    assert!(matches!(answers[..], [Enqueued::Same, Enqueued::Closed(CaseState::Settled)]), "{answers:?}");
    assert_eq!(bench.state(&more).await, None);
    assert_eq!(put(&bench, &case).await, CasePut::Closed(CaseState::Settled));
    let record = look(&bench, &case).await.expect("known");
    assert_eq!((record.spec, record.reason.as_deref()), (None, Some("paid")));
    assert!(record.closed.is_some());
    assert_eq!(counted(&bench).await, CaseCounts { settled: 1, ..CaseCounts::default() });
    told(&bench, &["case.opened", "case.settled"]).await;
    bench.counts().await;
}

pub(crate) async fn a_settlement_and_a_hand_over_have_one_winner<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let (case, letter) = debt("1");
    let second = SendSpec { case: Some("7".into()), ..send("s-2", who(1)) };
    put(&bench, &case).await;
    bench.enqueue(&[letter.clone(), second.clone()]).await;
    let claims = bench.touch(who(1)).await;
    let [first, other] = claims.as_slice() else { panic!("two claims") };
    assert_eq!(bench.store().begin(first.hold).await.expect("begin works"), Fenced::Done);
    let settled = settle(&bench, &case).await;
    assert_eq!((settled.cancelled, settled.in_hand_over), (1, 1));
    assert_eq!(bench.store().begin(other.hold).await.expect("begin works"), Fenced::Stale);
    bench.sent(first.hold).await;
    let states = [bench.state(&first.spec).await, bench.state(&other.spec).await];
    assert_eq!(states, [Some(SendState::Sent), Some(SendState::Cancelled)]);
    assert_eq!(stands(&bench, &case).await, CaseState::Settled);
    bench.counts().await;
}

pub(crate) async fn what_comes_back_of_a_closed_case_ends<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let ends: [Finish; 3] = [
        Finish::Deferred(Deferral { until: bench.later(HOUR), reason: "busy".into(), counts: true }),
        Finish::Released { reason: "watchdog".into() },
        Finish::Uncertain { reason: "cut".into() },
    ];
    for (n, end) in (1_u8..).zip(ends) {
        let case = case_of("demo", &n.to_string(), who(n), "1");
        let mut letter = SendSpec { case: Some(case.case.clone()), ..send(&case.case, who(n)) };
        letter.on_uncertain = OnUncertain::Resend;
        put(&bench, &case).await;
        bench.accept(&letter).await;
        let hold = bench.claim(who(n)).await.hold;
        bench.store().begin(hold).await.expect("begin works");
        let handed = bench.store().hand_off(&case.brand, &case.case, "asked").await.expect("hand_off works");
        assert_eq!(handed, Settled { cancelled: 0, in_hand_over: 1, state: Some(CaseState::Leaving) });
        let more = SendSpec { case: letter.case.clone(), ..send(&format!("{n} again"), who(n)) };
        let answer = bench.enqueue(&[more]).await;
        assert!(matches!(answer[..], [Enqueued::Closed(CaseState::Leaving)]), "{answer:?}");
        bench.store().finish(hold, end.clone()).await.expect("finish works");
        let uncertain = matches!(end, Finish::Uncertain { .. });
        let state = if uncertain { SendState::Uncertain } else { SendState::HandedOff };
        assert_eq!(bench.state(&letter).await, Some(state), "{end:?}");
        assert_eq!(stands(&bench, &case).await, CaseState::HandedOff);
        assert_eq!(look(&bench, &case).await.expect("known").mails, u32::from(uncertain));
    }
    assert_eq!(counted(&bench).await, CaseCounts { handed_off: 3, ..CaseCounts::default() });
    bench.counts().await;
}

pub(crate) async fn a_case_that_was_handed_off_may_be_settled<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let (case, _) = debt("1");
    put(&bench, &case).await;
    let handed = bench.store().hand_off(&case.brand, "7", "asked").await.expect("hand_off works");
    assert_eq!(handed.state, Some(CaseState::HandedOff));
    assert_eq!(settle(&bench, &case).await.state, Some(CaseState::Settled));
    assert_eq!(counted(&bench).await, CaseCounts { settled: 1, ..CaseCounts::default() });
    told(&bench, &["case.opened", "case.handed_off", "case.settled"]).await;
}

pub(crate) async fn a_hundred_sends_are_settled_together<B: Backend>() {
    let bench = Bench::<B>::with(|rules| rules.max_waiting = 1000 * u64::from(B::HABITS.partitions)).await;
    let (case, _) = debt("1");
    put(&bench, &case).await;
    let letters: Vec<_> =
        (0..450).map(|n| SendSpec { case: Some("7".into()), ..send(&n.to_string(), who(1)) }).collect();
    bench.enqueue(&letters).await;
    assert_eq!(settle(&bench, &case).await.cancelled, 450);
    assert!(bench.touch(who(1)).await.is_empty());
    bench.counts().await;
}

pub(crate) async fn a_forgotten_person_owes_nothing<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let (case, letter) = debt("1");
    put(&bench, &case).await;
    bench.accept(&letter).await;
    let forgotten = bench.store().forget(who(1)).await.expect("forget works");
    assert_eq!((forgotten.sends, forgotten.cases), (1, 1));
    let record = look(&bench, &case).await.expect("known");
    assert_eq!((record.state, record.spec), (CaseState::Settled, None));
}

pub(crate) async fn beyond_the_bound_cases_are_refused<B: Backend>() {
    let bench = Bench::<B>::with(|rules| rules.max_waiting = 2 * u64::from(B::HABITS.partitions)).await;
    let cases: Vec<_> = (0..3).map(|n| case_of("demo", &n.to_string(), who(1), "1")).collect();
    let answers = bench.store().put_cases(cases.clone()).await;
    assert!(matches!(answers[..], [Ok(CasePut::Opened), Ok(CasePut::Opened), Err(StoreError::Full(_))]));
    settle(&bench, &cases[0]).await;
    assert_eq!(put(&bench, &cases[2]).await, CasePut::Opened);
}

pub(crate) async fn a_deadline_takes_a_case_out_of_e_mail<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let (mut case, letter) = debt("1");
    case.deadline = Some(bench.later(HOUR));
    put(&bench, &case).await;
    bench.accept(&letter).await;
    // Moved, and moved back: the last word counts.
    put(&bench, &CaseSpec { deadline: None, ..case.clone() }).await;
    put(&bench, &case).await;
    bench.pass(HOUR.saturating_sub(Duration::from_millis(1)));
    assert!(bench.tick().await.ended.is_empty());
    assert_eq!(stands(&bench, &case).await, CaseState::Open);
    bench.pass(Duration::from_millis(1));
    bench.due().await;
    assert_eq!(bench.tick().await.ended, [(letter.id, SendState::HandedOff)]);
    let record = look(&bench, &case).await.expect("known");
    assert_eq!((record.state, record.reason.as_deref()), (CaseState::HandedOff, Some("deadline")));
    assert!(bench.touch(who(1)).await.is_empty());
    told(&bench, &["case.opened", "case.updated", "case.updated", "case.handed_off"]).await;
    bench.counts().await;
}

pub(crate) async fn a_mail_that_is_handed_off_takes_its_case_along<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let (case, letter) = debt("1");
    let other = SendSpec { case: Some("7".into()), ..send("s-2", who(1)) };
    let handoff = SendSpec { deadline: Some(bench.later(HOUR)), on_deadline: OnDeadline::Handoff, ..letter };
    put(&bench, &case).await;
    bench.enqueue(&[handoff.clone(), other.clone()]).await;
    bench.pass(HOUR);
    assert_eq!(bench.tick().await.ended.len(), 2);
    assert_eq!(stands(&bench, &case).await, CaseState::HandedOff);
    assert_eq!(bench.state(&other).await, Some(SendState::HandedOff));
}

pub(crate) async fn a_mail_under_way_ends_before_its_case_leaves<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let (mut case, letter) = debt("1");
    case.deadline = Some(bench.later(Duration::from_secs(5)));
    put(&bench, &case).await;
    bench.accept(&letter).await;
    let hold = bench.claim(who(1)).await.hold;
    bench.store().begin(hold).await.expect("begin works");
    bench.pass(Duration::from_secs(5));
    assert!(bench.tick().await.ended.is_empty());
    assert_eq!(stands(&bench, &case).await, CaseState::Leaving, "it is in one channel at a time");
    bench.sent(hold).await;
    let record = look(&bench, &case).await.expect("known");
    assert_eq!((record.state, record.mails), (CaseState::HandedOff, 1));
    assert_eq!(bench.state(&letter).await, Some(SendState::Sent));
}

pub(crate) async fn closed_cases_are_forgotten_in_time<B: Backend>() {
    let bench = Bench::<B>::with(|rules| (rules.keep_finished, rules.keep_cases) = (HOUR, 3 * HOUR)).await;
    let (case, letter) = debt("1");
    put(&bench, &case).await;
    bench.accept(&letter).await;
    settle(&bench, &case).await;
    told(&bench, &["case.opened", "case.settled"]).await;
    bench.pass((3 * HOUR).saturating_sub(Duration::from_mins(1)));
    bench.tick().await;
    assert_eq!(stands(&bench, &case).await, CaseState::Settled, "longer than its letters");
    assert_eq!(put(&bench, &case).await, CasePut::Closed(CaseState::Settled), "nothing opens it again");
    bench.pass(Duration::from_mins(2));
    let patience = Instant::now();
    while look(&bench, &case).await.is_some() {
        bench.tick().await;
        assert!(patience.elapsed() < Duration::from_secs(10), "it is still known");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(put(&bench, &case).await, CasePut::Opened, "the name is free again");
    assert_eq!(counted(&bench).await, CaseCounts { open: 1, settled: 1, handed_off: 0 });
}

pub(crate) async fn cases_survive_a_crash<B: Backend>() {
    let mut bench = Bench::<B>::new().await;
    let (mut case, letter) = debt("1");
    case.deadline = Some(bench.later(HOUR));
    put(&bench, &case).await;
    bench.accept(&letter).await;
    let leaving = case_of("demo", "8", who(2), "1");
    let under_way = SendSpec { case: Some("8".into()), ..send("s-8", who(2)) };
    put(&bench, &leaving).await;
    bench.accept(&under_way).await;
    let hold = bench.claim(who(2)).await.hold;
    bench.store().begin(hold).await.expect("begin works");
    bench.store().hand_off(&leaving.brand, "8", "asked").await.expect("hand_off works");
    bench.backend.crash().await;
    assert_eq!(look(&bench, &case).await.expect("known").spec, Some(case.clone()));
    // Whoever took over has nothing to do before the dead gateway is taken for dead.
    bench.pass(B::HABITS.alive_after_death.max(HOUR));
    let patience = Instant::now();
    while counted(&bench).await.handed_off < 2 {
        bench.tick().await;
        bench.pass(Duration::from_mins(1));
        assert!(patience.elapsed() < Duration::from_secs(20), "both are handed off");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(bench.state(&letter).await, Some(SendState::HandedOff));
    assert_eq!(bench.state(&under_way).await, Some(SendState::Uncertain));
    assert_eq!(counted(&bench).await, CaseCounts { handed_off: 2, ..CaseCounts::default() });
}
