//! The settings that brakes make, and which settings they may replace: pure, so that it can be read as a list of rules.

use std::time::Duration;

use jiff::Timestamp;

use super::Brake;
use crate::clock::after;
use crate::config;
use crate::flow::{VIGIE, effective};
use crate::model::{FlowScope, FlowSetting, FlowState, Flows, Ramp, Rate};

/// So many domains may have a setting of ours; settings are kept for good, so that they cannot be any number.
const MOST_DOMAINS: usize = 1000;

/// Half as fast at first, then more every `hold`: a brand that got no worse is free after so many of them.
const HOLDS: u32 = 4;

/// Whether a brake may replace this setting: none, one of ours, or an operator's that holds nothing back and is old enough.
pub(super) fn may_brake(known: Option<&FlowSetting>, now: Timestamp, settings: &config::Brakes) -> bool {
    let Some(known) = known else { return true };
    if is_ours(known) {
        return true;
    }
    let holds = effective(known, now);
    let restrains = holds.paused(now)
        || holds.rate_per_second.is_some()
        || holds.per_day.is_some()
        || holds.ramp.is_some_and(|ramp| ramp.rate(now).is_some());
    !restrains && holds.since.is_none_or(|since| after(since, settings.after_operator) <= now)
}

/// Whether there are so many braked domains that this would be one too many.
pub(super) fn are_too_many(flows: &Flows, scope: &FlowScope) -> bool {
    let domains = flows.settings.iter().filter(|(scope, known)| scope.is_of_domains() && is_ours(known));
    !flows.settings.contains_key(scope) && domains.count() >= MOST_DOMAINS
}

/// Whether a brake has stopped the flow, until an operator says otherwise.
pub(super) fn is_stopped(known: Option<&FlowSetting>) -> bool {
    known.is_some_and(|known| is_ours(known) && known.state == FlowState::Paused && known.until.is_none())
}

/// Whether a brake slows the flow.
pub(super) fn is_slowed(known: Option<&FlowSetting>) -> bool {
    known.is_some_and(|known| is_ours(known) && known.ramp.is_some())
}

/// Whether a brake was put on less than `hold` ago.
pub(super) fn is_held(known: Option<&FlowSetting>, now: Timestamp, settings: &config::Brakes) -> bool {
    let ramp = known.filter(|known| is_ours(known)).and_then(|known| known.ramp);
    ramp.is_some_and(|ramp| now < after(ramp.from, settings.hold))
}

/// An operator who set the flow has forgiven what was before.
pub(super) fn judged_since(known: Option<&FlowSetting>) -> Option<Timestamp> {
    known.filter(|known| !is_ours(known)).and_then(|known| known.since)
}

/// The setting with the brake on; none if one that was put on a moment ago has yet to be felt.
pub(super) fn braked(
    brake: Brake,
    reason: String,
    known: Option<&FlowSetting>,
    now: Timestamp,
    settings: &config::Brakes,
) -> Option<FlowSetting> {
    let ours = known.filter(|known| is_ours(known));
    let felt = |span| ours.and_then(|ours| ours.since).is_none_or(|since| after(since, span) <= now);
    let setting = match brake {
        Brake::Domain(_) if !felt(settings.throttled_within) => return None,
        Brake::Slow(_) if is_held(known, now, settings) || is_stopped(known) => return None,
        Brake::Pause if is_stopped(known) => return None,
        Brake::Domain(rate) if rate > 0.0 => {
            slowed(now, half(rate, settings), settings.doubling, settings.release)
        }
        Brake::Domain(_) => {
            let until = after(now, settings.pause);
            let then = slowed(until, settings.slowest, settings.doubling, settings.release);
            FlowSetting { state: FlowState::Paused, until: Some(until), since: Some(now), ..then }
        }
        Brake::Slow(rate) => {
            let before = ours.and_then(|ours| ours.ramp).map(|ramp| ramp.start);
            let fresh = rate.map(|rate| half(rate, settings));
            let start = [before, fresh].into_iter().flatten().min().unwrap_or(settings.slowest);
            slowed(now, start, settings.hold, settings.hold * HOLDS)
        }
        Brake::Pause => FlowSetting { state: FlowState::Paused, ..ours_now(now) },
    };
    Some(FlowSetting { reason: Some(reason), ..setting })
}

/// As slow as `start` from then on, twice as fast with every doubling, until it is over.
fn slowed(from: Timestamp, start: Rate, doubling: Duration, over: Duration) -> FlowSetting {
    let until = after(from, over);
    let ramp = Ramp { from, until, start, doubling: millis(doubling) };
    FlowSetting { ramp: Some(ramp), until: Some(until), ..ours_now(from) }
}

/// The setting of a flow whose brake has let go.
pub(super) fn free(now: Timestamp) -> FlowSetting {
    FlowSetting { reason: Some("the brake has let go".into()), ..ours_now(now) }
}

/// When the next brake is over.
pub(super) fn next_end(flows: &Flows) -> Option<Timestamp> {
    flows.settings.values().filter_map(end).min()
}

/// Brakes that are over.
pub(super) fn over(flows: &Flows, now: Timestamp) -> impl Iterator<Item = (&FlowScope, &FlowSetting)> {
    flows.settings.iter().filter(move |(_, known)| end(known).is_some_and(|end| end <= now))
}

/// When a brake is over; none for other settings, and for brakes that an operator must take off.
fn end(known: &FlowSetting) -> Option<Timestamp> {
    if !is_ours(known) || is_stopped(Some(known)) {
        return None;
    }
    known.ramp.map(|ramp| ramp.until).or(known.until)
}

fn is_ours(known: &FlowSetting) -> bool {
    known.by.as_deref() == Some(VIGIE)
}

fn ours_now(now: Timestamp) -> FlowSetting {
    FlowSetting { since: Some(now), by: Some(VIGIE.to_owned()), ..FlowSetting::default() }
}

fn half(rate: f64, settings: &config::Brakes) -> Rate {
    Rate::per_second(rate / 2.0).unwrap_or(settings.slowest).max(settings.slowest)
}

fn millis(span: Duration) -> u32 {
    u32::try_from(span.as_millis()).unwrap_or(u32::MAX).max(1)
}
