//! 20:00. All books are read and must tell the same day, to the last case.

use std::collections::{BTreeMap, BTreeSet};

use hyper::Method;
use jiff::Timestamp;
use serde_json::Value;

use super::books::{self, Story};
use super::cast::{Brand, Case, End, Person, Role};
use super::mailboxes::{self, Mail};
use super::{Day, callcentre, ending, table, watched};
use crate::support::wait::{SOON, wait_until};

pub async fn passes(mut day: Day) {
    everything_has_come_to_rest(&day).await;
    let story = books::read_all(&day.town).await;
    for person in &day.people {
        for case in &person.cases {
            ended_as_it_must(&day, &story, person.role, case).await;
        }
    }
    one_mail_for_two_debts(&day, &story);
    let mails = mailboxes::read(&day.town);
    mailboxes_agree(&day, &story, &mails);
    never_in_both_channels(&day, &story, &mails).await;
    for brand in Brand::BOTH {
        counters_agree(&day, &story, brand);
    }
    let called = callcentre::reconciles(&day, &story).await;
    day.town.books_balance();
    table::print(&day, &story, &called);
    watched::is_catalogued(&day.town);
    watched::answers_everything(&day.town).await;
    watched::draw(&day.town);
    let waiting = Brand::BOTH.iter().map(|brand| day.town.sends(*brand, "waiting")).sum();
    for gateway in &mut day.town.gateways {
        gateway.leaves_undecided(waiting);
    }
}

/// No mail is under way, and none is on its way to a mailbox.
async fn everything_has_come_to_rest(day: &Day) {
    wait_until("everything has come to rest", SOON, async || {
        let sum = |state| Brand::BOTH.iter().map(|brand| day.town.sends(*brand, state)).sum::<u64>();
        let gone = day.people.iter().filter(|person| person.role == Role::Gone).count() as u64;
        let mails = day.town.postfix.messages().len() as u64;
        (sum("claimed") == 0 && mails + gone == sum("sent")).then_some(())
    })
    .await;
}

/// A case is open, settled or handed off, for the right reason; its events, its view and its mails say so, too.
async fn ended_as_it_must(day: &Day, story: &Story, role: Role, case: &Case) {
    let (name, letter) = (&case.name, story.sends.get(&case.letter()));
    let path = format!("/v1/cases/{}/{name}", case.brand.name());
    let view = day.town.ask(Method::GET, &path, &Value::Null).await;
    let closed = story.closed.get(name);
    let said = closed.map(|closed| (closed.state.as_str(), closed.reason.as_str()));
    let (state, expected) = match role.end(case.brand) {
        End::Open => ("open", None),
        End::Settled(why) => ("settled", Some(("settled", why))),
        End::HandedOff(why) => ("handed_off", Some(("handed_off", why))),
    };
    assert_eq!((view["state"].as_str(), said), (Some(state), expected), "{role:?} {name}: {view}");
    assert!(story.opened.contains(name), "{name} was opened");
    let sent = usize::from(letter.is_some_and(|letter| letter.state == "sent"));
    assert!(role.mails(case.brand).is_none_or(|mails| mails == sent), "{role:?} {name}: {letter:?}");
    assert_eq!(view["mails"], sent, "{role:?} {name}: {view}");
    if let Some(closed) = closed.filter(|closed| closed.state == "handed_off") {
        assert_eq!(
            closed.mails, sent as u64,
            "the call centre is told how often they were written to: {name}"
        );
    }
    assert_eq!(letter.is_none(), sent == 0 && state == "open", "{name} waits if it is open and not sent");
}

/// One mail within 20 hours, and nobody is left out because one of two debts is settled.
fn one_mail_for_two_debts(day: &Day, story: &Story) {
    for person in day.people.iter().filter(|person| person.cases.len() > 1) {
        let sent = |case: &&Case| story.sends.get(&case.letter()).is_some_and(|end| end.state == "sent");
        assert_eq!(person.cases.iter().filter(sent).count(), 1, "{:?}", person.role);
    }
}

