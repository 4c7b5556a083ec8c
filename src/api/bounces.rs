//! `/v1/bounces`: mails that came back, told by whoever knows: a provider's webhook, a mailbox that is read elsewhere.
//!
//! What a statement stops goes as far as the word of whoever makes it: a producer's, whatever it says, stops its own brand's
//! mail; an operator's may stop everybody's, as at `PUT /v1/suppressions`. A mail that brings back what our letter carries,
//! signed, proves itself, whoever brings it: a hard bounce told so is everybody's.

mod heed;

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Map;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::{self, Media};
use super::brands::Brands;
use super::guard::Seat;
use super::ndjson::{Answer, Refused, Work};
use super::suppressions::Reach;
use super::whom::Whom;
use super::{Access, Doors, Problem, ndjson, strict};
use crate::bounces::{Bounce, Bounces, Kind};
use crate::clock::Clock;
use crate::config::Role;
use crate::model::{MailStatus, Name, RecipientId, SendId, SuppressScope};
use crate::servers::moment;
use crate::store::Store;
use crate::token::Identity;
use heed::{Heed, Mail};

/// Longest words of whoever refused a mail, in characters.
const LONGEST_DETAIL: usize = 500;

pub(super) fn router(doors: &Doors) -> OpenApiRouter {
    let post = Post {
        store: Arc::clone(&doors.store),
        brands: Brands::new(&doors.brands),
        identity: doors.identity.clone(),
        clock: doors.clock.clone(),
        bounces: doors.bounces.clone(),
    };
    OpenApiRouter::new().routes(routes!(report)).with_state(post)
}

/// Takes bounces in.
#[derive(Clone)]
struct Post {
    store: Arc<dyn Store>,
    brands: Brands,
    identity: Identity,
    clock: Clock,
    bounces: Bounces,
}

/// One caller's statements.
struct Told {
    post: Post,
    access: Access,
}

/// A mail came back, or somebody complained. Not `Debug`: it holds an address.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Statement {
    /// Who it was written to, by address.
    #[serde(default)]
    email: Option<String>,
    /// Or by the SHA-256 (hex) of the normalised address.
    #[serde(default)]
    email_sha256: Option<String>,
    /// Or by our own id.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    recipient: Option<RecipientId>,
    /// Which send it was. Alone it says who only until it is final: a finished send keeps nothing of whom it went to.
    #[serde(default)]
    send: Option<String>,
    /// Whose mail it was; a producer's own if left out.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    brand: Option<Name>,
    /// `hard`: nobody reads mail there; `soft`: not this time (counted and told, no more); `complaint`: they called it spam.
    kind: Kind,
    /// The enhanced status code (RFC 3463).
    #[serde(default)]
    #[schema(example = "5.1.1")]
    status: Option<String>,
    /// The words of whoever refused it; addresses in them are taken out.
    #[serde(default)]
    #[schema(max_length = 500)]
    detail: String,
    /// When, in RFC 3339 or in seconds since 1970; now, if left out. Say it, so that the same said again is told once.
    #[serde(default, deserialize_with = "moment")]
    #[schema(value_type = Option<String>)]
    at: Option<Timestamp>,
    /// Whose mail it stops: `brand` (of a complaint, and of all that a producer says, if left out) or `all` (of an operator's
    /// hard bounce, if left out; operators only). Report the mail itself, as `message/rfc822`, to have it proven for all.
    #[serde(default)]
    scope: Option<Reach>,
}

/// Report mails that came back.
///
/// As `application/json` one statement. As `application/x-ndjson` one per line, answered by one line each, in order, with
/// `line`, `status`, and what one statement is answered, or a `problem`. As `message/rfc822` a mail as it came to a return
/// path: a delivery report (RFC 3464) or a complaint (RFC 5965), believed if it brings back what our letter carries.
#[utoipa::path(
    post, path = "/v1/bounces", tag = "recipients", security(("key" = ["producer", "operator"])),
    request_body(content(
        (Statement = "application/json"),
        (String = "application/x-ndjson"),
        (String = "message/rfc822"),
    )),
    responses(
        (status = 200, description = "Taken in; of many, their answers", content(
            (Heed = "application/json"),
            (String = "application/x-ndjson"),
        )),
        (status = 202, description = "What the mail was", body = Mail),
    )
)]
async fn report(
    State(post): State<Post>,
    Extension(access): Extension<Access>,
    Extension(seat): Extension<Seat>,
    request: Request,
) -> Result<Response, Problem> {
    if is_mail(request.headers()) {
        let mail = body::whole(request.into_body(), seat.limits.max_body).await?;
        let came = post.bounces.mail("", &mail).await?;
        return Ok((StatusCode::ACCEPTED, Json(Mail { what: came.as_str() })).into_response());
    }
    let told = Told { post, access };
    match body::media(request.headers())? {
        Media::Json => {
            let statement = body::json::<Statement>(request.into_body(), seat.limits).await?;
            told.checked(&statement)?;
            told.take(statement).await.map(|heed| Json(heed).into_response())
        }
        Media::Lines => ndjson::respond(told, request.into_body(), seat),
    }
}

fn is_mail(headers: &HeaderMap) -> bool {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    given.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case("message/rfc822"))
}

