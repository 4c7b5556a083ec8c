//! A server that is told things, and answers as it likes.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::support::wait::{SOON, wait_until};

/// How a request is answered.
#[derive(Debug, Clone)]
pub enum Act {
    /// With this status and perhaps a header.
    Say(u16, Option<(&'static str, String)>),
    /// Never.
    Nothing,
}

/// One request, as it came.
#[derive(Debug, Clone)]
pub struct Post {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Post {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).expect("the header is there").to_str().expect("it is text")
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// Which of the test's own events.
    pub fn number(&self) -> i64 {
        self.json()["data"]["n"].as_i64().expect("a number")
    }
}

type Script = Box<dyn Fn(&Post) -> Act + Send>;

/// Where posts go.
#[derive(Clone)]
pub struct Receiver {
    pub address: SocketAddr,
    script: Arc<Mutex<Script>>,
    posts: Arc<Mutex<Vec<Post>>>,
    _tasks: Arc<JoinSet<()>>,
}

impl Receiver {
    /// One that accepts everything.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let script: Arc<Mutex<Script>> = Arc::new(Mutex::new(Box::new(|_| Act::Say(204, None))));
        let posts: Arc<Mutex<Vec<Post>>> = Arc::default();
        let mut tasks = JoinSet::new();
        let (asked, kept) = (Arc::clone(&script), Arc::clone(&posts));
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (asked, kept) = (Arc::clone(&asked), Arc::clone(&kept));
                let service =
                    service_fn(move |request| answer(request, Arc::clone(&asked), Arc::clone(&kept)));
                connections.spawn(async move {
                    // Whoever posts may hang up.
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { address, script, posts, _tasks: Arc::new(tasks) }
    }

    /// From now on it answers like this.
    pub fn does(&self, script: impl Fn(&Post) -> Act + Send + 'static) {
        *self.script.lock().expect("sound") = Box::new(script);
    }

    /// From now on it says this to everything.
    pub fn says(&self, status: u16) {
        self.does(move |_| Act::Say(status, None));
    }

    /// All that came.
    pub fn posts(&self) -> Vec<Post> {
        self.posts.lock().expect("sound").clone()
    }

    /// The numbers of all that came.
    pub fn numbers(&self) -> Vec<i64> {
        self.posts().iter().map(Post::number).collect()
    }

    /// Waits until so many have come.
    pub async fn hears(&self, many: usize) -> Vec<Post> {
        wait_until(&format!("{many} posts have come"), SOON, async || {
            Some(self.posts()).filter(|posts| posts.len() >= many)
        })
        .await
    }
}

async fn answer(
    request: Request<Incoming>,
    script: Arc<Mutex<Script>>,
    posts: Arc<Mutex<Vec<Post>>>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let post =
        Post { path: head.uri.to_string(), headers: head.headers, body: body.collect().await?.to_bytes() };
    let act = (script.lock().expect("sound"))(&post);
    posts.lock().expect("sound").push(post);
    match act {
        Act::Say(status, header) => {
            let mut response = Response::builder().status(status);
            if let Some((name, value)) = header {
                response = response.header(name, value);
            }
            Ok(response.body(Full::default()).expect("a response"))
        }
        Act::Nothing => {
            tokio::time::sleep(Duration::from_hours(1)).await;
            Ok(Response::new(Full::default()))
        }
    }
}
