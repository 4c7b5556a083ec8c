//! The store's counters as metrics.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntCounterVec, IntGauge, IntGaugeVec, Opts};

use crate::model::{Name, SendState};
use crate::store::{Counts, Open, Snapshot};
use crate::telemetry::{Kind, Label, Metric, Registry};

use super::campaigns;

const SENDS: Metric = Metric {
    name: "vigie_sends",
    labels: &[
        Label::BRAND,
        Label::of(
            "state",
            &["waiting", "claimed", "sent", "failed", "uncertain", "cancelled", "handed_off", "dropped"],
        ),
    ],
    meaning: "Sends by state; final states count for ever; the store's, so every gateway on it shows the \
              same. State waiting, claimed; final: sent, failed, uncertain, cancelled, handed_off, dropped",
    healthy: "claimed near 0 and moving; waiting falling through the day",
    alert: "claimed not falling for longer than the lease, uncertain growing, waiting near \
              store.max_waiting",
};
const ACCEPTED: Metric = Metric {
    name: "vigie_sends_accepted_total",
    labels: &[Label::BRAND],
    meaning: "Sends acknowledged to producers; the store's, so every gateway on it shows the same",
    healthy: "equal to what producers say they pushed",
    alert: "it differs from that; nothing on a day on which sends come",
};
const FINISHED: Metric = Metric {
    name: "vigie_sends_finished_total",
    labels: &[
        Label::BRAND,
        Label::of("outcome", &["sent", "failed", "uncertain", "cancelled", "handed_off", "dropped"]),
    ],
    meaning: "Sends that reached a final state; the store's, so every gateway on it shows the same",
    healthy: "mostly sent",
    alert: "failed or uncertain above 1 % of all outcomes over 15 minutes",
};
const CASES: Metric = Metric {
    name: "vigie_cases",
    labels: &[Label::BRAND, Label::of("state", &["open", "settled", "handed_off"])],
    meaning: "Cases by state; closed ones count for ever; the store's, so every gateway on it shows the \
              same",
    healthy: "open level from week to week; settled growing faster than handed_off",
    alert: "open grows from day to day: deadlines are missing",
};
const ONLINE: Metric = Metric {
    name: "vigie_presence_online",
    labels: &[],
    meaning: "People seen in their mailbox within presence.window; the store's, so every gateway shows the \
              same",
    healthy: "follows the hours of the day",
    alert: "0 for longer than usual at this hour: signals do not arrive",
};
const CAMPAIGNS: Metric = Metric {
    name: "vigie_campaign_sends",
    labels: &[
        Label::BRAND,
        Label::each(
            "campaign",
            "the ops.campaigns of each brand with the most live sends, then the most accepted; _other: all others; _none: \
             sends without one",
        ),
        Label::of(
            "state",
            &["waiting", "claimed", "sent", "failed", "uncertain", "cancelled", "handed_off", "dropped"],
        ),
    ],
    meaning: "Sends by campaign and state, whose sum is what was accepted; final states count for ever, and a campaign \
              that falls behind others goes over to _other; the store's, so every gateway on it shows the same",
    healthy: "waiting of a campaign falls from its first day on; sent is most of what ended",
    alert: "never by itself: a campaign that does not move may be paused",
};
const OPEN_BY_AGE: Metric = Metric {
    name: "vigie_sends_open_by_age",
    labels: &[Label::BRAND, Label::of("age", &Open::AGES)],
    meaning: "Sends that wait or are claimed by when they were accepted, in UTC days by the store's clock; the store's, so \
              every gateway on it shows the same. Age day: today; week: on one of the six days before; month: on one of the \
              23 before these; older: before",
    healthy: "mostly as young as the time that people take to look into their mailbox; older 0 where sends have deadlines",
    alert: "older grows: sends without a deadline whose recipients are not seen",
};
const DEADLINE_AHEAD: Metric = Metric {
    name: "vigie_sends_deadline_ahead",
    labels: &[Label::BRAND, Label::of("within", &Open::DEADLINES)],
    meaning: "Sends that wait or are claimed by when their deadline comes, in UTC days by the store's clock; the store's, so \
              every gateway on it shows the same. Within overdue: its day is over; day: today; week: on one of the six days \
              after; month: on one of the 23 after these; later: after these, or more than two years after the acceptance; \
              none: there is no deadline",
    healthy: "overdue 0; day no more than goes out on a day",
    alert: "overdue above 0 for an hour: a flow is paused or limited, or the contact budget is used up, and deadlines pass",
};
const GAP: Metric = Metric {
    name: "vigie_conservation_gap",
    labels: &[Label::BRAND],
    meaning: "Accepted sends minus the sum over all states: sends nobody can account for",
    healthy: "0",
    alert: "anything else, at once: it is a bug; keep the store as it is",
};

/// Holds the newest snapshot and turns it into metrics when the registry gathers. Cheap to clone.
#[derive(Clone)]
pub(super) struct Figures {
    snapshot: Arc<Mutex<Option<Snapshot>>>,
    /// So many campaigns of each brand have figures of their own.
    campaigns: usize,
    descriptions: Arc<Vec<Desc>>,
}

