//! Partners: whether a signal of theirs is taken, and how much their signals are worth.
//!
//! A partner places our pixel in newsletters of their own. They learn nothing from us (every request gets the same bytes),
//! and we need not take what they send: a signal passes here before it is judged.
//!
//! 1. **Known**: the configuration has the partner, and the pixel without a token only if it says so.
//! 2. **Running**: a partner is the flow `partner/NAME`, which operators pause like any other; every gateway follows within
//!    a second. `partner` alone is all of them.
//! 3. **Within quota**: so many in this second and on this day (UTC) on this gateway.
//!
//! What is judged is counted by verdict: a partner most of whose signals are machines' is worth a talk, or a pause.

mod quota;

use std::collections::BTreeMap;

use prometheus::IntCounter;

use crate::clock::Clock;
use crate::config;
use crate::flow::{Gate, effective};
use crate::model::{Class, FlowScope, FlowSetting, Name};
use crate::telemetry::{Label, Metric, Registry};
use quota::Quota;

const SIGNALS: Metric = Metric {
    name: "vigie_partner_signals_total",
    labels: &[
        Label::each("partner", "partners of the configuration"),
        Label::of("verdict", &["human", "proxy", "prefetch", "scanner", "bot", "unknown"]),
    ],
    meaning: "Signals of partners taken and judged, by what they were worth",
    healthy: "mostly human and proxy",
    alert: "scanner and bot are most of a partner's for an hour: pause the partner and talk to them",
};

const REFUSED: Metric = Metric {
    name: "vigie_partner_refused_total",
    labels: &[
        Label::each("partner", "partners of the configuration"),
        Label::of("reason", &["quota", "paused", "off", "malformed"]),
    ],
    meaning: "Signals of partners dropped before they were judged. Reason quota: over it; paused: the \
              partner is; off: the pixel without a token is not enabled; malformed: no hash in it",
    healthy: "0, or a few malformed",
    alert: "quota rises: the partner sends more than agreed, or somebody replays their pixels. off \
              rises: the partner uses a pixel that was not agreed on",
};

/// How a partner's signal came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// With a token that we signed.
    Signed,
    /// With the hash of an address alone, which anybody can compute.
    Hashed,
}

/// Why a partner's signal is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There were more than agreed.
    Quota,
    /// An operator has paused the partner, or all.
    Paused,
    /// The pixel without a token is not enabled.
    Off,
    /// What should be a hash is none.
    Malformed,
}

impl Refusal {
    /// Every reason, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Quota, Self::Paused, Self::Off, Self::Malformed];

    /// The word for metric labels and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Quota => "quota",
            Self::Paused => "paused",
            Self::Off => "off",
            Self::Malformed => "malformed",
        }
    }
}

/// The partners of the configuration.
#[derive(Debug)]
pub struct Partners {
    all: BTreeMap<Name, Partner>,
    everybody: FlowScope,
    gate: Gate,
    clock: Clock,
}

/// One partner.
#[derive(Debug)]
pub struct Partner {
    name: Name,
    tracking_url: String,
    scope: FlowScope,
    presence: bool,
    hashed_pixel: bool,
    /// One for each [`Way`]: forged hashes use up nothing of what is signed.
    quotas: [Quota; 2],
    judged: [IntCounter; Class::ALL.len()],
    refused: [IntCounter; Refusal::ALL.len()],
}

/// What is known of one partner: since this gateway started, and of this gateway alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// Who.
    pub name: Name,
    /// Whether their signals are taken.
    pub flow: FlowSetting,
    /// Signals taken, by class in the order of [`Class::ALL`].
    pub judged: [u64; Class::ALL.len()],
    /// Signals dropped, by reason in the order of [`Refusal::ALL`].
    pub refused: [u64; Refusal::ALL.len()],
}

