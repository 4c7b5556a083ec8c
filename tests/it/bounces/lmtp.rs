//! The LMTP listener, spoken to by hand.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use vigie::config::LmtpAddress;
use vigie::lmtp::{Door, serve};

use super::report::{failed, letter, returned};
use crate::api::house::{House, send};
use crate::support::wait::SOON;

const MARIE: &str = "canary-marie@example.org";

/// Somebody who speaks LMTP.
struct Peer<S>(BufReader<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    async fn greeted(stream: S) -> Self {
        let mut peer = Self(BufReader::new(stream));
        assert!(peer.hear().await.starts_with("220 "));
        peer
    }

    async fn hear(&mut self) -> String {
        let mut line = String::new();
        timeout(SOON, self.0.read_line(&mut line)).await.expect("it answers").expect("readable");
        line
    }

    async fn write(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.expect("writable");
        self.0.flush().await.expect("writable");
    }

    /// Says a command and hears one line.
    async fn say(&mut self, command: &str) -> String {
        self.write(&format!("{command}\r\n")).await;
        self.hear().await
    }

    /// Brings a mail, and hears the answer for its one recipient.
    async fn bring(&mut self, to: &str, mail: &str) -> String {
        assert!(self.say("MAIL FROM:<>").await.starts_with("250 "));
        assert!(self.say(&format!("RCPT TO:<{to}>")).await.starts_with("250 "));
        assert!(self.say("DATA").await.starts_with("354 "));
        self.say(&format!("{mail}\r\n.")).await
    }
}

/// A listener in front of a house.
struct Listener {
    at: SocketAddr,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl Listener {
    async fn before(house: &House) -> Listener {
        let any = LmtpAddress::Tcp(SocketAddr::from(([127, 0, 0, 1], 0)));
        let door = Door::bind(&any).await.expect("a free port");
        let Door::Tcp(listener) = &door else { panic!("a port") };
        let (at, stop) = (listener.local_addr().expect("bound"), CancellationToken::new());
        let serving = tokio::spawn(serve(door, house.doors.bounces.clone(), stop.clone()));
        Listener { at, stop, serving }
    }

    async fn peer(&self) -> Peer<TcpStream> {
        Peer::greeted(TcpStream::connect(self.at).await.expect("it listens")).await
    }
}

async fn suppressed(house: &House) -> bool {
    let who = json!({"email": MARIE});
    house.operator().post("/v1/recipients/lookup", &who).await.with(200).get("suppressions").is_some()
}

#[tokio::test]
async fn whatever_is_brought_is_taken_and_little_believed() {
    let house = House::open().await;
    house.producer().post("/v1/sends", &send("s-1", MARIE)).await.with(202);
    let listener = Listener::before(&house).await;
    let mut peer = listener.peer().await;
    let signed = returned(&house, MARIE);
    for (to, mail) in [
        ("bounces@demo.example", "Subject: away\r\n\r\nI am away".to_owned()),
        ("bounces@demo.example", failed("5.1.1", "X-Vigie-Send: s-1\r\n")),
        ("bounces+nonsense@demo.example", failed("5.1.1", "")),
        ("", String::new()),
        ("bounces@demo.example", failed("4.2.2", &letter(&signed, "s-1"))),
        ("bounces@demo.example", format!("{}\r\n..", "x".repeat(2_000_000))),
    ] {
        assert!(peer.bring(to, &mail).await.starts_with("250 "), "{to}");
        assert!(!suppressed(&house).await, "{to}");
    }
    let verp = format!("bounces+{}@demo.example", signed.to_ascii_uppercase());
    assert!(peer.bring(&verp, &failed("5.1.1", "")).await.starts_with("250 "));
    assert!(suppressed(&house).await);
    let metrics = house.registry.text();
    for (what, times) in [("hard", 1), ("soft", 1), ("unverified", 2), ("ignored", 3)] {
        assert!(
            metrics.contains(&format!("vigie_bounce_mails_total{{what=\"{what}\"}} {times}")),
            "{metrics}"
        );
    }
}

#[tokio::test]
async fn while_the_store_is_away_it_is_to_come_again() {
    let house = House::open().await;
    let listener = Listener::before(&house).await;
    house.store.close().await.expect("it closes");
    let mut peer = listener.peer().await;
    let report = failed("5.1.1", &letter(&returned(&house, MARIE), "s-1"));
    assert!(peer.bring("bounces@demo.example", &report).await.starts_with("451 "));
    assert!(peer.bring("bounces@demo.example", "no report").await.starts_with("250 "));
}

#[tokio::test]
async fn the_dialogue_is_that_of_rfc_2033() {
    let house = House::open().await;
    let listener = Listener::before(&house).await;
    let mut peer = listener.peer().await;
    assert!(peer.say("EHLO mx").await.starts_with("500 "));
    let mut offers = vec![peer.say("LHLO mx").await];
    while offers.last().is_some_and(|line| line.starts_with("250-")) {
        offers.push(peer.hear().await);
    }
    assert!(offers.iter().any(|offer| offer.contains("PIPELINING")), "{offers:?}");
    for (command, code) in [
        ("RCPT TO:<a@b>", "503"),
        ("DATA", "503"),
        ("NONSENSE", "500"),
        ("NOOP", "250"),
        ("VRFY x", "252"),
        ("MAIL FROM:<> BODY=8BITMIME", "250"),
        ("RCPT TO:nobody", "501"),
        ("DATA", "503"),
        ("RSET", "250"),
    ] {
        assert!(peer.say(command).await.starts_with(code), "{command}");
    }
    // One answer for each recipient, all in one write.
    peer.write("MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n").await;
    for code in ["250", "250", "250", "354"] {
        assert!(peer.hear().await.starts_with(code));
    }
    assert!(peer.say("text\r\n.").await.starts_with("250"));
    assert!(peer.hear().await.starts_with("250"));
    assert!(peer.say(&"x".repeat(5000)).await.starts_with("500"));
    let mut other = listener.peer().await;
    listener.stop.cancel();
    assert!(other.hear().await.starts_with("421"));
    timeout(Duration::from_secs(5), listener.serving).await.expect("it ends").expect("well");
}

#[tokio::test]
async fn a_socket_file_that_was_left_is_replaced() {
    let house = House::open().await;
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("lmtp");
    let address = LmtpAddress::Unix(path.clone());
    drop(Door::bind(&address).await.expect("a free name"));
    let door = Door::bind(&address).await.expect("it was left");
    tokio::spawn(serve(door, house.doors.bounces.clone(), CancellationToken::new()));
    let mut peer = Peer::greeted(UnixStream::connect(&path).await.expect("it listens")).await;
    assert!(peer.say("QUIT").await.starts_with("221"));
    assert!(Door::bind(&address).await.is_err(), "somebody listens");
}
