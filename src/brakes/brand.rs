//! One brand: its mails, bounces and complaints of the last 24 hours, in slices of 15 minutes.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;

use super::recent::Recent;
use super::{Brake, Why, setting};
use crate::clock::after;
use crate::config;
use crate::model::FlowSetting;

/// The width of a slice, in milliseconds.
const SLICE: i64 = 15 * 60 * 1000;

/// Slices of 24 hours.
const SLICES: i64 = 96;

/// The same brake is asked for no more often than this: it takes a moment to be put on, or an operator does not want it.
const ASKING: Duration = Duration::from_mins(1);

/// How far back a brand's speed is measured.
const LATELY: Duration = Duration::from_mins(1);

/// What was counted of a brand.
#[derive(Debug, Default)]
pub(super) struct Tally {
    slices: VecDeque<Slice>,
    lately: Recent,
    /// Bounces and complaints since the start.
    bad: u64,
    /// As many when the brake was put on last: what came since is another reason.
    bad_when_braked: u64,
    /// Which brake was asked for last, and when.
    asked: Option<(Why, bool, Timestamp)>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Slice {
    number: i64,
    mails: u32,
    bounces: u32,
    complaints: u32,
}

impl Tally {
    /// A mail went out, or was refused for good.
    pub(super) fn mail(&mut self, now: Timestamp) {
        self.lately.count(now, LATELY);
        let slice = self.slice(now);
        slice.mails = slice.mails.saturating_add(1);
    }

    /// A mail came to nothing for good.
    pub(super) fn bounce(&mut self, now: Timestamp) {
        self.bad += 1;
        let slice = self.slice(now);
        slice.bounces = slice.bounces.saturating_add(1);
    }

    /// Somebody complained.
    pub(super) fn complaint(&mut self, now: Timestamp) {
        self.bad += 1;
        let slice = self.slice(now);
        slice.complaints = slice.complaints.saturating_add(1);
    }

    /// Whether there is anything to judge.
    pub(super) fn has_bad_news(&self) -> bool {
        self.bad > 0
    }

    /// The brake that the shares ask for, if it is not on already.
    pub(super) fn judge(
        &mut self,
        now: Timestamp,
        settings: &config::Brakes,
        known: Option<&FlowSetting>,
    ) -> Option<(Why, Brake, String)> {
        let sum = self.sum(now, setting::judged_since(known));
        let (why, many, stops) = sum.worst(settings)?;
        let on = setting::is_stopped(known) || !stops && setting::is_held(known, now, settings);
        let asked = self
            .asked
            .is_some_and(|(what, stopping, at)| (what, stopping) == (why, stops) && now < after(at, ASKING));
        if on || asked {
            return None;
        }
        self.asked = Some((why, stops, now));
        let reason = words(why, many, sum.mails);
        if stops {
            return Some((why, Brake::Pause, reason));
        }
        let worse = self.bad > self.bad_when_braked || !setting::is_slowed(known);
        self.bad_when_braked = self.bad;
        Some((why, Brake::Slow(worse.then(|| self.speed(now, sum.mails))), reason))
    }

    /// Mails a second: of the last minute, or of the day if there were none.
    fn speed(&mut self, now: Timestamp, of_the_day: u32) -> f64 {
        let lately = self.lately.per_second(now, LATELY);
        if lately > 0.0 { lately } else { f64::from(of_the_day) / 86_400.0 }
    }

    /// What was counted within 24 hours, and in slices that began after `since`.
    fn sum(&self, now: Timestamp, since: Option<Timestamp>) -> Slice {
        let oldest = number(now) - SLICES;
        let first = since.map_or(oldest, |since| oldest.max(number(since) + 1));
        let judged = self.slices.iter().filter(|slice| slice.number >= first);
        judged.fold(Slice::default(), |sum, slice| Slice {
            number: 0,
            mails: sum.mails.saturating_add(slice.mails),
            bounces: sum.bounces.saturating_add(slice.bounces),
            complaints: sum.complaints.saturating_add(slice.complaints),
        })
    }

    /// The slice that is now; what is older than 24 hours is let go.
    fn slice(&mut self, now: Timestamp) -> &mut Slice {
        let number = number(now);
        while self.slices.front().is_some_and(|slice| slice.number < number - SLICES) {
            self.slices.pop_front();
        }
        // A clock that was set back counts to the last slice.
        if self.slices.back().is_none_or(|last| last.number < number) {
            self.slices.push_back(Slice { number, ..Slice::default() });
        }
        self.slices.back_mut().expect("there is one")
    }
}

impl Slice {
    /// What is over a share: how many, and whether it stops the brand. What stops it comes first, then complaints.
    fn worst(&self, settings: &config::Brakes) -> Option<(Why, u32, bool)> {
        if self.mails < settings.min_mails {
            return None;
        }
        let (complaints, bounces) = (Why::Complaints, Why::Bounces);
        let grounds = [
            (complaints, self.complaints, settings.min_complaints, settings.complaints_pause, true),
            (bounces, self.bounces, settings.min_bounces, settings.bounces_pause, true),
            (complaints, self.complaints, settings.min_complaints, settings.complaints_slow, false),
            (bounces, self.bounces, settings.min_bounces, settings.bounces_slow, false),
        ];
        let over = |(_, many, least, from, _): &(Why, u32, u32, f64, bool)| {
            *from > 0.0 && many >= least && share(*many, self.mails) >= *from
        };
        grounds.into_iter().find(over).map(|(why, many, _, _, stops)| (why, many, stops))
    }
}

fn number(at: Timestamp) -> i64 {
    at.as_millisecond().div_euclid(SLICE)
}

fn share(many: u32, of: u32) -> f64 {
    f64::from(many) / f64::from(of.max(1))
}

fn words(why: Why, many: u32, of: u32) -> String {
    let what = if why == Why::Complaints { "complaints" } else { "mails refused for good" };
    format!("{many} {what} of {of} mails within 24 hours ({:.2} %)", share(many, of) * 100.0)
}
