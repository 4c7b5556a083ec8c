//! `/v1/stats`: counters by brand, campaign and state.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Doors, Problem};
use crate::model::{Name, SendState};
use crate::store::{Counts, Snapshot, Store};

pub(super) fn router(doors: &Doors) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(stats)).with_state(Arc::clone(&doors.store))
}

/// All counters at one instant.
#[derive(Debug, Serialize, ToSchema)]
struct Stats {
    /// People online.
    online: u64,
    /// Counters by brand.
    brands: Vec<BrandStats>,
}

/// One brand's counters.
#[derive(Debug, Default, Serialize, ToSchema)]
struct BrandStats {
    /// The brand.
    brand: String,
    /// Over all its campaigns.
    total: Counters,
    /// By campaign; sends without one are counted under none.
    campaigns: Vec<CampaignStats>,
}

/// One campaign's counters.
#[derive(Debug, Serialize, ToSchema)]
struct CampaignStats {
    /// The campaign, or null for sends without one.
    campaign: Option<String>,
    /// Its counters.
    #[serde(flatten)]
    counters: Counters,
}

/// Counters of some sends.
#[derive(Debug, Default, Serialize, ToSchema)]
struct Counters {
    /// Sends ever accepted.
    accepted: u64,
    /// Sends by state; final states count for ever.
    states: BTreeMap<&'static str, u64>,
    /// Accepted minus the sum over all states: must be 0.
    conservation_gap: i64,
}

impl From<&Counts> for Counters {
    fn from(counts: &Counts) -> Self {
        let states = SendState::ALL.iter().map(|state| state.as_str()).zip(counts.states);
        Self { accepted: counts.accepted, states: states.collect(), conservation_gap: counts.gap() }
    }
}

/// Read all counters.
#[utoipa::path(
    get, path = "/v1/stats", tag = "stats", security(("key" = ["operator"])),
    responses((status = 200, description = "All counters at one instant", body = Stats))
)]
async fn stats(State(store): State<Arc<dyn Store>>) -> Result<Json<Stats>, Problem> {
    let snapshot = store.snapshot().await?;
    Ok(Json(Stats { online: snapshot.online, brands: by_brand(&snapshot) }))
}

fn by_brand(snapshot: &Snapshot) -> Vec<BrandStats> {
    let mut brands: BTreeMap<&Name, (Counts, Vec<CampaignStats>)> = BTreeMap::new();
    for (scope, counts) in &snapshot.flows {
        let (total, campaigns) = brands.entry(&scope.brand).or_default();
        total.add(counts);
        let campaign = scope.campaign.as_ref().map(Name::to_string);
        campaigns.push(CampaignStats { campaign, counters: counts.into() });
    }
    let view = |(brand, (total, campaigns)): (&Name, (Counts, _))| BrandStats {
        brand: brand.to_string(),
        total: (&total).into(),
        campaigns,
    };
    brands.into_iter().map(view).collect()
}
