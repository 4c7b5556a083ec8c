//! `/v1/consents`: what a person said to a brand or partner about presence by pixel.

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
use super::{Access, Doors, Ears, Problem, body};
use crate::clock::Clock;
use crate::config::Role;
use crate::model::{Consent, Grantee, Name, RecipientId, Said};
use crate::store::Store;
use crate::token::{Identity, normalise};

pub(super) fn router(doors: &Doors) -> OpenApiRouter {
    let register = Register {
        store: Arc::clone(&doors.store),
        brands: Brands::new(&doors.brands),
        identity: doors.identity.clone(),
        clock: doors.clock.clone(),
        ears: Arc::clone(&doors.ears),
    };
    OpenApiRouter::new().routes(routes!(record)).with_state(register)
}

/// Where consents are written down.
#[derive(Clone)]
struct Register {
    store: Arc<dyn Store>,
    brands: Brands,
    identity: Identity,
    clock: Clock,
    ears: Arc<Ears>,
}

/// A consent or its withdrawal. Not `Debug`: it holds an address.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Statement {
    /// Who said it, by address.
    #[serde(default)]
    email: Option<String>,
    /// Or by the SHA-256 (hex) of the normalised address.
    #[serde(default)]
    email_sha256: Option<String>,
    /// Or by our own id.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    recipient: Option<RecipientId>,
    /// To which brand.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    brand: Option<Name>,
    /// Or to which partner.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    partner: Option<Name>,
    /// For what.
    #[expect(dead_code, reason = "there is one purpose so far; reading it checks that it is this one")]
    purpose: Subject,
    /// `true` granted, `false` withdrawn.
    granted: bool,
    /// How it can be shown later (a form's name and version, a log line's id), without an address.
    #[serde(default)]
    #[schema(max_length = 500)]
    proof: String,
}

/// What a consent is about.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Subject {
    /// Presence by pixel.
    Presence,
}

/// A recorded consent.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ConsentView {
    /// Who said it.
    #[schema(value_type = String)]
    recipient: RecipientId,
    /// To which brand.
    #[serde(skip_serializing_if = "Option::is_none")]
    brand: Option<String>,
    /// To which partner.
    #[serde(skip_serializing_if = "Option::is_none")]
    partner: Option<String>,
    /// For what.
    purpose: Subject,
    /// `true` granted, `false` withdrawn.
    granted: bool,
    /// How it can be shown.
    proof: String,
    /// When it was recorded.
    at: Timestamp,
    /// What was said before, the latest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    earlier: Vec<SaidView>,
}

/// A statement that another one replaced.
#[derive(Debug, Serialize, ToSchema)]
struct SaidView {
    /// `true` granted, `false` withdrawn.
    granted: bool,
    /// How it can be shown.
    proof: String,
    /// When it was recorded.
    at: Timestamp,
}

impl From<Said> for SaidView {
    fn from(said: Said) -> Self {
        Self { granted: said.granted, proof: said.proof, at: said.at }
    }
}

impl From<Consent> for ConsentView {
    fn from(consent: Consent) -> Self {
        let (brand, partner) = match consent.grantee {
            Grantee::Brand(name) => (Some(name.to_string()), None),
            Grantee::Partner(name) => (None, Some(name.to_string())),
        };
        Self {
            recipient: consent.recipient,
            brand,
            partner,
            purpose: Subject::Presence,
            granted: consent.granted,
            proof: consent.proof,
            at: consent.at,
            earlier: consent.earlier.into_iter().map(SaidView::from).collect(),
        }
    }
}

/// Record a consent or its withdrawal; acts on pixels in mails already sent.
#[utoipa::path(
    put, path = "/v1/consents", tag = "recipients", security(("key" = ["producer", "operator"])),
    request_body = Statement,
    responses((status = 200, description = "Recorded", body = ConsentView))
)]
async fn record(
    State(register): State<Register>,
    Extension(access): Extension<Access>,
    body::Json(statement): body::Json<Statement>,
) -> Result<Json<ConsentView>, Problem> {
    let grantee = register.grantee(&access, &statement)?;
    let whom = Whom {
        email: statement.email.as_deref(),
        email_sha256: statement.email_sha256.as_deref(),
        recipient: statement.recipient,
    };
    let recipient = whom.find(&register.identity)?;
    check_proof(&statement.proof, statement.granted)?;
    let at = register.clock.now();
    let consent = Consent {
        recipient,
        grantee,
        granted: statement.granted,
        proof: statement.proof,
        at,
        earlier: Vec::new(),
    };
    register.store.consent(consent.clone()).await?;
    register.ears.listen_anew(&consent.recipient);
    Ok(Json(consent.into()))
}

impl Register {
    /// To whom it was said: a brand this key may act for, or (operators only) a partner.
    fn grantee(&self, access: &Access, statement: &Statement) -> Result<Grantee, Problem> {
        match (&statement.brand, &statement.partner) {
            (Some(brand), None) => {
                self.brands.named(access, brand)?;
                Ok(Grantee::Brand(brand.clone()))
            }
            (None, Some(partner)) if access.role == Role::Operator => Ok(Grantee::Partner(partner.clone())),
            (None, Some(_)) => Err(Problem::forbidden("only operators record consents given to partners")),
            _ => Err(Problem::field("brand", "say to whom: give either brand or partner")),
        }
    }
}

/// What was granted needs a proof, and a proof must not be where addresses are kept.
pub(super) fn check_proof(proof: &str, granted: bool) -> Result<(), Problem> {
    if granted && proof.trim().is_empty() {
        let why = "a grant needs a proof: a form's name and version, a log line's id";
        return Err(Problem::field("proof", why));
    }
    check_words("proof", proof)
}

/// Words that are kept with a person must not be where addresses are kept.
pub(super) fn check_words(field: &'static str, words: &str) -> Result<(), Problem> {
    let refuse = |why| Err(Problem::field(field, why));
    if words.chars().count() > 500 || words.contains(char::is_control) {
        return refuse("must be at most 500 characters, without control characters");
    }
    if words.split_whitespace().any(|word| normalise(word).is_ok()) {
        return refuse("must not contain an address");
    }
    Ok(())
}
