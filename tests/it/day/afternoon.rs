//! From 15:00 on. A second file says what was paid in part; somebody complains; deadlines pass while people come online.

use std::time::Duration;

use hyper::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use vigie::clock::Clock;

use super::cast::{Brand, End, Person, Role};
use super::feeds::{Sums, drop_feed, feed, next_month};
use super::{Day, ending, mailboxes, refs};
use crate::support::wait::{SOON, wait_until};

/// From the file that says so to the deadline: time to import it, also on a busy machine.
const AHEAD: SignedDuration = SignedDuration::from_secs(10);

/// So long before and after a deadline people come of whom nobody can say what they find.
const AROUND: SignedDuration = SignedDuration::from_millis(1500);

pub async fn passes(day: &mut Day) {
    parts_are_paid(day).await;
    mails_are_opened(day).await;
    somebody_complains(day).await;
    let deadline = deadlines_are_told(day).await;
    let late = day.those(|role| role == Role::Late);
    come_around(day, deadline, &late).await;
    for brand in Brand::BOTH {
        let cases = ending(&day.people, brand, |end| matches!(end, End::HandedOff(_)));
        let what = format!("{cases} cases of {} are handed off", brand.name());
        wait_until(&what, SOON, async || (day.town.cases(brand, "handed_off") == cases).then_some(())).await;
    }
    day.town.books_balance();
    // Nothing is left for whoever comes now: the evening sees that nothing went.
    let absent = day.those(|role| matches!(role, Role::Absent | Role::Late | Role::Both | Role::Full));
    day.town.open_older_mails(&refs(&absent)).await;
    day.town.are_seen(&refs(&absent)).await;
}

/// Half of a debt is paid; what comes too late for a case that is settled already is refused. Then they read.
async fn parts_are_paid(day: &mut Day) {
    for person in day.people.iter_mut().filter(|person| person.role == Role::Instalment) {
        for case in &mut person.cases {
            case.cents /= 2;
        }
    }
    let people = day.those(|role| role == Role::Instalment);
    for brand in Brand::BOTH {
        let of_brand = |person: &&Person| person.cases[0].brand == brand;
        let settled = day.people.iter().filter(|person| person.role == Role::Planner).find(of_brand);
        let lines: Vec<_> = people.iter().filter(of_brand).chain(settled).collect();
        let text = feed(&day.town, brand, &lines, next_month());
        let known = lines.len() as u64 - 1;
        let sums = drop_feed(&day.town, brand, "afternoon", &text).await;
        assert_eq!(sums, Sums { lines: known + 1, accepted: known, same: 0, refused: 1 });
    }
    day.town.open_older_mails(&refs(&people)).await;
    day.mails_go_out(&people).await;
}

/// Who owes to both brands opens the one mail that came; the case knows it.
async fn mails_are_opened(day: &Day) {
    let cases = Brand::BOTH.map(|brand| day.cases(brand, |role| role == Role::Both)).concat();
    let mails = mailboxes::read(&day.town);
    let mut opened = Vec::new();
    for case in cases {
        if let Some(mail) = mails.iter().find(|mail| mail.letter == case.letter()) {
            day.town.gateways[opened.len() % 2].open(&mail.pixel).await;
            opened.push(case);
        }
    }
    for case in opened {
        let path = format!("/v1/cases/{}/{}", case.brand.name(), case.name);
        wait_until("it is known that a mail was opened", SOON, async || {
            let view = day.town.ask(Method::GET, &path, &Value::Null).await;
            (view["opens"] == 1).then_some(())
        })
        .await;
    }
}

async fn somebody_complains(day: &Day) {
    for person in day.people.iter().filter(|person| person.role == Role::Complainer) {
        let brand = person.cases[0].brand.name();
        let complaint = json!({"email": person.email, "brand": brand, "kind": "complaint"});
        let heed = day.town.ask(Method::POST, "/v1/bounces", &complaint).await;
        assert_eq!(heed["suppressed"], "brand", "{heed}");
    }
}

/// A last file says whose time ends today.
async fn deadlines_are_told(day: &mut Day) -> Timestamp {
    let people = day.those(Role::has_a_deadline);
    let deadline = Clock::system().now() + AHEAD;
    for brand in Brand::BOTH {
        let text = feed(&day.town, brand, &refs(&people), deadline);
        let lines = text.lines().count() as u64 - 1;
        let sums = drop_feed(&day.town, brand, "deadlines", &text).await;
        assert_eq!(
            sums,
            Sums { lines, accepted: lines, same: 0, refused: 0 },
            "their cases say something new"
        );
    }
    deadline
}

/// One after the other they come, some before the deadline and some after it.
async fn come_around(day: &Day, deadline: Timestamp, people: &[Person]) {
    let first = (deadline - AROUND).duration_since(Clock::system().now());
    let between = AROUND * 2 / i32::try_from(people.len()).expect("a few");
    let pixels = day.town.pixels(&refs(people)).await;
    tokio::time::sleep(Duration::try_from(first).unwrap_or_default()).await;
    for (n, pixel) in pixels.iter().enumerate() {
        day.town.gateways[n % 2].open(pixel).await;
        tokio::time::sleep(Duration::try_from(between).expect("it lies ahead")).await;
    }
    day.town.are_seen(&refs(people)).await;
}
