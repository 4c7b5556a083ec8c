//! Why a send has not gone out: every rule of the store, with its verdict and the figures it decides by.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::Pause;
use crate::clock::after;
use crate::model::{ConsentRule, Flows, Grantee, OnDeadline, SendRecord, SendSpec, SendState};
use crate::store::{Person, Rules};

/// One rule and what it says about one send now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Rule {
    /// Which: `state`, `flow`, `hours`, `not_before`, `presence`, `min_gap`, `budget`, `deadline`, `consent` or `limits`.
    #[schema(value_type = String)]
    pub name: &'static str,
    /// Whether it holds the send back.
    pub verdict: Judgement,
    /// The figures it decides by, in words.
    pub value: String,
}

/// Whether a rule holds a send back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Judgement {
    /// It does not stand in the way.
    Pass,
    /// The send waits because of it.
    Hold,
}

/// What every rule says about `record` at `now`. A send that is under way or final has one rule left: its state.
pub fn explain(
    record: &SendRecord,
    person: &Person,
    flows: &Flows,
    rules: &Rules,
    now: Timestamp,
) -> Vec<Rule> {
    let mut all = vec![state(record)];
    if let (SendState::Waiting, Some(spec)) = (record.state, &record.spec) {
        let goes = [spec.deadline, record.aimed].into_iter().flatten().min();
        let overdue = spec.on_deadline == OnDeadline::Send && goes.is_some_and(|at| at <= now);
        all.extend([
            flow(spec, flows, now),
            hours(spec, rules, now),
            not_before(record, spec, now),
            presence(person, rules, overdue),
            min_gap(record, person, rules, now),
            budget(spec, person, rules, now),
            deadline(record, spec, now),
            consent(spec, person, rules),
        ]);
    }
    all
}

fn pass(name: &'static str, value: impl Into<String>) -> Rule {
    Rule { name, verdict: Judgement::Pass, value: value.into() }
}

fn hold(name: &'static str, value: impl Into<String>) -> Rule {
    Rule { name, verdict: Judgement::Hold, value: value.into() }
}

fn state(record: &SendRecord) -> Rule {
    let word = record.state.as_str();
    match record.state {
        SendState::Waiting => pass("state", word),
        SendState::Claimed if record.handing_over => pass("state", "claimed; the hand-over has begun"),
        SendState::Claimed => pass("state", "claimed; an attempt is under way"),
        _ => hold("state", format!("{word}; this is final")),
    }
}

fn flow(spec: &SendSpec, flows: &Flows, now: Timestamp) -> Rule {
    match flows.pausing(&spec.brand, spec.campaign.as_ref(), now) {
        Some((scope, setting)) => hold("flow", Pause(scope, setting).to_string()),
        None => pass("flow", "running"),
    }
}

/// Asked at the instant of sending, and so a send that is held by them was tried, or will be.
fn hours(spec: &SendSpec, rules: &Rules, now: Timestamp) -> Rule {
    match super::hours::words(&rules.brands, spec, now) {
        Ok(open) => pass("hours", open),
        Err(quiet) => hold("hours", quiet),
    }
}

/// Not-before, or the re-arm after a deferral: the store keeps the later of both in `due`.
fn not_before(record: &SendRecord, spec: &SendSpec, now: Timestamp) -> Rule {
    let asked = spec.not_before;
    match record.due.or(asked) {
        Some(due) if now < due && asked == Some(due) => hold("not_before", format!("not before {due}")),
        Some(due) if now < due => {
            let tries = record.attempts;
            hold("not_before", format!("deferred until {due}; attempts that count so far: {tries}"))
        }
        Some(due) => pass("not_before", format!("due since {due}")),
        None => pass("not_before", "due since it was accepted"),
    }
}

fn presence(person: &Person, rules: &Rules, overdue: bool) -> Rule {
    let window = rules.window.as_secs();
    match &person.online {
        Some((seen, source)) => {
            let until = after(*seen, rules.window);
            pass("presence", format!("online: seen {seen} by {}, counts until {until}", source.as_str()))
        }
        None if overdue => pass("presence", "not needed: its time has come without it"),
        None => hold("presence", format!("not seen in the mailbox during the last {window} s")),
    }
}

fn min_gap(record: &SendRecord, person: &Person, rules: &Rules, now: Timestamp) -> Rule {
    let gap = rules.min_gap.as_secs();
    let under_way = |other: &&SendRecord| other.id != record.id && other.state == SendState::Claimed;
    if rules.min_gap.is_zero() {
        return pass("min_gap", "switched off");
    }
    if let Some(other) = person.waiting.iter().find(under_way) {
        return hold("min_gap", format!("send {} of the same person is under way", other.reference));
    }
    match person.last_sent().map(|sent| (sent, after(sent, rules.min_gap))) {
        Some((sent, free)) if now < free => {
            hold("min_gap", format!("last sent to {sent}; {gap} s between two sends: until {free}"))
        }
        Some((sent, _)) => pass("min_gap", format!("last sent to {sent}, more than {gap} s ago")),
        None => pass("min_gap", format!("nothing sent to this person during the last {gap} s")),
    }
}

/// What all brands together may send to one person, and what this brand may.
fn budget(spec: &SendSpec, person: &Person, rules: &Rules, now: Timestamp) -> Rule {
    let budgets = &rules.budgets;
    if budgets.together.is_empty() && budgets.of(&spec.brand).is_empty() {
        return pass("budget", "none");
    }
    let all = person.contacts.len();
    let own = person.contacts.iter().filter(|mail| mail.brand.as_ref() == Some(&spec.brand)).count();
    let got = format!("mails remembered: {all}, of this brand {own}");
    match budgets.free_at(&person.contacts, &spec.brand).filter(|free| now < *free) {
        Some(free) => hold("budget", format!("used up until {free}; {got}")),
        None => pass("budget", format!("not used up; {got}")),
    }
}

fn deadline(record: &SendRecord, spec: &SendSpec, now: Timestamp) -> Rule {
    let then = match spec.on_deadline {
        OnDeadline::Send => "it is sent without waiting for the recipient",
        OnDeadline::Handoff => "it is handed off to another channel",
        OnDeadline::Drop => "it is dropped",
    };
    match spec.deadline {
        Some(at)
            if at > now
                && let Some(aimed) = record.aimed =>
        {
            pass(
                "deadline",
                format!("at {at} {then}; it goes at {aimed} already, when the recipient is often seen"),
            )
        }
        Some(at) if at <= now => pass("deadline", format!("passed {at}: {then}")),
        Some(at) => pass("deadline", format!("at {at} {then}")),
        None => pass("deadline", "none: it waits until the recipient is seen"),
    }
}

/// Consent never holds a send; it decides whether the mail may carry a pixel and tracked links.
fn consent(spec: &SendSpec, person: &Person, rules: &Rules) -> Rule {
    let to = Grantee::Brand(spec.brand.clone());
    let rule = rules.brands.consent(&spec.brand);
    let value = match person.consents.iter().find(|consent| consent.grantee == to) {
        Some(said) if said.granted => format!("granted {}: the mail may carry a pixel", said.at),
        Some(said) => format!("withdrawn {}: the mail goes without a pixel", said.at),
        None if rule == ConsentRule::Presumed => "presumed: the mail may carry a pixel".to_owned(),
        None => "required and not recorded: the mail goes without a pixel".to_owned(),
    };
    pass("consent", value)
}
