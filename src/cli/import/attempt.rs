//! One request: from the first line that is not dealt with to the end, or until the gateway goes away.

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode, header};
use serde_json::Value;
use tokio::sync::oneshot;

use super::body::Pieces;
use super::{Carrier, connect, file};
use crate::cli::{Exit, Failure};
use crate::feeds::{Form, Refusal, Report, Said};
use crate::redact::foreign;

/// Longest line of an answer that is waited for: a refused line with what stands in it.
const LONGEST_ANSWER: usize = 16 * 1024 * 1024;

/// How an attempt ended.
pub(super) enum Ended {
    /// Every line is dealt with.
    Complete,
    /// Nobody listens.
    NoGateway(String),
    /// The gateway went away, or takes nothing now.
    Interrupted(String),
}

/// One request under way.
pub(super) struct Attempt<'a, 'b> {
    carrier: &'a mut Carrier<'b>,
    /// What became of lines before it.
    before: Report,
    form: Option<Form>,
    /// Refused lines that no `done` has confirmed yet.
    refused: Vec<Refusal>,
}

impl<'a, 'b> Attempt<'a, 'b> {
    pub(super) fn new(carrier: &'a mut Carrier<'b>) -> Self {
        let before = carrier.sums.clone();
        Self { carrier, before, form: None, refused: Vec::new() }
    }

    pub(super) async fn run(mut self) -> Result<Ended, Failure> {
        let mut requests = match connect::connect(&self.carrier.request.url).await {
            Ok(requests) => requests,
            Err(error) => {
                let at = self.carrier.request.url.origin().ascii_serialization();
                return Ok(Ended::NoGateway(format!("no answer from {at}: {error}")));
            }
        };
        let unreadable = |error| Failure::new(Exit::Data, format!("cannot read the feed: {error}"));
        let source = file::open(&self.carrier.file).map_err(unreadable)?;
        self.carrier.bar.set_position(0);
        let (answered, gate) = oneshot::channel();
        let body = Pieces::new(file::read(source, self.carrier.bar.clone()), gate);
        let response = match requests.send_request(self.request(body)?).await {
            Ok(response) => response,
            Err(error) => return broken(&error),
        };
        if response.status() != StatusCode::OK {
            return refused(response).await;
        }
        // The body's other end is gone if all of it was sent.
        let _ = answered.send(());
        self.listen(response.into_body()).await
    }

    fn request(&self, body: Pieces) -> Result<Request<Pieces>, Failure> {
        let asked = &self.carrier.request;
        let authority = asked.url.authority();
        let mut request = Request::post(asked.target(self.before.lines))
            .header(header::HOST, authority)
            .header(header::AUTHORIZATION, format!("Bearer {}", asked.key.expose()))
            .header(header::CONTENT_TYPE, &asked.content_type);
        if let Some(mapping) = &asked.mapping {
            request = request.header("vigie-mapping", mapping);
        }
        request
            .body(body)
            .map_err(|error| Failure::new(Exit::Usage, format!("this cannot be asked: {error}")))
    }

    /// Hears what becomes of the lines.
    async fn listen(&mut self, mut body: Incoming) -> Result<Ended, Failure> {
        let mut text = Vec::new();
        loop {
            let frame = match body.frame().await {
                None => return Ok(Ended::Interrupted("the gateway's answer ends too early".into())),
                Some(Err(error)) => return broken(&error),
                Some(Ok(frame)) => frame,
            };
            text.extend_from_slice(&frame.into_data().unwrap_or_default());
            let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            let lines: Vec<u8> = text.drain(..whole).collect();
            for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                if let Some(ended) = self.hear(line)? {
                    return Ok(ended);
                }
            }
            if text.len() > LONGEST_ANSWER {
                return Err(Failure::new(
                    Exit::Internal,
                    "the gateway's answer makes no sense: a line without end",
                ));
            }
        }
    }

    fn hear(&mut self, line: &[u8]) -> Result<Option<Ended>, Failure> {
        let said: Said = serde_json::from_slice(line).map_err(|error| {
            Failure::new(Exit::Internal, format!("the gateway's answer makes no sense: {error}"))
        })?;
        if let Some(form) = said.source {
            self.form = Some(form);
        } else if let Some(so_far) = said.done {
            self.confirm(&so_far)?;
        } else if let Some(report) = said.report {
            self.confirm(&report)?;
            return Ok(Some(match report.stopped {
                None if report.complete => Ended::Complete,
                why => Ended::Interrupted(why.unwrap_or_default()),
            }));
        } else if let Some(refusal) = said.refusal {
            self.refused.push(refusal);
        }
        Ok(None)
    }

    /// So many lines are dealt with: those refused among them are written down, and then it is remembered.
    fn confirm(&mut self, so_far: &Report) -> Result<(), Failure> {
        if let Some(form) = &self.form {
            self.carrier.rejected.write(form, self.refused.drain(..))?;
        }
        self.carrier.sums = self.before.and_then(so_far);
        let sums = &self.carrier.sums;
        self.carrier.bar.set_message(format!("{} lines, {} rejected", sums.lines, sums.rejected));
        match &mut self.carrier.keeper {
            Some(keeper) => keeper.remember(sums, self.carrier.rejected),
            None => Ok(()),
        }
    }
}

/// A request that got no answer: the file cannot be read, or the gateway has gone.
fn broken(error: &hyper::Error) -> Result<Ended, Failure> {
    if error.is_user() {
        let why = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
        return Err(Failure::new(Exit::Data, format!("cannot read the feed: {why}")));
    }
    Ok(Ended::Interrupted(format!("the connection to the gateway broke: {error}")))
}

/// An answer that is no import: try again, or say why not.
async fn refused(response: Response<Incoming>) -> Result<Ended, Failure> {
    let status = response.status();
    let body: Bytes =
        response.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let problem: Value = serde_json::from_slice(&body).unwrap_or_default();
    let detail = foreign(problem["detail"].as_str().unwrap_or_default());
    let said = match problem["field"].as_str() {
        Some(field) => format!("{}: {detail}", foreign(field)),
        None => detail,
    };
    let exit = match status {
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => {
            return Ok(Ended::Interrupted(said));
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Exit::Configuration,
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => Exit::Data,
        status if status.is_server_error() => Exit::TryAgain,
        _ => Exit::Unavailable,
    };
    Err(Failure::new(exit, format!("the gateway refused the import ({status}): {said}")))
}
