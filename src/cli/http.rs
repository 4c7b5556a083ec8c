//! A plain HTTP/1.1 client for commands that talk to a gateway: one warm connection, one request at a time.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// A connection to one listener.
pub struct Client {
    host: String,
    bearer: Option<String>,
    agent: Option<&'static str>,
    requests: SendRequest<Full<Bytes>>,
}

/// A request that got no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// Nobody listens, or the connection broke.
    #[error("no answer from {0}: {1}")]
    Connection(String, std::io::Error),
    /// What came back is not HTTP.
    #[error("no sense in the answer: {0}")]
    Protocol(#[from] hyper::Error),
    /// What was asked for cannot be written as a request.
    #[error("not a request: {0}")]
    Request(#[from] hyper::http::Error),
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The body.
    pub body: Bytes,
}

impl Client {
    /// Connects; requests carry `key` as bearer token, if one is given.
    pub async fn connect(address: SocketAddr, key: Option<&str>) -> Result<Self, HttpError> {
        let host = address.to_string();
        let refused = |error| HttpError::Connection(host.clone(), error);
        let stream = TcpStream::connect(address).await.map_err(refused)?;
        stream.set_nodelay(true).map_err(refused)?;
        let (requests, connection) = handshake(TokioIo::new(stream)).await?;
        // Ends with the client; what goes wrong on it is reported by the request it goes wrong for.
        tokio::spawn(connection);
        Ok(Self { host, bearer: key.map(|key| format!("Bearer {key}")), agent: None, requests })
    }

    /// Requests say they come from this user agent.
    #[must_use]
    pub fn with_agent(mut self, agent: &'static str) -> Self {
        self.agent = Some(agent);
        self
    }

    /// `GET path`.
    pub async fn get(&mut self, path: &str) -> Result<Answer, HttpError> {
        self.send(Method::GET, path, "", Bytes::new()).await
    }

    /// Sends a body of the given type with any method.
    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        content_type: &str,
        body: impl Into<Bytes>,
    ) -> Result<Answer, HttpError> {
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, &self.host);
        if let Some(bearer) = &self.bearer {
            request = request.header(header::AUTHORIZATION, bearer);
        }
        if let Some(agent) = self.agent {
            request = request.header(header::USER_AGENT, agent);
        }
        if !content_type.is_empty() {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        self.requests.ready().await?;
        let response = self.requests.send_request(request.body(Full::new(body.into()))?).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        Ok(Answer { status, body })
    }
}
