//! A month that passes in a moment: every hour somebody comes online, letters arrive, deadlines pass; and at no instant is
//! anybody written to more often than the budgets say, nor is a send lost.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use vigie::clock::after;
use vigie::model::{Budget, Budgets, Claim, OnDeadline, RecipientId, SendSpec, SendState};
use vigie::store::{CasePut, Enqueued};

use super::bench::{Backend, Bench, case_of, send, who};

const HOUR: Duration = Duration::from_hours(1);
const HOURS: u32 = 30 * 24;
const PEOPLE: u8 = 6;

/// Numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

/// At most one mail in 20 hours, and three in a week.
fn budgets() -> Vec<Budget> {
    vec![
        Budget { at_most: 1, within: Duration::from_hours(20) },
        Budget { at_most: 3, within: Duration::from_hours(24 * 7) },
    ]
}

/// What everybody got, and when.
type Mails = BTreeMap<RecipientId, Vec<Timestamp>>;

async fn deliver<B: Backend>(bench: &Bench<B>, claims: Vec<Claim>, mails: &mut Mails) {
    for claim in claims {
        bench.store().begin(claim.hold).await.expect("begin works");
        bench.sent(claim.hold).await;
        mails.entry(claim.hold.recipient).or_default().push(bench.now());
    }
}

/// No window that ends with one of these mails has more of them than a budget allows.
fn kept(mails: &Mails) {
    for (person, at) in mails {
        for budget in budgets() {
            let most = usize::try_from(budget.at_most).expect("few");
            let close = at.windows(most + 1).find(|some| some[most] < after(some[0], budget.within));
            assert_eq!(close, None, "{person}: more than {most} within {:?}", budget.within);
        }
    }
}

/// A letter with a deadline days ahead, every third of a case that leaves in the third week.
fn letter<B: Backend>(bench: &Bench<B>, n: u64, dice: &mut Dice) -> SendSpec {
    let person = u8::try_from(dice.below(PEOPLE.into())).expect("few");
    let on_deadline = match n % 3 {
        0 => OnDeadline::Send,
        1 => OnDeadline::Handoff,
        _ => OnDeadline::Drop,
    };
    let days = u32::try_from(1 + dice.below(6)).expect("few");
    SendSpec {
        deadline: Some(bench.later(24 * days * HOUR)),
        on_deadline,
        case: n.is_multiple_of(3).then(|| person.to_string()),
        priority: i16::try_from(dice.below(3)).expect("few"),
        ..send(&format!("s-{n}"), who(person))
    }
}

pub(crate) async fn a_month_keeps_every_promise<B: Backend>() {
    let bench = Bench::<B>::with(|rules| {
        rules.budgets = Budgets { together: budgets(), ..Budgets::default() };
        rules.keep_finished = Duration::from_hours(24 * 60);
    })
    .await;
    let (mut dice, mut mails, mut accepted) = (Dice(7), Mails::new(), 0);
    for person in 0..PEOPLE {
        let mut case = case_of("demo", &person.to_string(), who(person), "10");
        case.deadline = Some(bench.later(24 * (15 + u32::from(person)) * HOUR));
        let put = bench.store().put_cases(vec![case]).await.pop().expect("one answer");
        assert_eq!(put.expect("put_cases works"), CasePut::Opened);
    }
    for hour in 0..HOURS {
        if dice.below(3) == 0 {
            let answer = bench.enqueue(&[letter(&bench, hour.into(), &mut dice)]).await.pop();
            match answer.expect("one answer") {
                Enqueued::New(claim) => {
                    accepted += 1;
                    deliver(&bench, claim.into_iter().collect(), &mut mails).await;
                }
                Enqueued::Closed(_) => {}
                other => panic!("{other:?}"),
            }
        }
        let seen = u8::try_from(dice.below(u64::from(PEOPLE) + 2)).expect("few");
        if seen < PEOPLE {
            let claims = bench.touch(who(seen)).await;
            deliver(&bench, claims, &mut mails).await;
        }
        let ticked = bench.tick().await;
        deliver(&bench, ticked.claims, &mut mails).await;
        if hour.is_multiple_of(24) {
            bench.counts().await;
        }
        bench.pass(HOUR);
    }
    kept(&mails);
    let counts = bench.counts().await;
    assert_eq!(counts.accepted, accepted);
    let sent: usize = mails.values().map(Vec::len).sum();
    assert_eq!(counts.states[SendState::Sent as usize], sent as u64, "what went out is what was counted");
    let cases = bench.store().snapshot().await.expect("snapshot works").cases;
    let of_brand = cases.values().next().expect("one brand");
    assert_eq!((of_brand.open, of_brand.handed_off), (0, PEOPLE.into()), "every case left in time");
    assert!(sent > 20 && accepted > 150, "{sent} of {accepted} went out");
}
