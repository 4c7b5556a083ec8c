//! What operators see of watched folders.

use prometheus::{IntCounterVec, IntGaugeVec};

use crate::model::Name;
use crate::telemetry::{Label, Metric, Registry};

const FILES: Metric = Metric {
    name: "vigie_import_files_total",
    labels: &[
        Label::each("folder", "folders of [[feeds.folders]]"),
        Label::of("result", &["processed", "rejected"]),
    ],
    meaning: "Files of watched folders that this gateway has done with. Result processed; rejected: \
              nothing of them, or not all of them, could be read",
    healthy: "one processed for each file that is dropped",
    alert: "any rejected; no processed on a day on which a file comes",
};

const OLDEST: Metric = Metric {
    name: "vigie_import_oldest_waiting_seconds",
    labels: &[Label::each("folder", "folders of [[feeds.folders]]")],
    meaning: "Age of the oldest file in a watched folder that is not done with, by the file's own time; 0 \
              if there is none",
    healthy: "0, or minutes while a file is read",
    alert: "above an hour: imports do not keep up, the store takes nothing, or a file is never complete",
};

/// The metrics of watched folders.
#[derive(Debug, Clone)]
pub struct Metrics {
    files: IntCounterVec,
    oldest: IntGaugeVec,
}

impl Metrics {
    /// Registers them. Without folders they are described, and show nothing.
    pub fn new(registry: &Registry) -> Self {
        Self { files: registry.counter(FILES), oldest: registry.gauge(OLDEST) }
    }

    /// A folder is watched from now on.
    pub(super) fn begins(&self, folder: &Name) {
        for series in FILES.series(&[folder.as_str()]) {
            self.files.with_label_values(&series);
        }
        self.waiting(folder, 0);
    }

    pub(super) fn ended(&self, folder: &Name, result: &str) {
        self.files.with_label_values(&[folder.as_str(), result]).inc();
    }

    pub(super) fn waiting(&self, folder: &Name, seconds: i64) {
        self.oldest.with_label_values(&[folder.as_str()]).set(seconds);
    }
}
