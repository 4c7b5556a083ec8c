//! What operators see of brands being read again.

use prometheus::{IntCounterVec, IntGaugeVec};

use crate::model::Name;
use crate::telemetry::{Label, Metric, Registry};

const RELOADS: Metric = Metric {
    name: "vigie_brand_reloads_total",
    labels: &[Label::of("result", &["loaded", "refused"])],
    meaning: "Brands that were read: at the start (folders alone), by themselves when a file changed, or \
              at SIGHUP. Result loaded: in use since; refused: broken, also folders that no brand can have \
              and a directory that could not be read",
    healthy: "loaded moves when somebody changes a brand",
    alert: "refused rises: somebody's change has no effect; the log and `vigie check` say why",
};

const STALE: Metric = Metric {
    name: "vigie_brand_stale",
    labels: &[Label::BRAND],
    meaning: "1 if the brand is not in use as it lies on the disk: its last version was refused and an \
              older one stays in use (or none, if none was sound), or its folder is gone",
    healthy: "0",
    alert: "1 for longer than a deployment takes",
};

/// Counts readings, and says which brands are behind.
#[derive(Debug)]
pub(super) struct Metrics {
    reloads: IntCounterVec,
    stale: IntGaugeVec,
}

impl Metrics {
    pub(super) fn new(registry: &Registry) -> Self {
        let metrics = Self { reloads: registry.counter(RELOADS), stale: registry.gauge(STALE) };
        for result in ["loaded", "refused"] {
            metrics.reloads.with_label_values(&[result]);
        }
        metrics
    }

    /// A brand was put into use.
    pub(super) fn loaded(&self, brand: &Name) {
        self.reloads.with_label_values(&["loaded"]).inc();
        self.stale(brand, false);
    }

    /// Something was refused.
    pub(super) fn refused(&self) {
        self.reloads.with_label_values(&["refused"]).inc();
    }

    /// Whether another version of a brand is in use than lies on the disk.
    pub(super) fn stale(&self, brand: &Name, stale: bool) {
        self.stale.with_label_values(&[brand.as_str()]).set(stale.into());
    }

    /// A brand was never in use, and its folder is gone.
    pub(super) fn forget(&self, brand: &Name) {
        // It may not have been told of.
        let _ = self.stale.remove_label_values(&[brand.as_str()]);
    }
}
