//! Listening sockets that a supervisor holds: a gateway that is restarted refuses nobody, and says how it stands.

mod load;

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use hyper::{Method, StatusCode};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::gateway::{Gateway, Passed, api_request};
use crate::support::http::ask;
use crate::support::wait::{SOON, wait_until};
use load::Load;

/// How often the gateway is restarted under load.
const RESTARTS: usize = 3;

/// What mail clients must have got between two restarts.
const PIXELS: u64 = 200;

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_restarted_under_load_refuses_and_resets_nobody() {
    let sockets = Passed::named(&["edge", "api", "ops"]);
    let (edge, api) = (sockets.at("edge"), sockets.at("api"));
    let mut gateway = Gateway::on(sockets, &[("VIGIE__LOG__FILTER", "info")]).await;
    assert_eq!((gateway.edge(), gateway.api()), (edge, api), "it listens on what it was passed");
    let pixel = gateway.pixel("canary-ada@mail.example").await;
    let load = Load::start(edge, &pixel);
    for _ in 0..RESTARTS {
        load.reaches(PIXELS).await;
        gateway.stop().await;
        // Nobody accepts now: the kernel keeps who comes.
        let question = api_request(Method::GET, "/v1/flows", "application/json", String::new());
        let waiting = tokio::spawn(ask(api, question));
        gateway.restart().await;
        let answer = waiting.await.expect("no panic").expect("the next one answers");
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    }
    load.reaches(PIXELS).await;
    load.end().await;
}

#[tokio::test]
async fn whoever_was_accepted_and_has_not_spoken_yet_is_still_heard() {
    let mut gateway = Gateway::on(Passed::named(&["edge", "api", "ops"]), &[]).await;
    let mut doors = Vec::new();
    for (at, request) in [
        (gateway.edge(), "GET /o/x.gif HTTP/1.1\r\nHost: t\r\n\r\n"),
        (gateway.api(), "GET /v1/openapi.json HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"),
    ] {
        doors.push((TcpStream::connect(at).await.expect("it listens"), request));
    }
    wait_until("the edge has accepted", SOON, async || {
        (gateway.metrics().count("vigie_edge_connections", &[]) == 1).then_some(())
    })
    .await;
    gateway.signal("TERM").await;
    wait_until("it stops", SOON, async || gateway.log().contains("stopping:").then_some(())).await;
    for (door, request) in &mut doors {
        door.write_all(request.as_bytes()).await.expect("it is not closed");
        let mut answer = Vec::new();
        timeout(SOON, door.read_to_end(&mut answer)).await.expect("in time").expect("no reset");
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    }
    gateway.ended().await;
}

#[tokio::test]
async fn a_socket_that_nobody_asked_for_stops_the_start() {
    let sockets = Passed::named(&["edge", "web"]);
    let mut command = sockets.command(env!("CARGO_BIN_EXE_vigie"));
    let directory = tempfile::tempdir().expect("a temporary directory");
    let said = command
        .env("VIGIE__API__LISTEN", "127.0.0.1:0")
        .env("VIGIE__OPS__LISTEN", "127.0.0.1:0")
        .current_dir(directory.path())
        .kill_on_drop(true)
        .output();
    let said = timeout(SOON, said).await.expect("it ends").expect("it starts");
    let error = String::from_utf8_lossy(&said.stderr);
    assert_eq!(said.status.code(), Some(78), "{error}");
    assert!(
        error.contains("a socket \"web\" was passed") && error.contains("FileDescriptorName="),
        "{error}"
    );
}

#[tokio::test]
async fn its_supervisor_hears_how_it_stands() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("notify");
    let supervisor = UnixDatagram::bind(&path).expect("a socket");
    supervisor.set_read_timeout(Some(SOON)).expect("a timeout");
    let path = path.to_str().expect("a readable name");
    let settings = [("NOTIFY_SOCKET", path), ("WATCHDOG_USEC", "200000")];
    let mut gateway = Gateway::start(&settings).await;
    assert_eq!(hears(&supervisor), "READY=1\n");
    let ready = gateway.call(Method::GET, "/v1/flows", &Value::Null).await;
    assert_eq!(ready.status, StatusCode::OK);
    assert_eq!(hears(&supervisor), "WATCHDOG=1\n");
    assert_eq!(hears(&supervisor), "WATCHDOG=1\n");
    gateway.signal("HUP").await;
    let reloading = hears_of(&supervisor, "RELOADING=1\n");
    let at = reloading.lines().find_map(|line| line.strip_prefix("MONOTONIC_USEC=")).expect("when it began");
    assert!(Duration::from_micros(at.parse().expect("a number")) > Duration::ZERO);
    hears_of(&supervisor, "READY=1\n");
    gateway.stop().await;
    hears_of(&supervisor, "STOPPING=1\n");
}

/// The next message to the supervisor.
fn hears(supervisor: &UnixDatagram) -> String {
    let mut message = [0; 512];
    let length = supervisor.recv(&mut message).expect("a message in time");
    String::from_utf8_lossy(&message[..length]).into_owned()
}

/// The next message that begins so; only the watchdog's come between.
fn hears_of(supervisor: &UnixDatagram, beginning: &str) -> String {
    loop {
        let message = hears(supervisor);
        if message.starts_with(beginning) {
            return message;
        }
        assert_eq!(message, "WATCHDOG=1\n");
    }
}
