//! Who hears outside of what becomes of brands: their webhooks, and the log of events.

use std::sync::Arc;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use serde_json::json;
use uuid::Uuid;

use crate::brands::Known;
use crate::clock::Clock;
use crate::model::{Event, Name};
use crate::store::Store;
use crate::webhooks::Webhooks;

/// The ways outside, of a gateway that runs.
pub(in crate::app) struct Outside {
    /// Follow the brands.
    pub(in crate::app) webhooks: Webhooks,
    /// Keeps the log.
    pub(in crate::app) store: Arc<dyn Store>,
    /// Says when.
    pub(in crate::app) clock: Clock,
}

impl Outside {
    /// Has the webhooks follow.
    pub(super) fn follow(&self, known: &Known) {
        self.webhooks.follow(known.brands.iter().map(|(name, brand)| (name, &**brand)));
    }

    /// Tells, in the background, that this gateway has put another version of a brand into use. Each gateway tells it of
    /// itself, under an id of its own: another may have refused that version, or not seen it yet. While the store is away it
    /// is tried for some minutes; then only the log has it.
    pub(super) fn reloaded(&self, brand: &Name) {
        let at = self.clock.now();
        let event = Event {
            id: Uuid::now_v7().to_string(),
            kind: "brand.reloaded".into(),
            at,
            brand: brand.clone(),
            data: json!({"brand": brand, "at": at}),
        };
        let store = Arc::clone(&self.store);
        tokio::spawn(async move {
            let patience =
                ExponentialBuilder::default().with_max_delay(Duration::from_secs(30)).with_max_times(12);
            let announce = || store.announce(event.clone());
            if let Err(error) = announce.retry(patience).await {
                tracing::warn!(brand = %event.brand, %error, "nobody outside hears that the brand was reloaded");
            }
        });
    }
}