impl Partners {
    /// These partners, paused and resumed through `gate`.
    pub fn new(
        partners: &BTreeMap<Name, config::Partner>,
        gate: Gate,
        clock: Clock,
        registry: &Registry,
    ) -> Self {
        let (judged, refused) = (registry.counter(SIGNALS), registry.counter(REFUSED));
        let partner = |(name, partner): (&Name, &config::Partner)| {
            let of =
                |counter: &prometheus::IntCounterVec, word| counter.with_label_values(&[name.as_str(), word]);
            let made = Partner {
                name: name.clone(),
                tracking_url: partner.tracking_url.clone(),
                scope: FlowScope::partner(name),
                presence: partner.tells_presence(),
                hashed_pixel: partner.hashed_pixel,
                quotas: [(); 2].map(|()| Quota::new(partner.quota_per_second, partner.quota_per_day)),
                judged: Class::ALL.map(|class| of(&judged, class.as_str())),
                refused: Refusal::ALL.map(|refusal| of(&refused, refusal.as_str())),
            };
            (name.clone(), made)
        };
        let all = partners.iter().map(partner).collect();
        Self { all, everybody: FlowScope::partners(), gate, clock }
    }

    /// The partner of this name.
    pub fn named(&self, name: &str) -> Option<&Partner> {
        self.all.values().find(|partner| partner.name.as_str() == name)
    }

    /// All of them.
    pub fn names(&self) -> impl Iterator<Item = &Name> {
        self.all.keys()
    }

    /// Whether a signal of this partner is taken that came this way; what is not is counted.
    pub fn take(&self, partner: &Partner, way: Way) -> bool {
        let refusal = match way {
            Way::Hashed if !partner.hashed_pixel => Some(Refusal::Off),
            _ if self.gate.pauses(&self.everybody) || self.gate.pauses(&partner.scope) => {
                Some(Refusal::Paused)
            }
            _ => (!partner.quotas[way as usize].take(self.clock.now().as_second())).then_some(Refusal::Quota),
        };
        if let Some(refusal) = refusal {
            partner.refuse(refusal);
        }
        refusal.is_none()
    }

    /// What is known of each, by name.
    pub fn figures(&self) -> Vec<Figures> {
        self.all.values().map(|partner| self.figures_of(partner)).collect()
    }

    fn figures_of(&self, partner: &Partner) -> Figures {
        let flows = self.gate.flows();
        let now = self.clock.now();
        let settings = [&self.everybody, &partner.scope];
        let found = settings.into_iter().filter_map(|scope| flows.settings.get(scope));
        let flow = found.map(|setting| effective(setting, now)).find(|setting| setting.paused(now));
        Figures {
            name: partner.name.clone(),
            flow: flow.unwrap_or_default(),
            judged: partner.judged.each_ref().map(IntCounter::get),
            refused: partner.refused.each_ref().map(IntCounter::get),
        }
    }
}

impl Partner {
    /// Who.
    pub const fn name(&self) -> &Name {
        &self.name
    }

    /// The public address of the edge in their pixels.
    pub fn tracking_url(&self) -> &str {
        &self.tracking_url
    }

    /// Whether their signals may make somebody present.
    pub const fn tells_presence(&self) -> bool {
        self.presence
    }

    /// Counts one signal that is dropped.
    pub fn refuse(&self, refusal: Refusal) {
        self.refused[refusal as usize].inc();
    }

    /// Counts one signal by what it was worth.
    pub fn judged(&self, class: Class) {
        self.judged[class as usize].inc();
    }
}

impl Figures {
    /// The share of signals that were people's, from 0 to 1: their own clients', or a provider's proxy that fetched for
    /// them. None as long as there was no signal.
    pub fn human_share(&self) -> Option<f64> {
        let people = self.judged[Class::Human as usize] + self.judged[Class::Proxy as usize];
        let all: u64 = self.judged.iter().sum();
        #[expect(clippy::cast_precision_loss, reason = "a share for people to read")]
        let share = people as f64 / all as f64;
        (all > 0).then_some(share)
    }
}

#[cfg(test)]
mod tests;
