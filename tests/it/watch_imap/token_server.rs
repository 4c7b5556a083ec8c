//! A token server, as OAuth 2 knows them.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use vigie::redact::Secret;
use vigie::watch::imap::{Grant, Roots, TokenSource};

/// A token server that gives these answers in turn, the last one for ever.
pub struct TokenServer {
    endpoint: String,
    forms: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl TokenServer {
    /// Starts on a free port.
    pub async fn answering(answers: Vec<String>) -> TokenServer {
        TokenServer::start(answers, None).await
    }

    /// Starts on a free port, and speaks TLS.
    pub async fn encrypted(answers: Vec<String>, acceptor: TlsAcceptor) -> TokenServer {
        TokenServer::start(answers, Some(acceptor)).await
    }

    async fn start(answers: Vec<String>, acceptor: Option<TlsAcceptor>) -> TokenServer {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
        let addr = listener.local_addr().expect("it is bound");
        let scheme = if acceptor.is_some() { "https" } else { "http" };
        let endpoint = format!("{scheme}://localhost:{}/token", addr.port());
        let forms = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = JoinSet::new();
        let kept = Arc::clone(&forms);
        tasks.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                match &acceptor {
                    None => talk(stream, &answers, &kept).await,
                    Some(acceptor) => {
                        if let Ok(stream) = acceptor.accept(stream).await {
                            talk(stream, &answers, &kept).await;
                        }
                    }
                }
            }
        });
        TokenServer { endpoint, forms, _tasks: tasks }
    }

    /// Every request that came.
    pub fn forms(&self) -> Vec<String> {
        self.forms.lock().expect("nobody panics with it").clone()
    }

    /// A consent that it knows.
    pub fn grant(&self) -> Grant {
        Grant {
            endpoint: self.endpoint.parse().expect("a good address"),
            client_id: "gate way".into(),
            client_secret: Some(Secret::new("s&cret")),
            refresh_token: Secret::new("refresh-1"),
            scope: None,
            deadline: Duration::from_secs(5),
        }
    }

    /// A source of its tokens, and the refresh tokens that this hands on.
    pub fn source(&self) -> (Arc<TokenSource>, Arc<Mutex<Vec<String>>>) {
        self.source_trusting(None)
    }

    /// The same, if one trusts the certificate in this file.
    pub fn source_trusting(&self, ca: Option<&Path>) -> (Arc<TokenSource>, Arc<Mutex<Vec<String>>>) {
        let rotated = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&rotated);
        let tell =
            Arc::new(move |secret: Secret| kept.lock().expect("one task").push(secret.expose().to_owned()));
        let source = TokenSource::new(self.grant(), Roots::load(ca).expect("a good file"), tell);
        (Arc::new(source.expect("a good address")), rotated)
    }
}

/// Reads a request and gives the answer whose turn it is.
async fn talk(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    answers: &[String],
    kept: &Mutex<Vec<String>>,
) {
    let mut request = Vec::new();
    while !is_whole(&request) && stream.read_buf(&mut request).await.is_ok_and(|read| read > 0) {}
    let number = {
        let mut forms = kept.lock().expect("nobody panics with it");
        forms.push(String::from_utf8_lossy(&request).into_owned());
        forms.len()
    };
    let answer = &answers[number.min(answers.len()) - 1];
    // The other side may have had enough.
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// Whether head and body of a request are there.
fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    length.is_some_and(|length| body.len() >= length)
}

/// An answer with this body.
pub fn answer(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// An answer with this token, which lives for so many seconds.
pub fn granting(token: &str, seconds: u64) -> String {
    answer(
        "200 OK",
        &json!({ "access_token": token, "expires_in": seconds, "token_type": "Bearer" }).to_string(),
    )
}