/// What lies in mailboxes is what was sent, each once, to whom it was for, with the amount of now.
fn mailboxes_agree(day: &Day, story: &Story, mails: &[Mail]) {
    let cases: BTreeMap<String, (&Person, &Case)> = day
        .people
        .iter()
        .flat_map(|person| person.cases.iter().map(move |case| (case.letter(), (person, case))))
        .collect();
    let ids: BTreeSet<_> = mails.iter().map(|mail| mail.message_id.as_str()).collect();
    assert_eq!(ids.len(), mails.len(), "each Message-ID once");
    let delivered: BTreeSet<_> = mails.iter().map(|mail| mail.letter.as_str()).collect();
    let sent =
        story.sends.iter().filter(|(letter, end)| end.state == "sent" && cases[*letter].0.role != Role::Gone);
    assert_eq!(delivered, sent.map(|(letter, _)| letter.as_str()).collect(), "mails are sends that are sent");
    for mail in mails {
        let (person, case) = &cases[&mail.letter];
        assert_eq!(mail.to, person.email);
        let (euros, cents) = (case.cents / 100, case.cents % 100);
        let amount = match case.brand {
            Brand::Azur => format!("{euros},{cents:02}\u{a0}€"),
            Brand::Boreal => format!("€{euros}.{cents:02}"),
        };
        assert!(mail.text.contains(&amount), "{amount} is owed now: {}", mail.text);
    }
}

/// Nothing of a case was sent, nor taken by the relay, after it was handed off.
async fn never_in_both_channels(day: &Day, story: &Story, mails: &[Mail]) {
    let handed_off = |letter: &str| {
        let name = letter.strip_suffix("-rappel").expect("ids are made so");
        story.closed.get(name).filter(|closed| closed.state == "handed_off")
    };
    for (letter, _) in story.sends.iter().filter(|(_, end)| end.state == "sent") {
        let Some(closed) = handed_off(letter) else { continue };
        // By the store's clock, as the case: the event of a send says when its gateway heard of it.
        let view = day.town.ask(Method::GET, &format!("/v1/sends/{letter}"), &Value::Null).await;
        let sent: Timestamp = view["sent_at"].as_str().expect("it was sent").parse().expect("a moment");
        assert!(sent <= closed.at, "{view}, but {closed:?}");
    }
    for mail in mails {
        let in_time = handed_off(&mail.letter).is_none_or(|closed| mail.taken <= closed.at);
        assert!(in_time, "{} was taken at {}", mail.letter, mail.taken);
    }
}

/// The counters of both gateways say what the events say, and what the night's report said.
fn counters_agree(day: &Day, story: &Story, brand: Brand) {
    let accepted = day.fed[brand as usize].accepted;
    let states = ["waiting", "claimed", "sent", "failed", "uncertain", "cancelled", "handed_off", "dropped"];
    let counts = states.map(|state| day.town.sends(brand, state));
    assert_eq!(counts.iter().sum::<u64>(), accepted, "{states:?} {counts:?}");
    let all = day.town.gateway().metrics().count("vigie_sends_accepted_total", &[&brand.label()]);
    assert_eq!(all, accepted);
    let prefix = ["AZ-", "BO-"][brand as usize];
    for (state, count) in states.into_iter().zip(counts).skip(2) {
        let told = story.sends.iter().filter(|(id, end)| id.starts_with(prefix) && end.state == state);
        assert_eq!(told.count() as u64, count, "{state}");
    }
    let cases = ["open", "settled", "handed_off"].map(|state| day.town.cases(brand, state));
    let must = [
        ending(&day.people, brand, |end| end == End::Open),
        ending(&day.people, brand, |end| matches!(end, End::Settled(_))),
        ending(&day.people, brand, |end| matches!(end, End::HandedOff(_))),
    ];
    assert_eq!((cases, cases.iter().sum()), (must, accepted), "each case is one of the three");
}
