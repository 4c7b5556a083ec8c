//! One form posted over HTTP/1.1: a connection, a question, a short answer.
//!
//! hyper is in the house already; a whole HTTP client would bring pools, redirects and cookies that a request an hour
//! should not have.

use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, CONNECTION, CONTENT_TYPE, HOST};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::task::JoinSet;
use tokio::time::Instant;
use url::{Position, Url};

use crate::watch::imap::dial::Roots;
use crate::watch::imap::wire::Io;

/// The longest answer read, and the longest head of one. Tokens are some 2 KiB.
const LONGEST: usize = 64 * 1024;

/// Posts a form; an error is a sentence.
pub(super) async fn form(
    url: &Url,
    form: String,
    roots: &Roots,
    patience: Duration,
) -> Result<(StatusCode, Bytes), String> {
    let stream = connect(url, roots, Instant::now() + patience).await?;
    let mut builder = http1::Builder::new();
    builder.max_buf_size(LONGEST);
    let (mut sender, connection) =
        builder.handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    // Ends with this function.
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let request = Request::post(&url[Position::BeforePath..Position::AfterQuery])
        .header(HOST, &url[Position::BeforeHost..Position::AfterPort])
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(ACCEPT, "application/json")
        .header(CONNECTION, "close")
        .body(Full::new(Bytes::from(form)))
        .map_err(|error| error.to_string())?;
    let (head, body) = sender.send_request(request).await.map_err(|error| error.to_string())?.into_parts();
    let body = Limited::new(body, LONGEST).collect().await.map_err(|error| error.to_string())?;
    Ok((head.status, body.to_bytes()))
}

async fn connect(url: &Url, roots: &Roots, end: Instant) -> Result<Box<dyn Io>, String> {
    let host = url.host_str().ok_or("the token endpoint has no host")?;
    // An IPv6 address stands in brackets there.
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = url.port_or_known_default().ok_or("the token endpoint has no port")?;
    let encrypted = url.scheme() == "https";
    let stream = roots.connect(host, port, !encrypted, end).await.map_err(|trouble| trouble.to_string())?;
    if encrypted {
        let stream = roots.handshake(host, stream, end).await.map_err(|trouble| trouble.to_string())?;
        return Ok(Box::new(stream));
    }
    Ok(Box::new(stream))
}
