//! A day of two brands, from the night's feeds to the call centre's evening, on two gateways with a real Redis and a real
//! Postfix.
//!
//! *Azur* collects for a bank in French, *Boreal* reminds its own customers in English. Some people owe to both, and get one mail
//! within 20 hours all the same. The day is short: what takes hours outside takes seconds here, by the settings of
//! `day/vigie.toml`. Whom chance decides about is said in [`cast`]; all others end as they must, every time.
//!
//! 1. [`night`]: the brands' systems drop their files; what cannot be read is refused, the rest is opened and queued.
//! 2. [`morning`]: people come online, mails go out. Some addresses turn out to be none.
//! 3. [`noon`]: an operator pauses Azur. People come and wait, some call and dispute, some pay by the link in their mail. Then
//!    Azur goes on, slowly at first.
//! 4. [`afternoon`]: another file says what was paid in part; mails are opened; somebody complains; deadlines pass while people
//!    come online.
//! 5. [`evening`]: all books are read and compared: events, cases, mailboxes, counters, and the [file](callcentre) of the call
//!    centre. The [`table`] says what the day was, and what operators [watched](watched) all day has an answer to each question.

mod afternoon;
mod books;
mod callcentre;
mod cast;
mod evening;
mod feeds;
mod mailboxes;
mod morning;
mod night;
mod noon;
mod payments;
mod table;
mod town;
mod watched;

use hyper::Method;
use serde_json::json;

use cast::{Brand, Case, Dice, End, Person, Role};
use feeds::Sums;
use town::Town;

#[tokio::test]
async fn two_brands_with_a_real_redis_and_a_real_postfix() {
    let mut day = Day::begins().await;
    night::passes(&mut day).await;
    morning::passes(&mut day).await;
    noon::passes(&mut day).await;
    afternoon::passes(&mut day).await;
    evening::passes(day).await;
}

/// What is known of the day so far.
struct Day {
    town: Town,
    people: Vec<Person>,
    dice: Dice,
    /// What was reported of the night's feeds, by brand.
    fed: Vec<Sums>,
    /// Mails that the relay must have taken by now, of both brands.
    mails: usize,
}

impl Day {
    async fn begins() -> Day {
        let mut dice = Dice(2026);
        let people = cast::everybody(&mut dice);
        let town = Town::open(&people).await;
        Day { town, people, dice, fed: Vec::new(), mails: 0 }
    }

    /// The people in some roles, who come in any order.
    fn those(&mut self, plays: impl Fn(Role) -> bool) -> Vec<Person> {
        let mut those: Vec<_> = self.people.iter().filter(|person| plays(person.role)).cloned().collect();
        self.dice.shuffle(&mut those);
        those
    }

    /// The cases of people in a role at one brand.
    fn cases(&self, brand: Brand, plays: impl Fn(Role) -> bool) -> Vec<Case> {
        let people = self.people.iter().filter(|person| plays(person.role));
        people.flat_map(|person| person.cases.iter()).filter(|case| case.brand == brand).cloned().collect()
    }

    /// These people have come: waits until the mails are sent that they must get, and not more.
    async fn mails_go_out(&mut self, people: &[Person]) {
        self.mails += people.iter().map(mails_to).sum::<usize>();
        self.town.are_sent(self.mails).await;
        self.town.books_balance();
    }

    /// Somebody settles cases with the brand, which says so; how many waiting mails that cancelled.
    async fn settle(&self, cases: &[Case], reason: &str) -> u64 {
        let mut cancelled = 0;
        for case in cases {
            let path = format!("/v1/cases/{}/{}/settle", case.brand.name(), case.name);
            let settled = self.town.ask(Method::POST, &path, &json!({ "reason": reason })).await;
            cancelled += settled["cancelled"].as_u64().expect("a number");
        }
        cancelled
    }
}

/// How many mails somebody gets who comes while mails go out: who owes twice gets one.
fn mails_to(person: &Person) -> usize {
    match person.role {
        Role::Both => 1,
        role => person.cases.iter().filter_map(|case| role.mails(case.brand)).sum(),
    }
}

/// How many cases of a brand end so.
fn ending(people: &[Person], brand: Brand, so: impl Fn(End) -> bool) -> u64 {
    let cases = people.iter().flat_map(|person| person.cases.iter().map(|case| (person.role, case)));
    cases.filter(|(role, case)| case.brand == brand && so(role.end(brand))).count() as u64
}

/// References, as most calls want them.
fn refs(people: &[Person]) -> Vec<&Person> {
    people.iter().collect()
}