impl Figures {
    /// Empty figures, described in the catalogue of `registry` and gathered with it.
    pub(super) fn register(registry: &Registry, campaigns: usize) -> Self {
        let descriptions = Arc::new(Families::new().descriptions());
        let figures = Self { snapshot: Arc::default(), campaigns, descriptions };
        let described = [
            (Kind::Gauge, SENDS),
            (Kind::Counter, ACCEPTED),
            (Kind::Counter, FINISHED),
            (Kind::Gauge, CASES),
            (Kind::Gauge, CAMPAIGNS),
            (Kind::Gauge, OPEN_BY_AGE),
            (Kind::Gauge, DEADLINE_AHEAD),
            (Kind::Gauge, ONLINE),
            (Kind::Gauge, GAP),
        ];
        registry.described(&described, Box::new(figures.clone()));
        figures
    }

    /// Shows this snapshot from now on; none leaves the figures out.
    pub(super) fn show(&self, snapshot: Option<Snapshot>) {
        *self.snapshot.lock().unwrap_or_else(PoisonError::into_inner) = snapshot;
    }
}

impl Collector for Figures {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let snapshot = self.snapshot.lock().unwrap_or_else(PoisonError::into_inner);
        snapshot.as_ref().map_or_else(Vec::new, |snapshot| Families::new().filled(snapshot, self.campaigns))
    }
}

/// Metrics made afresh for each scrape, so that counters taken over from the store are true counters.
struct Families {
    sends: IntGaugeVec,
    accepted: IntCounterVec,
    finished: IntCounterVec,
    cases: IntGaugeVec,
    campaigns: IntGaugeVec,
    ages: IntGaugeVec,
    deadlines: IntGaugeVec,
    online: IntGauge,
    gap: IntGaugeVec,
}

/// Why making them cannot fail.
const LITERAL: &str = "a metric's name and labels are literals that fit";

impl Families {
    fn new() -> Self {
        let opts = |metric: Metric| Opts::new(metric.name, metric.meaning);
        let gauge = |metric: Metric| IntGaugeVec::new(opts(metric), &metric.label_names()).expect(LITERAL);
        Self {
            sends: gauge(SENDS),
            accepted: IntCounterVec::new(opts(ACCEPTED), &ACCEPTED.label_names()).expect(LITERAL),
            finished: IntCounterVec::new(opts(FINISHED), &FINISHED.label_names()).expect(LITERAL),
            cases: gauge(CASES),
            campaigns: gauge(CAMPAIGNS),
            ages: gauge(OPEN_BY_AGE),
            deadlines: gauge(DEADLINE_AHEAD),
            online: IntGauge::with_opts(opts(ONLINE)).expect(LITERAL),
            gap: gauge(GAP),
        }
    }

    fn collectors(&self) -> [&dyn Collector; 9] {
        let Self { sends, accepted, finished, cases, campaigns, ages, deadlines, online, gap } = self;
        [sends, accepted, finished, cases, campaigns, ages, deadlines, online, gap]
    }

    fn descriptions(&self) -> Vec<Desc> {
        self.collectors().iter().flat_map(|collector| collector.desc()).cloned().collect()
    }

    fn filled(self, snapshot: &Snapshot, campaigns: usize) -> Vec<MetricFamily> {
        self.online.set(signed(snapshot.online));
        for (brand, counts) in by_brand(snapshot) {
            self.fill(brand.as_str(), &counts);
            self.fill_days(brand.as_str(), &snapshot.open.get(brand).copied().unwrap_or_default());
        }
        for ((brand, campaign), counts) in campaigns::largest(snapshot, campaigns) {
            for (state, count) in SendState::ALL.into_iter().zip(counts.states) {
                let series = [brand.as_str(), campaign, state.as_str()];
                self.campaigns.with_label_values(&series).set(signed(count));
            }
        }
        for (brand, counts) in &snapshot.cases {
            let states =
                [("open", counts.open), ("settled", counts.settled), ("handed_off", counts.handed_off)];
            for (state, count) in states {
                self.cases.with_label_values(&[brand.as_str(), state]).set(signed(count));
            }
        }
        self.collectors().iter().flat_map(|collector| collector.collect()).collect()
    }

    fn fill(&self, brand: &str, counts: &Counts) {
        self.accepted.with_label_values(&[brand]).inc_by(counts.accepted);
        self.gap.with_label_values(&[brand]).set(counts.gap());
        for (state, count) in SendState::ALL.into_iter().zip(counts.states) {
            self.sends.with_label_values(&[brand, state.as_str()]).set(signed(count));
            if state.is_final() {
                self.finished.with_label_values(&[brand, state.as_str()]).inc_by(count);
            }
        }
    }

    fn fill_days(&self, brand: &str, open: &Open) {
        for (age, count) in Open::AGES.into_iter().zip(open.by_age) {
            self.ages.with_label_values(&[brand, age]).set(signed(count));
        }
        for (within, count) in Open::DEADLINES.into_iter().zip(open.by_deadline) {
            self.deadlines.with_label_values(&[brand, within]).set(signed(count));
        }
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The counters of each brand over all its campaigns.
fn by_brand(snapshot: &Snapshot) -> BTreeMap<&Name, Counts> {
    let mut brands = BTreeMap::new();
    for (scope, counts) in &snapshot.flows {
        brands.entry(&scope.brand).or_insert_with(Counts::default).add(counts);
    }
    brands
}
