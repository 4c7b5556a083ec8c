//! Posting over HTTP/1.1: a connection, a question, a short answer, perhaps another question.
//!
//! hyper is in the house already; a whole HTTP client would bring pools, redirects and cookies that nobody here should have.
//! Where a server points elsewhere (3xx), that is its answer, and nobody goes there.

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::HOST;
use hyper::{HeaderMap, Request, StatusCode};
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use url::{Position, Url};

use super::{DialError, Io, Roots};

/// The longest answer read, and the longest head of one. Tokens are some 2 KiB.
const LONGEST: usize = 64 * 1024;

/// There is no answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PostError {
    /// Because there is no connection.
    #[error("{0}")]
    Dial(#[from] DialError),
    /// Because it broke, or what came is no answer, or a long one.
    #[error("{0}")]
    Broken(String),
    /// Because it took too long.
    #[error("no answer in time")]
    Late,
}

/// A server's answer.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, 64 KiB at most.
    pub body: Bytes,
}

/// A connection to the server of an address; ends when it is dropped.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    _driver: JoinSet<hyper::Result<()>>,
}

impl Connection {
    /// Connects before `end`, by TLS if the address begins with `https`. If `plain_only_here`, without TLS to this machine
    /// only.
    ///
    /// # Errors
    /// [`PostError::Dial`].
    pub async fn open(
        url: &Url,
        roots: &Roots,
        plain_only_here: bool,
        end: Instant,
    ) -> Result<Self, PostError> {
        let stream = connect(url, roots, plain_only_here, end).await?;
        let mut builder = http1::Builder::new();
        builder.max_buf_size(LONGEST);
        let (sender, connection) = builder
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| PostError::Broken(error.to_string()))?;
        let mut driver = JoinSet::new();
        driver.spawn(connection);
        Ok(Self { sender, _driver: driver })
    }

    /// Whether another question can be asked on it, as far as is known.
    pub fn is_open(&self) -> bool {
        self.sender.is_ready()
    }

    /// Posts a body under these headers, and reads the whole answer before `end`.
    ///
    /// # Errors
    /// If there is none: then nothing more can be asked on this connection.
    pub async fn post(
        &mut self,
        url: &Url,
        headers: HeaderMap,
        body: Bytes,
        end: Instant,
    ) -> Result<Answer, PostError> {
        let broken = |error: &dyn std::error::Error| PostError::Broken(error.to_string());
        let mut request = Request::post(&url[Position::BeforePath..Position::AfterQuery])
            .header(HOST, &url[Position::BeforeHost..Position::AfterPort])
            .body(Full::new(body))
            .map_err(|error| broken(&error))?;
        request.headers_mut().extend(headers);
        let ask = async {
            let answer = self.sender.send_request(request).await.map_err(|error| broken(&error))?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, LONGEST).collect().await;
            let body = body.map_err(|error| PostError::Broken(error.to_string()))?.to_bytes();
            Ok(Answer { status: head.status, headers: head.headers, body })
        };
        timeout_at(end, ask).await.map_err(|_| PostError::Late)?
    }
}

async fn connect(
    url: &Url,
    roots: &Roots,
    plain_only_here: bool,
    end: Instant,
) -> Result<Box<dyn Io>, PostError> {
    let bad = |what: &str| PostError::Broken(format!("the address has no {what}"));
    let host = url.host_str().ok_or_else(|| bad("host"))?;
    // An IPv6 address stands in brackets there.
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = url.port_or_known_default().ok_or_else(|| bad("port"))?;
    let encrypted = url.scheme() == "https";
    let stream = roots.connect(host, port, !encrypted && plain_only_here, end).await?;
    if encrypted {
        return Ok(Box::new(roots.handshake(host, stream, end).await?));
    }
    Ok(Box::new(stream))
}
