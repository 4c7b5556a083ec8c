//! Brakes: what vigie slows down by itself, as an operator would.
//!
//! Two things are watched, from what this gateway sees itself:
//!
//! - **Domains that want less** ([`domain`]). A relay hands through what a recipient's server says: "too many of you". Some
//!   of that within a minute halves what went there meanwhile, or pauses it for a moment where nothing did.
//! - **Brands whose mail is not wanted** ([`brand`]). The shares of complaints and of mails refused for good, over 24 hours:
//!   first half as many go out, then the brand is paused until an operator resumes it.
//!
//! Telling is cheap and waits for nothing: counting happens in memory, and a brake that is due goes through a small queue
//! to [`Brakes::run`], which sets the flow as an operator would, by `"vigie"`, with a reason and until when. So it holds for
//! all gateways within a second, is shown by `GET /v1/flows` and told as `flow.changed`.
//!
//! A slowed flow is a [`Ramp`](crate::model::Ramp): it lets go by itself, more with every doubling, also when no gateway is
//! left to say so; whoever runs when it is over says that it is. A brake never undoes what an operator said: it is put on
//! with [`Store::replace_flow`], only over a setting that was looked at ([`setting::may_brake`]).
//!
//! Memory is bounded: a few numbers for each brand, and for the domains that mail went to last. It is not written down: after
//! a restart counting begins anew, while brakes that were put on stay.

mod brand;
mod domain;
mod keeper;
mod metrics;
mod recent;
mod setting;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use moka::sync::Cache;
use tokio::sync::{mpsc, watch};

use self::brand::Tally;
use self::domain::Throttle;
use self::metrics::Metrics;
use crate::clock::Clock;
use crate::config;
use crate::flow::Gate;
use crate::model::{FlowScope, Flows, Name, SendSpec};
use crate::relay::{Decision, Refusal, Slows};
use crate::store::Store;
use crate::telemetry::Registry;

/// Domains that are remembered, about 200 bytes each; the others were written to longest ago.
const DOMAINS_KNOWN: u64 = 10_000;

/// Brakes that may wait to be put on. More are dropped: what they go by is still counted, and the next reply asks again.
const QUEUE: usize = 64;

/// Counts, and brakes. Cheap to clone.
#[derive(Clone)]
pub struct Brakes {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<dyn Store>,
    flows: watch::Receiver<Arc<Flows>>,
    gate: Gate,
    clock: Clock,
    settings: config::Brakes,
    brands: Mutex<HashMap<Name, Tally>>,
    domains: Cache<Name, Arc<Mutex<Throttle>>>,
    wanted: mpsc::Sender<Wanted>,
    queue: Mutex<Option<mpsc::Receiver<Wanted>>>,
    metrics: Metrics,
}

/// A brake that is due.
#[derive(Debug, Clone, PartialEq)]
struct Wanted {
    scope: FlowScope,
    why: Why,
    brake: Brake,
    reason: String,
}

/// What it goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    Throttled,
    Complaints,
    Bounces,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Brake {
    /// A domain: half of so many mails a second, or a pause where there were none.
    Domain(f64),
    /// A brand: half of so many mails a second; or, with none, no more than now.
    Slow(Option<f64>),
    /// A brand: nothing, until an operator says so.
    Pause,
}

impl Why {
    /// The value of the metric's label.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::Complaints => "complaints",
            Self::Bounces => "bounces",
        }
    }
}

impl Brakes {
    /// Brakes that go by the clock and set flows in this store; `gate` follows it.
    pub fn new(
        store: Arc<dyn Store>,
        gate: Gate,
        clock: Clock,
        settings: config::Brakes,
        registry: &Registry,
    ) -> Self {
        let (wanted, queue) = mpsc::channel(QUEUE);
        let flows = store.flows();
        let inner = Inner {
            store,
            flows,
            gate,
            clock,
            settings,
            brands: Mutex::default(),
            domains: Cache::new(DOMAINS_KNOWN),
            wanted,
            queue: Mutex::new(Some(queue)),
            metrics: Metrics::new(registry),
        };
        Self { inner: Arc::new(inner) }
    }

    /// A mail of this brand was taken or refused for good: what shares are shares of.
    pub fn sent(&self, brand: &Name) {
        self.of_brand(brand, Tally::mail);
    }

    /// A mail of this brand, told as [`sent`](Self::sent), came to nothing for good.
    pub fn bounced(&self, brand: &Name) {
        self.of_brand(brand, Tally::bounce);
    }

    /// Somebody complained about a mail of this brand.
    pub fn complained(&self, brand: &Name) {
        self.of_brand(brand, Tally::complaint);
    }

    /// The relay took this send's mail.
    pub fn accepted(&self, spec: &SendSpec) {
        self.sent(&spec.brand);
        if let Some(domain) = self.domain(spec) {
            let now = self.inner.clock.now();
            self.throttle(&domain)
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .took(now, &self.inner.settings);
        }
    }

    /// The relay did not take this send's mail.
    pub fn refused(&self, spec: &SendSpec, refusal: &Refusal) {
        match (refusal.decision, refusal.slows) {
            (Decision::Reject, _) => {
                self.sent(&spec.brand);
                self.bounced(&spec.brand);
            }
            (Decision::Throttle, Slows::Domain) => {
                if let Some(domain) = self.domain(spec) {
                    self.throttled(&domain);
                }
            }
            _ => {}
        }
    }

    /// A domain or provider said that we are too many.
    fn throttled(&self, domain: &Name) {
        let Inner { clock, settings, .. } = &*self.inner;
        let throttle = self.throttle(domain);
        let due = throttle.lock().unwrap_or_else(PoisonError::into_inner).refused(clock.now(), settings);
        if let Some((replies, rate)) = due {
            let within = settings.throttled_within;
            let reason = format!("{replies} replies within {within:?} said that we are too many");
            let scope = FlowScope::domain(domain);
            self.want(Wanted { scope, why: Why::Throttled, brake: Brake::Domain(rate), reason });
        }
    }

    fn of_brand(&self, brand: &Name, count: impl FnOnce(&mut Tally, Timestamp)) {
        let Inner { clock, settings, brands, gate, .. } = &*self.inner;
        let now = clock.now();
        let scope = FlowScope { brand: brand.clone(), campaign: None };
        let due = {
            let mut brands = brands.lock().unwrap_or_else(PoisonError::into_inner);
            if !brands.contains_key(brand) {
                brands.insert(brand.clone(), Tally::default());
            }
            let tally = brands.get_mut(brand).expect("it was put there");
            count(tally, now);
            tally.has_bad_news().then(|| {
                let flows = gate.flows();
                tally.judge(now, settings, flows.settings.get(&scope))
            })
        };
        if let Some((why, brake, reason)) = due.flatten() {
            self.want(Wanted { scope, why, brake, reason });
        }
    }

    /// Whoever keeps this send's recipient's mailbox: their provider's name, or the domain.
    fn domain(&self, spec: &SendSpec) -> Option<Name> {
        let host = spec.to.domain()?;
        let provider = self.inner.gate.standing().provider(&host);
        provider.or_else(|| host.parse().ok())
    }

    fn throttle(&self, domain: &Name) -> Arc<Mutex<Throttle>> {
        self.inner.domains.get_with_by_ref(domain, Arc::default)
    }

    fn want(&self, wanted: Wanted) {
        // Full: the next reply asks again.
        let _ = self.inner.wanted.try_send(wanted);
    }
}

#[cfg(test)]
mod tests;
