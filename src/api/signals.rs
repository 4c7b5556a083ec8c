//! `/v1/signals`: somebody who is trusted says that a person did something.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use axum::Extension;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::{self, Media};
use super::ears::{Ears, Told};
use super::guard::Seat;
use super::ndjson::{Answer, Refused, Work};
use super::whom::Whom;
use super::{Doors, Problem, ndjson, strict};
use crate::intake::Received;
use crate::model::{RecipientId, Verdict};
use crate::servers::{self, Age, Heard, Unheard, moment};

/// What is older than this was never meant to say that somebody is there: a clock or a unit is wrong.
const YEAR: Duration = Duration::from_hours(365 * 24);

/// Longest name of a source.
const LONGEST_SOURCE: usize = 64;

pub(super) fn router(doors: &Doors) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(report)).with_state(Post(Arc::clone(&doors.ears)))
}

/// Takes in signals.
#[derive(Clone)]
struct Post(Arc<Ears>);

/// Somebody did something. Not `Debug`: it holds an address.
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
    /// What they did: `read`, `act` (moved, answered or deleted a mail), `write`, `active` (did something on a page),
    /// `visible` (has a page in view), `login`, `sync` (their mail client looked around), `change`, `leave`; or one of
    /// `open`, `compose`, `click`, `view`, `present`, `idle`, `logout`, `hidden`, `away`.
    #[schema(example = "active")]
    kind: String,
    /// Who says so: `imap`, `webmail` or `portal` (which any other name counts as, and none).
    #[serde(default)]
    #[schema(max_length = 64, example = "portal")]
    source: Option<String>,
    /// When, in RFC 3339 or in seconds since 1970; now, if left out.
    #[serde(default, deserialize_with = "moment")]
    #[schema(value_type = Option<String>)]
    at: Option<Timestamp>,
}

/// What was made of it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Heed {
    /// Who.
    #[schema(value_type = String)]
    recipient: RecipientId,
    /// Whom it shows: `human` or `unknown`.
    verdict: &'static str,
    /// How surely, from 0 to 1.
    confidence: f64,
    /// The rule behind it.
    reason: &'static str,
    /// What became of it: `queued` to take effect, `recent` (the same was said a moment ago), `counted` (says nothing
    /// about now), `stale` (too long ago), `shed` (too many at the same time; say it again).
    taken: &'static str,
}

/// A statement that was understood.
struct Understood {
    heard: Heard,
    age: Age,
}

/// Report what somebody did, or what many did.
///
/// As `application/json` one statement. As `application/x-ndjson` one per line, answered by one line each, in order, with
/// `line`, `status`, and what one statement is answered, or a `problem`; read the answers while you write. What was done
/// longer ago than `signals.max_age` is answered and counted, but is no presence.
#[utoipa::path(
    post, path = "/v1/signals", tag = "signals", security(("key" = ["signals", "operator"])),
    request_body(content(
        (Statement = "application/json"),
        (String = "application/x-ndjson"),
    )),
    responses(
        (status = 202, description = "Heard", body = Heed),
        (status = 200, description = "The answers to many", content((String = "application/x-ndjson"))),
    )
)]
async fn report(
    State(post): State<Post>,
    Extension(seat): Extension<Seat>,
    request: Request,
) -> Result<Response, Problem> {
    let received = Instant::now();
    match body::media(request.headers())? {
        Media::Json => {
            let statement = body::json::<Statement>(request.into_body(), seat.limits).await;
            let heed = statement.and_then(|statement| post.take(&statement, received));
            heed.map(|heed| (StatusCode::ACCEPTED, axum::Json(heed)).into_response())
                .inspect_err(|_| post.0.count_posted(Unheard::Unreadable.as_str()))
        }
        Media::Lines => ndjson::respond(post, request.into_body(), seat),
    }
}

impl Post {
    fn take(&self, statement: &Statement, received: Instant) -> Result<Heed, Problem> {
        self.understand(statement).map(|understood| self.heed(&understood, received))
    }

    fn understand(&self, statement: &Statement) -> Result<Understood, Problem> {
        let whom = Whom {
            email: statement.email.as_deref(),
            email_sha256: statement.email_sha256.as_deref(),
            recipient: statement.recipient,
        };
        let recipient = whom.find(&self.0.identity)?;
        let unknown = || Problem::field("kind", format!("must be one of {}", servers::DEEDS));
        let deed = servers::deed(&statement.kind).ok_or_else(unknown)?;
        let source = statement.source.as_deref().unwrap_or("portal");
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if source.is_empty() || source.len() > LONGEST_SOURCE || !source.chars().all(plain) {
            let detail =
                "must be imap, webmail, portal, or another name of 1 to 64 letters, digits, '.', '_' and '-'";
            return Err(Problem::field("source", detail));
        }
        let age = self.age(statement.at)?;
        Ok(Understood { heard: Heard { recipient, source: servers::source(source), deed }, age })
    }

    fn age(&self, at: Option<Timestamp>) -> Result<Age, Problem> {
        let (now, settings) = (self.0.clock.now(), &self.0.settings);
        let at = at.unwrap_or(now);
        if servers::age(at, now, YEAR, settings.max_ahead) == Age::Stale {
            return Err(Problem::field(
                "at",
                "is more than a year ago: say when it was done, in seconds or RFC 3339",
            ));
        }
        match servers::age(at, now, settings.max_age, settings.max_ahead) {
            Age::Ahead => {
                Err(Problem::field("at", "has not come yet: check the clock, and that it is seconds"))
            }
            age => Ok(age),
        }
    }

    fn heed(&self, understood: &Understood, received: Instant) -> Heed {
        let heard = understood.heard;
        if understood.age == Age::Stale {
            self.0.count_posted(Unheard::Stale.as_str());
            return Heed::new(heard.recipient, &self.0.judge(heard), Unheard::Stale.as_str());
        }
        self.0.count_posted(heard.deed.as_str());
        let Told { verdict, taken } = self.0.tell(heard, received);
        Heed::new(heard.recipient, &verdict, word(taken))
    }
}

impl Heed {
    fn new(recipient: RecipientId, verdict: &Verdict, taken: &'static str) -> Self {
        let confidence = (f64::from(verdict.confidence) * 100.0).round() / 100.0;
        Self { recipient, verdict: verdict.class.as_str(), confidence, reason: verdict.reason, taken }
    }
}

fn word(taken: Received) -> &'static str {
    match taken {
        Received::Queued => "queued",
        Received::Recent => "recent",
        Received::Counted => "counted",
        Received::Shed => "shed",
    }
}

#[async_trait]
impl Work for Post {
    type Item = (Understood, Instant);

    fn read(&self, line: &[u8]) -> Result<Self::Item, Refused> {
        let received = Instant::now();
        let understood = strict::parse(line).and_then(|statement| self.understand(&statement));
        understood.map(|understood| (understood, received)).map_err(|problem| {
            self.0.count_posted(Unheard::Unreadable.as_str());
            (Map::new(), problem)
        })
    }

    async fn finish(&self, items: Vec<Self::Item>) -> Vec<Answer> {
        items.iter().map(|(understood, received)| Ok(answer(&self.heed(understood, *received)))).collect()
    }
}

fn answer(heed: &Heed) -> (StatusCode, Map<String, Value>) {
    let members = match serde_json::to_value(heed) {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    };
    (StatusCode::ACCEPTED, members)
}
