//! From 8:00 on. What was settled by telephone is said; then people come online, and mails go out as fast as the brands may.

use std::time::{Duration, Instant};

use hyper::Method;
use serde_json::json;

use super::cast::{Brand, Role};
use super::{Day, refs};
use crate::support::wait::{SOON, wait_until};

/// People who come at about the same time.
const WAVE: usize = 60;

/// Mails of Azur within a second, as its `limits` say.
const AZUR_A_SECOND: u32 = 40;

pub async fn passes(day: &mut Day) {
    what_others_know_already(day).await;
    let (portal, mail): (Vec<_>, Vec<_>) =
        day.those(Role::comes_in_the_morning).into_iter().partition(|person| person.role == Role::Visitor);
    let began = Instant::now();
    day.town.log_in(&refs(&portal)).await;
    for wave in mail.chunks(WAVE) {
        day.town.open_older_mails(&refs(wave)).await;
        day.town.books_balance();
    }
    day.mails_go_out(&[portal, mail].concat()).await;
    let azur = u32::try_from(day.town.sends(Brand::Azur, "sent")).expect("some");
    let least = Duration::from_secs(1) * (azur - AZUR_A_SECOND) / AZUR_A_SECOND;
    assert!(began.elapsed() >= least, "{azur} mails within {:?} are too fast", began.elapsed());
    addresses_that_are_none(day).await;
}

/// Plans that were agreed on, debts that were paid, a mailbox that another system knows to be gone.
async fn what_others_know_already(day: &Day) {
    for brand in Brand::BOTH {
        let plans = day.cases(brand, |role| role == Role::Planner);
        assert_eq!(day.settle(&plans, "plan").await, plans.len() as u64, "each had a mail waiting");
    }
    let relieved = day.cases(Brand::Azur, |role| role == Role::Relieved);
    day.settle(&relieved, "paid").await;
    for person in day.people.iter().filter(|person| person.role == Role::Reported) {
        let brand = person.cases[0].brand.name();
        let bounce = json!({"email": person.email, "brand": brand, "kind": "hard", "status": "5.1.1"});
        let heed = day.town.ask(Method::POST, "/v1/bounces", &bounce).await;
        assert_eq!(heed["suppressed"], "all", "{heed}");
    }
}

/// What the relay refuses, and what comes back to it from the provider, leaves e-mail at once.
async fn addresses_that_are_none(day: &Day) {
    let unknown = |role| matches!(role, Role::Refused | Role::Gone | Role::Reported);
    for brand in Brand::BOTH {
        let cases = day.cases(brand, unknown).len() as u64;
        let what = format!("{cases} cases of {} without a mailbox are handed off", brand.name());
        wait_until(&what, SOON * 2, async || (day.town.cases(brand, "handed_off") == cases).then_some(()))
            .await;
        let refused = day.cases(brand, |role| role == Role::Refused).len() as u64;
        assert_eq!(day.town.sends(brand, "failed"), refused);
    }
    day.town.books_balance();
}
