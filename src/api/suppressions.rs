//! `/v1/suppressions`: who gets no more mail, put down or lifted by hand.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::brands::Brands;
use super::whom::Whom;
use super::{Access, Doors, Problem, body, consents};
use crate::clock::Clock;
use crate::config::Role;
use crate::model::{Name, RecipientId, SuppressReason, SuppressScope, Suppression};
use crate::store::{Store, Suppressed};
use crate::token::Identity;

pub(super) fn router(doors: &Doors) -> OpenApiRouter {
    let register = Register {
        store: Arc::clone(&doors.store),
        brands: Brands::new(&doors.brands),
        identity: doors.identity.clone(),
        clock: doors.clock.clone(),
    };
    OpenApiRouter::new().routes(routes!(record)).with_state(register)
}

/// Where it is written down.
#[derive(Clone)]
struct Register {
    store: Arc<dyn Store>,
    brands: Brands,
    identity: Identity,
    clock: Clock,
}

/// Whose mail is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Reach {
    /// The brand's.
    Brand,
    /// Everybody's.
    All,
}

impl Reach {
    /// In short.
    pub(super) const fn of(scope: &SuppressScope) -> Self {
        match scope {
            SuppressScope::All => Self::All,
            SuppressScope::Brand(_) => Self::Brand,
        }
    }
}

/// Who gets no more mail, or does again. Not `Debug`: it holds an address.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Statement {
    /// Who, by address.
    #[serde(default)]
    email: Option<String>,
    /// Or by the SHA-256 (hex) of the normalised address.
    #[serde(default)]
    email_sha256: Option<String>,
    /// Or by our own id.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    recipient: Option<RecipientId>,
    /// Whose mail; a producer's own if left out.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    brand: Option<Name>,
    /// `all` for everybody's (operators only), in place of a brand.
    #[serde(default)]
    scope: Option<Reach>,
    /// `true` stops it, `false` lets it through again.
    suppressed: bool,
    /// Why, in words without an address.
    #[serde(default)]
    #[schema(max_length = 500)]
    detail: String,
}

/// What was done.
#[derive(Debug, Serialize, ToSchema)]
struct Recorded {
    /// Who.
    #[schema(value_type = String)]
    recipient: RecipientId,
    /// Whose mail.
    scope: Reach,
    /// Whose, if one brand's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    brand: Option<Name>,
    /// Whether it is stopped now.
    suppressed: bool,
    /// Whether that is new.
    changed: bool,
    /// Sends that went to the next channel.
    handed_off: u64,
    /// Sends whose hand-over to the relay had begun.
    in_hand_over: u64,
}

/// Mail that a person gets no more.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SuppressionView {
    /// Whose.
    scope: Reach,
    /// Whose, if one brand's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    brand: Option<Name>,
    /// `hard_bounce`, `complaint`, `unsubscribed` or `manual`.
    why: &'static str,
    /// The words of whoever said so.
    #[serde(skip_serializing_if = "String::is_empty")]
    detail: String,
    /// Since when.
    since: Timestamp,
}

impl From<Suppression> for SuppressionView {
    fn from(known: Suppression) -> Self {
        let Suppression { scope, why, detail, since, .. } = known;
        Self { scope: Reach::of(&scope), brand: brand_of(scope), why: why.as_str(), detail, since }
    }
}

fn brand_of(scope: SuppressScope) -> Option<Name> {
    match scope {
        SuppressScope::All => None,
        SuppressScope::Brand(brand) => Some(brand),
    }
}

/// Stop mail to a person, or let it through again. What waits is handed off at once; what was handed off stays so.
#[utoipa::path(
    put, path = "/v1/suppressions", tag = "recipients", security(("key" = ["producer", "operator"])),
    request_body = Statement,
    responses((status = 200, description = "Recorded, also if it was so before", body = Recorded))
)]
async fn record(
    State(register): State<Register>,
    Extension(access): Extension<Access>,
    body::Json(statement): body::Json<Statement>,
) -> Result<Json<Recorded>, Problem> {
    let scope = register.scope(&access, &statement)?;
    let whom = Whom {
        email: statement.email.as_deref(),
        email_sha256: statement.email_sha256.as_deref(),
        recipient: statement.recipient,
    };
    let recipient = whom.find(&register.identity)?;
    consents::check_words("detail", &statement.detail)?;
    let (changed, done) = register.write(recipient, &scope, statement.suppressed, statement.detail).await?;
    tracing::info!(key = access.key, %scope, suppressed = statement.suppressed, changed, "mail to a person");
    let Suppressed { handed_off, in_hand_over, .. } = done;
    let (reach, suppressed) = (Reach::of(&scope), statement.suppressed);
    let brand = brand_of(scope);
    Ok(Json(Recorded { recipient, scope: reach, brand, suppressed, changed, handed_off, in_hand_over }))
}

impl Register {
    /// Whose mail it is about: a brand's this key may act for, or (operators only) everybody's.
    fn scope(&self, access: &Access, statement: &Statement) -> Result<SuppressScope, Problem> {
        let brand = statement.brand.clone().or_else(|| access.brand.clone());
        match (statement.scope, brand) {
            (Some(Reach::All), _) if access.role != Role::Operator => {
                Err(Problem::forbidden("only operators stop the mail of all brands"))
            }
            (Some(Reach::All), None) => Ok(SuppressScope::All),
            (Some(Reach::All), Some(_)) => {
                Err(Problem::field("scope", "is all brands: name none, or leave it out"))
            }
            (_, Some(brand)) => {
                self.brands.named(access, &brand)?;
                Ok(SuppressScope::Brand(brand))
            }
            (_, None) => Err(Problem::field("brand", "say whose mail: a brand, or scope all")),
        }
    }

    async fn write(
        &self,
        recipient: RecipientId,
        scope: &SuppressScope,
        suppressed: bool,
        detail: String,
    ) -> Result<(bool, Suppressed), Problem> {
        if !suppressed {
            let lifted = self.store.unsuppress(recipient, scope.clone()).await?;
            return Ok((lifted, Suppressed::default()));
        }
        let (scope, why, since) = (scope.clone(), SuppressReason::Manual, self.clock.now());
        let done = self.store.suppress(Suppression { recipient, scope, why, detail, since }).await?;
        Ok((done.new, done))
    }
}
