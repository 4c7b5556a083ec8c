//! The brand's hours at the recipient's: asked at the instant of sending, and told to whoever asks why nothing went out.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Held;
use crate::brands::Brands;
use crate::hours::{Timetable, Verdict, Zone, Zones};
use crate::model::{CaseFacts, Cause, Claim, RecipientId, SendSpec};
use crate::store::{Aim, Near};

/// Where the recipient is, as far as it is said: by the send itself, else by its case.
pub(super) fn zone<'a>(spec: &'a SendSpec, facts: Option<&'a CaseFacts>) -> Option<&'a str> {
    spec.zone.as_deref().or_else(|| facts?.zone.as_deref())
}

/// Whether the brand's hours let this claim go now. A brand without hours costs a look at it and no more.
pub(super) fn check(brands: &Brands, zones: &Zones, claim: &Claim, now: Timestamp) -> Result<(), Held> {
    let known = brands.now();
    let Some(hours) = known.brands.get(&claim.spec.brand).and_then(|brand| brand.hours.as_ref()) else {
        return Ok(());
    };
    let own = zone(&claim.spec, claim.facts.as_deref()).and_then(|name| zones.get(name));
    let zone = own.as_ref().unwrap_or(&hours.zone);
    match hours.at(now, zone.clock()) {
        Verdict::Quiet { until, why } => {
            Err(Held::Quiet { until, why: format!("{why}, in {}", zone.name()) })
        }
        Verdict::Open => match turn(hours, claim, now, zone.clock()) {
            Some(until) => Err(Held::Turn { until }),
            None => Ok(()),
        },
    }
}

/// The turn of a claim that only its deadline set off, if that passed before the opening at hand.
fn turn(hours: &Timetable, claim: &Claim, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let by_deadline = claim.overdue && claim.cause == Cause::Time;
    let deadline = claim.spec.deadline.filter(|_| by_deadline)?;
    hours.turn(deadline, share(claim.hold.recipient), now, zone)
}

/// Into the hour in which somebody is seen most their mail goes so far at most; those of several people are spread over it.
const SPREAD: Duration = Duration::from_mins(15);

/// A better moment for a send than its deadline: when its recipient is seen most, and the brand may write.
pub(super) fn aim(brands: &Brands, zones: &Zones, near: &Near, now: Timestamp) -> Option<Aim> {
    let (known, spec) = (brands.now(), &near.spec);
    let timetable = known.brands.get(&spec.brand).and_then(|brand| brand.hours.as_ref());
    let own = zone(spec, near.facts.as_deref()).and_then(|name| zones.get(name));
    let open = |at| {
        timetable
            .is_none_or(|hours| hours.at(at, own.as_ref().unwrap_or(&hours.zone).clock()) == Verdict::Open)
    };
    let into = SPREAD.mul_f64(share(spec.recipient));
    let at = near.hours.best(now, spec.deadline?, into, open)?;
    Some(Aim { send: spec.id, recipient: spec.recipient, at })
}

/// A share of the spread, from 0 to 1: the same for all mails of one person, so that the best of them goes first. Ids of
/// people are keyed hashes, so people share the spread evenly.
fn share(who: RecipientId) -> f64 {
    f64::from(u16::from_be_bytes([who.0[0], who.0[1]])) / 65536.0
}

/// What the hours say of a send of this brand at `now`, in words; an error if they hold it back.
pub(super) fn words(brands: &Brands, spec: &SendSpec, now: Timestamp) -> Result<String, String> {
    let known = brands.now();
    let Some(hours) = known.brands.get(&spec.brand).and_then(|brand| brand.hours.as_ref()) else {
        return Ok("always open".to_owned());
    };
    let own = zone(spec, None).and_then(|name| Zone::named(name).ok());
    let zone = own.as_ref().unwrap_or(&hours.zone);
    let shown = zone.clock().to_datetime(now).strftime("%a %H:%M").to_string();
    match hours.at(now, zone.clock()) {
        Verdict::Open => Ok(format!("open: it is {shown} in {}", zone.name())),
        Verdict::Quiet { until, why } => {
            Err(format!("quiet until {until}: {why}; it is {shown} in {}", zone.name()))
        }
    }
}
