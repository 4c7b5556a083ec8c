//! `edge.proxy_protocol`: a load balancer introduces its clients.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use vigie::config::{self, ProxyProtocol};
use vigie::token::Token;

use super::house::{BROWSER, Client, House, brand, edge_config, open};

const PIXEL: &str = "GET /o/x HTTP/1.1\r\nHost: t\r\n\r\n";

const REFUSED: &str = r#"vigie_edge_connections_refused_total{reason="proxy"}"#;

fn config(version: ProxyProtocol, trusted: &[&str]) -> config::Edge {
    let trusted = trusted.iter().map(|net| net.parse().expect("a network")).collect();
    config::Edge {
        proxy_protocol: version,
        trusted_proxies: trusted,
        max_connections_per_address: 2,
        header_timeout: Duration::from_secs(1),
        ..edge_config()
    }
}

/// A version 2 header for this client, as `HAProxy` writes it with `send-proxy-v2`.
fn introduction(client: Ipv4Addr) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
    header.extend(client.octets());
    header.extend([10, 0, 0, 1, 0x9c, 0x40, 0, 80]);
    header
}

fn introduce(house: &House, client: [u8; 4]) -> Client {
    let mut connection = house.connect();
    connection.send(introduction(client.into()));
    connection
}

#[test]
fn every_client_has_a_share_of_its_own() {
    let house = House::with(&config(ProxyProtocol::V2, &["127.0.0.0/8"]), 100);
    let mut guests: Vec<_> =
        [[203, 0, 113, 1], [203, 0, 113, 1], [203, 0, 113, 2]].map(|client| introduce(&house, client)).into();
    assert!(guests.iter_mut().all(|guest| guest.ask(PIXEL).status == 200));
    let mut third = introduce(&house, [203, 0, 113, 1]);
    third.send(PIXEL);
    assert!(third.ends(), "two connections of one client are its share");
    assert_eq!(house.metric(r#"vigie_edge_connections_refused_total{reason="address"}"#), Some(1));
    assert_eq!(house.metric(REFUSED), Some(0));
}

#[test]
fn the_introduced_address_is_what_requests_are_judged_by() {
    let mut house = House::with(&config(ProxyProtocol::V2, &["127.0.0.0/8"]), 100);
    let token = house.mint(&Token { send: None, ..open(7) }, &brand("demo"));
    let request = format!("GET /o/{token} HTTP/1.1\r\nHost: t\r\nUser-Agent: {BROWSER}\r\n\r\n");
    // Exchange Online Protection, which filters mail for others.
    introduce(&house, [40, 107, 0, 1]).ask(&request);
    assert_eq!(house.metric(r#"vigie_signals_total{source="open",verdict="scanner"}"#), Some(1));
    introduce(&house, [203, 0, 113, 1]).ask(&request);
    house.signal();
    // The balancer's own look whether we are alive.
    let mut alive = house.connect();
    alive.send(b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0");
    assert_eq!(alive.ask("GET / HTTP/1.1\r\nHost: t\r\n\r\n").status, 404);
}

#[test]
fn the_older_version_is_a_line_of_text() {
    let house = House::with(&config(ProxyProtocol::V1, &[]), 100);
    let mut client = house.connect();
    client.send("PROXY TCP4 203.0.113.1 10.0.0.1 40000 80\r\n");
    assert_eq!(client.ask(PIXEL).status, 200);
    let mut other = introduce(&house, [203, 0, 113, 1]);
    assert!(other.ends(), "the other version is not spoken");
}

#[test]
fn nobody_is_served_who_was_not_introduced() {
    let house = House::with(&config(ProxyProtocol::V2, &["127.0.0.1"].map(|_| "127.0.0.1/32")), 100);
    let mut plain = house.connect();
    plain.send(PIXEL);
    assert!(plain.ends());
    let mut cut = house.connect();
    cut.send(&introduction(Ipv4Addr::LOCALHOST)[..20]);
    cut.finish();
    assert!(cut.ends());
    let start = Instant::now();
    let mut silent = house.connect();
    assert!(silent.ends());
    assert!(start.elapsed() >= Duration::from_secs(1), "cut after {:?}", start.elapsed());
    house.wait_for(REFUSED, 3);
    house.wait_for("vigie_edge_connections", 0);
}

#[test]
fn strangers_may_introduce_nobody() {
    let house = House::with(&config(ProxyProtocol::V2, &["192.0.2.0/24"]), 100);
    let mut stranger = introduce(&house, [203, 0, 113, 1]);
    let _ = stranger.try_send(PIXEL);
    assert!(stranger.ends());
    house.wait_for(REFUSED, 1);
}