impl Told {
    /// What can be said against a statement without looking anything up.
    fn checked(&self, statement: &Statement) -> Result<(), Problem> {
        if let Some(brand) = &statement.brand {
            self.post.brands.named(&self.access, brand)?;
        }
        let brand = self.brand(statement);
        if brand.is_none() && (statement.send.is_some() || statement.kind == Kind::Complaint) {
            return Err(Problem::field("brand", "say whose mail it was"));
        }
        self.checked_scope(statement, brand.is_some())?;
        if statement.detail.chars().count() > LONGEST_DETAIL {
            return Err(Problem::field("detail", "must be at most 500 characters"));
        }
        if statement.at.is_some_and(|at| at > self.post.clock.now()) {
            return Err(Problem::field("at", "has not come yet: check the clock, and that it is seconds"));
        }
        status(statement).map(drop)
    }

    fn checked_scope(&self, statement: &Statement, branded: bool) -> Result<(), Problem> {
        let producer = self.access.role == Role::Producer;
        match (statement.kind, statement.scope) {
            (Kind::Soft, Some(_)) => {
                Err(Problem::field("scope", "is for what stops mail: a soft bounce does not"))
            }
            (Kind::Hard | Kind::Complaint, Some(Reach::All)) if producer => Err(Problem::forbidden(
                "only operators stop the mail of other brands by their word: report the mail that came back, as message/rfc822",
            )),
            (_, Some(Reach::Brand)) if !branded => Err(Problem::field("brand", "say whose mail it was")),
            _ => Ok(()),
        }
    }

    /// Whose mail it was: what it says, or the caller's own.
    fn brand(&self, statement: &Statement) -> Option<Name> {
        statement.brand.clone().or_else(|| self.access.brand.clone())
    }

    /// Takes in what was checked.
    async fn take(&self, statement: Statement) -> Result<Heed, Problem> {
        let (recipient, brand) = (self.whom(&statement).await?, self.brand(&statement));
        let its_own = || brand.clone().map(SuppressScope::Brand);
        let scope = match statement.scope {
            Some(Reach::All) => Some(SuppressScope::All),
            Some(Reach::Brand) => its_own(),
            None if self.access.role == Role::Producer => its_own(),
            None => None,
        };
        let at = statement.at.unwrap_or_else(|| self.post.clock.now());
        let bounce = Bounce {
            id: digest(recipient, brand.as_ref(), &statement, at),
            status: status(&statement)?,
            detail: statement.detail,
            kind: statement.kind,
            reference: statement.send,
            brand,
            recipient,
            scope,
            at,
        };
        let (kind, suppressed) = (bounce.kind, bounce.scope().as_ref().map(Reach::of));
        let done = self.post.bounces.hear(bounce).await?;
        let (handed_off, in_hand_over) = (done.handed_off, done.in_hand_over);
        Ok(Heed { recipient, kind, suppressed, handed_off, in_hand_over })
    }

    /// Who it was written to, by what it says, or by the send as long as that is known.
    async fn whom(&self, statement: &Statement) -> Result<RecipientId, Problem> {
        let Statement { email, email_sha256, recipient, send, .. } = statement;
        let named = email.is_some() || email_sha256.is_some() || recipient.is_some();
        if let (false, Some(send), Some(brand)) = (named, send, self.brand(statement)) {
            let record = self.post.store.send(SendId::derive(&brand, send)).await?;
            let record = record.ok_or_else(|| Problem::field("send", "is no send of this brand"))?;
            let spec = record.spec.ok_or_else(|| {
                Problem::field("send", "has ended, and keeps nothing of whom it went to: say who (email)")
            })?;
            return Ok(spec.recipient);
        }
        let whom =
            Whom { email: email.as_deref(), email_sha256: email_sha256.as_deref(), recipient: *recipient };
        whom.find(&self.post.identity)
    }
}

fn status(statement: &Statement) -> Result<Option<MailStatus>, Problem> {
    let read = |text: &String| {
        text.parse::<MailStatus>().map_err(|bad| Problem::field("status", format!("must be {bad}")))
    };
    statement.status.as_ref().map(read).transpose()
}

/// The same for the same statement, and for no other.
fn digest(recipient: RecipientId, brand: Option<&Name>, statement: &Statement, at: Timestamp) -> String {
    let Statement { kind, status, send, .. } = statement;
    let said = format!("{recipient} {brand:?} {} {status:?} {send:?} {at}", kind.as_str());
    const_hex::encode(&Sha256::digest(said)[..16])
}

#[async_trait]
impl Work for Told {
    type Item = Statement;

    fn read(&self, line: &[u8]) -> Result<Statement, Refused> {
        let checked = |statement: Statement| self.checked(&statement).map(|()| statement);
        strict::parse(line).and_then(checked).map_err(|problem| (Map::new(), problem))
    }

    async fn finish(&self, items: Vec<Statement>) -> Vec<Answer> {
        let mut answers = Vec::with_capacity(items.len());
        for statement in items {
            answers.push(match self.take(statement).await {
                Ok(heed) => Ok((StatusCode::OK, heed.members())),
                Err(problem) => Err((Map::new(), problem)),
            });
        }
        answers
    }
}
