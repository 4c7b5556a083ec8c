//! The gate at the instant of sending, and the answer to "why has it not gone out?".
//!
//! The store never claims a send of a paused flow, but a flow may be paused between the claim and the hand-over;
//! [`Gate::check`] is asked last, from memory. It asks the brand's hours, too: no store knows of them, so a mail is claimed
//! for somebody who comes online at night, and waits for the morning from then on. [`explain()`] walks through the same rules for one waiting send and
//! says of each whether it holds the send back, with the figures it decides by.

mod change;
mod explain;
mod hours;
mod providers;
mod standing;

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;

pub use change::{change, replace};
pub use explain::{Judgement, Rule, explain};
pub use providers::Providers;
pub use standing::{InForce, SetBy, Standing, VIGIE};

use crate::brands::Brands;
use crate::clock::Clock;
use crate::hours::Zones;
use crate::model::{Claim, FlowScope, FlowSetting, FlowState, Flows, Name, SendSpec, Toll};
use crate::store::{Aim, Near};

/// Decides at the instant of sending, from settings the store publishes. Cheap to clone, never waits.
#[derive(Debug, Clone)]
pub struct Gate {
    flows: watch::Receiver<Arc<Flows>>,
    brands: Brands,
    zones: Zones,
    clock: Clock,
    standing: Standing,
}

/// Not now: why a claim must go back to waiting, in words for the send's history. None of these is an attempt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Held {
    /// Its flow was paused after it was claimed.
    #[error("{0}")]
    Paused(String),
    /// Where its recipient is, the brand does not write now.
    #[error("{why}")]
    Quiet {
        /// When it may.
        until: Timestamp,
        /// Why, and where.
        why: String,
    },
    /// Its deadline passed while it was quiet, as others' did, and its turn has not come. If its recipient is there it may
    /// go all the same.
    #[error("its deadline passed in quiet hours, and those take turns")]
    Turn {
        /// When it comes.
        until: Timestamp,
    },
}

impl Gate {
    /// A gate that follows [`Store::flows`](crate::store::Store::flows), and asks these brands for their hours.
    pub fn new(flows: watch::Receiver<Arc<Flows>>, brands: Brands, clock: Clock) -> Self {
        Self { flows, brands, zones: Zones::default(), clock, standing: Standing::default() }
    }

    /// The same, where these limits hold without an operator's word.
    #[must_use]
    pub fn under(self, standing: Standing) -> Self {
        Self { standing, ..self }
    }

    /// Whether this claim may be handed over now.
    ///
    /// # Errors
    /// [`Held`] if its brand or campaign was paused after it was claimed, or the brand's hours say no.
    pub fn check(&self, claim: &Claim) -> Result<(), Held> {
        let now = self.clock.now();
        let flows = self.flows.borrow();
        match flows.pausing(&claim.spec.brand, claim.spec.campaign.as_ref(), now) {
            Some((scope, setting)) => Err(Held::Paused(Pause(scope, setting).to_string())),
            None => hours::check(&self.brands, &self.zones, claim, now),
        }
    }

    /// A better moment for a send than its deadline, at which it goes without presence: in the hour in which its recipient
    /// is seen most, as far as the brand may write then. None if nothing is known of the hours left.
    pub fn aim(&self, near: &Near) -> Option<Aim> {
        hours::aim(&self.brands, &self.zones, near, self.clock.now())
    }

    /// The flows that this claim needs a token of at the hand-over: its brand, its campaign, its recipient's domain (by
    /// `provider`, too), as far as an operator or the configuration has said anything of them. Empty for most.
    pub fn tolls(&self, claim: &Claim, provider: Option<&Name>) -> Vec<Toll> {
        let flows = self.flows.borrow();
        if flows.settings.is_empty() && self.standing.is_silent(&claim.spec.brand) {
            return Vec::new();
        }
        let now = self.clock.now();
        let limited = |scope: FlowScope| {
            let limits = self.standing.limits(&scope, now);
            let held = match flows.settings.get(&scope) {
                Some(setting) => setting.paused(now) || !setting.limits(limits, now).is_empty(),
                None => !limits.is_empty(),
            };
            held.then_some(Toll { scope, limits })
        };
        FlowScope::of(&claim.spec, provider).filter_map(limited).collect()
    }

    /// What limits the flows of a send now, by whom.
    pub fn limits(&self, spec: &SendSpec) -> Rule {
        self.standing.rule(spec, &self.flows.borrow(), self.clock.now())
    }

    /// The limits by configuration.
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// Whether this very setting is a pause now. Clones nothing: asked for every signal of a partner.
    pub fn pauses(&self, scope: &FlowScope) -> bool {
        let flows = self.flows.borrow();
        flows.settings.get(scope).is_some_and(|setting| setting.paused(self.clock.now()))
    }

    /// The settings as this gateway knows them now.
    pub fn flows(&self) -> Arc<Flows> {
        self.flows.borrow().clone()
    }
}

/// A pause in words: `brand demo is paused since … until …: reason`.
struct Pause<'a>(&'a FlowScope, &'a FlowSetting);

impl fmt::Display for Pause<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(scope, setting) = self;
        write!(f, "{scope} is paused")?;
        if let Some(since) = setting.since {
            write!(f, " since {since}")?;
        }
        match setting.until {
            Some(until) => write!(f, " until {until}")?,
            None => f.write_str(" until somebody resumes it")?,
        }
        setting.reason.as_ref().map_or(Ok(()), |reason| write!(f, ": {reason}"))
    }
}

/// The setting that has an effect at `now`: what has run out is a running flow since then, and one without limits where they
/// were what ended.
pub fn effective(setting: &FlowSetting, now: Timestamp) -> FlowSetting {
    if setting.until.is_none_or(|until| now < until) {
        return setting.clone();
    }
    let free =
        FlowSetting { state: FlowState::Running, until: None, since: setting.until, ..setting.clone() };
    match setting.state {
        FlowState::Paused => free,
        FlowState::Running => FlowSetting { rate_per_second: None, per_day: None, ..free },
    }
}

#[cfg(test)]
mod tests;
