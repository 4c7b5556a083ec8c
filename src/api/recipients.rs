//! `/v1/recipients`: what is known of one person, and how it is erased. The address is in the body, never in a URL.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::consents::ConsentView;
use super::sends::SendView;
use super::suppressions::SuppressionView;
use super::whom::Whom;
use super::{Access, Doors, Problem, body};
use crate::clock::{Clock, after};
use crate::model::{self, Contact, HintKind, Name, RecipientId, SendSpec, Source};
use crate::store::{Person, Rules, Store};
use crate::token::Identity;

pub(super) fn router(doors: &Doors) -> OpenApiRouter {
    let people = People {
        store: Arc::clone(&doors.store),
        identity: doors.identity.clone(),
        clock: doors.clock.clone(),
        rules: Arc::clone(&doors.rules),
    };
    OpenApiRouter::new()
        .routes(routes!(lookup))
        .routes(routes!(export))
        .routes(routes!(forget))
        .with_state(people)
}

#[derive(Clone)]
struct People {
    store: Arc<dyn Store>,
    identity: Identity,
    clock: Clock,
    rules: Arc<Rules>,
}

/// Who is meant; exactly one of the three. Not `Debug`: it holds an address.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Who {
    /// By address.
    #[serde(default)]
    email: Option<String>,
    /// By the SHA-256 (hex) of the normalised address.
    #[serde(default)]
    email_sha256: Option<String>,
    /// By our own id.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    recipient: Option<RecipientId>,
}

impl Who {
    pub(super) fn find(&self, identity: &Identity) -> Result<RecipientId, Problem> {
        let (email, email_sha256) = (self.email.as_deref(), self.email_sha256.as_deref());
        Whom { email, email_sha256, recipient: self.recipient }.find(identity)
    }
}

/// What is known of one person.
#[derive(Debug, Serialize, ToSchema)]
struct PersonView {
    /// The person, as the store knows them.
    #[schema(value_type = String)]
    recipient: RecipientId,
    /// Seen within the presence window.
    online: bool,
    /// When, if online.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_seen: Option<Timestamp>,
    /// By what, if online.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    source: Option<Source>,
    /// Signs of the last minute that were not enough alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hints: Vec<HintView>,
    /// How often they are seen in each of the 168 hours of a week (Monday 00:00 UTC first), 0 to 15; only of those who
    /// agreed to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    hours: Option<Vec<u8>>,
    /// Sends not yet final, in the order they will go.
    waiting: Vec<SendView>,
    /// What this person said.
    consents: Vec<ConsentView>,
    /// Mail this person gets no more, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    suppressions: Vec<SuppressionView>,
    /// How often this person is written to.
    budget: Budget,
    /// Whether this person's mailbox is watched; `/v1/mailboxes/lookup` tells how.
    mailbox: bool,
}

/// A sign of presence.
#[derive(Debug, Serialize, ToSchema)]
struct HintView {
    /// Of what sort.
    #[schema(value_type = String)]
    kind: HintKind,
    /// How likely it is somebody.
    percent: u8,
}

/// Everything that is held of one person, as they may ask for it (GDPR article 15). Not `Debug`: it holds an address.
#[derive(Serialize, ToSchema)]
struct Held {
    /// What a lookup shows.
    #[serde(flatten)]
    person: PersonView,
    /// What waits for them, with their address and all variables.
    #[schema(value_type = Vec<Object>)]
    sends: Vec<SendSpec>,
}

/// How often a person is written to.
#[derive(Debug, Serialize, ToSchema)]
struct Budget {
    /// Between two sends lies at least this, as a duration like `600s`.
    min_gap: String,
    /// When the relay took the last one, as far back as the rules look.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_sent: Option<Timestamp>,
    /// When the next of any brand may go, if not now.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_allowed: Option<Timestamp>,
    /// What they may get, and how much of it they got.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    limits: Vec<Limit>,
}

/// One budget, and how much of it is used.
#[derive(Debug, Serialize, ToSchema)]
struct Limit {
    /// Whose mails count; none: everybody's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    brand: Option<Name>,
    /// At most so many mails …
    at_most: u32,
    /// … within this, as a duration like `72000s`.
    within: String,
    /// So many were sent within it until now.
    used: usize,
}

/// What was erased.
#[derive(Debug, Serialize, ToSchema)]
struct Erased {
    /// The person, as the store knew them.
    #[schema(value_type = String)]
    recipient: RecipientId,
    /// Sends cancelled.
    sends: u64,
    /// Sends whose hand-over had begun; they end by themselves and keep nothing of the person.
    in_hand_over: u64,
    /// Consents.
    consents: u64,
    /// Whether a presence was known.
    presence: bool,
}

