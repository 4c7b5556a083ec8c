//! A small HTTP client: one connection for each request, as from so many different people.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::handshake;
use hyper::header::{HOST, HeaderMap};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    /// The body, which must be JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The body's lines, which must be JSON each.
    pub fn lines(&self) -> Vec<Value> {
        let line = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        self.text().lines().map(line).collect()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header as text; empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("our headers are ASCII"))
    }
}

/// Asks and reads the answer; an error if the other side is gone.
pub async fn ask(at: SocketAddr, request: Request<Full<Bytes>>) -> Result<Answer, String> {
    let (head, body) = begin(at, request).await?.into_parts();
    let body = body.collect().await.map_err(|error| format!("{at}: {error}"))?.to_bytes();
    Ok(Answer { status: head.status, headers: head.headers, body })
}

/// Asks and reads the answer's lines as far as they come, which must be JSON each: the other side may be killed in the
/// middle of one.
pub async fn ask_for_lines(at: SocketAddr, request: Request<Full<Bytes>>) -> Vec<Value> {
    let Ok(response) = begin(at, request).await else { return Vec::new() };
    let (mut body, mut read) = (response.into_body(), Vec::new());
    while let Some(Ok(frame)) = body.frame().await {
        read.extend_from_slice(frame.data_ref().map_or(&[], |data| &data[..]));
    }
    let whole = read.iter().rposition(|byte| *byte == b'\n').map_or(&[][..], |end| &read[..end]);
    String::from_utf8_lossy(whole)
        .lines()
        .map(|line| serde_json::from_str(line).expect("each line is JSON"))
        .collect()
}

/// Connects and asks; the body of the answer is still to come.
async fn begin(at: SocketAddr, mut request: Request<Full<Bytes>>) -> Result<Response<Incoming>, String> {
    let said = |error: &dyn std::error::Error| format!("{at}: {error}");
    let stream = tokio::net::TcpStream::connect(at).await.map_err(|error| said(&error))?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|error| said(&error))?;
    // Ends with the answer; what goes wrong on it is reported by the request.
    tokio::spawn(connection);
    let host = at.to_string().parse().expect("an address is a valid header");
    request.headers_mut().insert(HOST, host);
    sender.send_request(request).await.map_err(|error| said(&error))
}

/// The very bytes answered to a request written by hand, without the `Date`, which tells the time and nothing else.
/// The request should ask to close the connection.
pub fn bytes(at: SocketAddr, request: &str) -> Result<String, std::io::Error> {
    let mut stream = TcpStream::connect(at)?;
    stream.set_read_timeout(Some(super::wait::SOON))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    Ok(answer.split_inclusive('\n').filter(|line| !line.to_ascii_lowercase().starts_with("date:")).collect())
}