/// Look up one person: presence, waiting sends, consents, contact budget.
#[utoipa::path(
    post, path = "/v1/recipients/lookup", tag = "recipients", security(("key" = ["operator"])),
    request_body = Who,
    responses((status = 200, description = "What is known, also of somebody nobody knows", body = PersonView))
)]
async fn lookup(
    State(people): State<People>,
    body::Json(who): body::Json<Who>,
) -> Result<Json<PersonView>, Problem> {
    let recipient = who.find(&people.identity)?;
    let person = people.store.person(recipient).await?;
    Ok(Json(people.view(recipient, person)))
}

/// Everything that is held of one person. Finished sends keep nothing of whom they went to.
#[utoipa::path(
    post, path = "/v1/recipients/export", tag = "recipients", security(("key" = ["operator"])),
    request_body = Who,
    responses((status = 200, description = "All of it, also of somebody nobody knows", body = Held))
)]
async fn export(
    State(people): State<People>,
    Extension(access): Extension<Access>,
    body::Json(who): body::Json<Who>,
) -> Result<Json<Held>, Problem> {
    let recipient = who.find(&people.identity)?;
    let person = people.store.person(recipient).await?;
    tracing::info!(key = access.key, "what is held of a person was exported");
    let sends = person.waiting.iter().filter_map(|record| record.spec.clone()).collect();
    Ok(Json(Held { person: people.view(recipient, person), sends }))
}

/// Erase one person.
#[utoipa::path(
    post, path = "/v1/recipients/forget", tag = "recipients", security(("key" = ["operator"])),
    request_body = Who,
    responses((status = 200, description = "What was erased", body = Erased))
)]
async fn forget(
    State(people): State<People>,
    Extension(access): Extension<Access>,
    body::Json(who): body::Json<Who>,
) -> Result<Json<Erased>, Problem> {
    let recipient = who.find(&people.identity)?;
    let gone = people.store.forget(recipient).await?;
    tracing::info!(key = access.key, sends = gone.sends, "a person was forgotten");
    Ok(Json(Erased {
        recipient,
        sends: gone.sends,
        in_hand_over: gone.in_hand_over,
        consents: gone.consents,
        presence: gone.presence,
    }))
}

impl People {
    fn budget(&self, person: &Person, now: Timestamp) -> Budget {
        let Rules { min_gap, budgets, .. } = &*self.rules;
        let free = person.last_sent().map(|sent| after(sent, *min_gap));
        let free = free.max(budgets.together_free_at(&person.contacts)).filter(|free| now < *free);
        let limit = |brand: Option<&Name>, budget: &model::Budget| Limit {
            brand: brand.cloned(),
            at_most: budget.at_most,
            within: format!("{}s", budget.within.as_secs()),
            used: budget.used(counted(&person.contacts, brand), now),
        };
        let together = budgets.together.iter().map(|budget| limit(None, budget));
        let brands = budgets.brands.iter();
        let own = brands.flat_map(|(brand, own)| own.iter().map(|budget| limit(Some(brand), budget)));
        Budget {
            min_gap: format!("{}s", min_gap.as_secs()),
            last_sent: person.last_sent(),
            next_allowed: free,
            limits: together.chain(own).collect(),
        }
    }

    fn view(&self, recipient: RecipientId, person: Person) -> PersonView {
        let now = self.clock.now();
        let budget = self.budget(&person, now);
        let (last_seen, source) = person.online.unzip();
        PersonView {
            recipient,
            online: last_seen.is_some(),
            last_seen,
            source,
            hints: person
                .hints
                .iter()
                .map(|hint| HintView { kind: hint.kind, percent: hint.percent })
                .collect(),
            hours: person.hours.map(|hours| hours.weights(now)),
            waiting: person.waiting.into_iter().map(SendView::of).collect(),
            consents: person.consents.into_iter().map(ConsentView::from).collect(),
            suppressions: person.suppressions.into_iter().map(SuppressionView::from).collect(),
            budget,
            mailbox: person.mailbox.is_some(),
        }
    }
}

/// The mails that count for a budget: this brand's, or everybody's.
fn counted<'a>(mails: &'a [Contact], brand: Option<&'a Name>) -> impl Iterator<Item = &'a Contact> {
    mails.iter().filter(move |mail| brand.is_none() || mail.brand.as_ref() == brand)
}
