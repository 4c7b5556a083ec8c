//! `edge.trusted_proxies`: who may say who their clients are.

use vigie::config;
use vigie::token::Token;

use super::house::{BROWSER, House, brand, edge_config, open};

/// An address of Exchange Online Protection: whatever comes from there is a scanner's.
const SCANNER: &str = "40.107.0.1";

const SCANNED: &str = r#"vigie_signals_total{source="open",verdict="scanner"}"#;

fn house(trusted: &[&str], header: &str) -> House {
    let trusted_proxies = trusted.iter().map(|net| net.parse().expect("a network")).collect();
    House::with(&config::Edge { trusted_proxies, client_ip_header: header.into(), ..edge_config() }, 100)
}

/// A browser fetches a pixel, with this header; whether it is taken for a scanner.
fn is_scanner(house: &mut House, header: &str) -> bool {
    let token = house.mint(&Token { send: None, ..open(7) }, &brand("demo"));
    let before = house.metric(SCANNED);
    let request = format!("GET /o/{token} HTTP/1.1\r\nHost: t\r\nUser-Agent: {BROWSER}\r\n{header}\r\n\r\n");
    assert_eq!(house.connect().ask(&request).status, 200);
    let scanned = house.metric(SCANNED) > before;
    if !scanned {
        house.signal();
    }
    scanned
}

#[test]
fn a_trusted_proxy_is_believed() {
    let mut house = house(&["127.0.0.0/8"], "X-Forwarded-For");
    assert!(is_scanner(&mut house, &format!("X-Forwarded-For: {SCANNER}")));
    assert!(is_scanner(&mut house, &format!("x-forwarded-for: 203.0.113.1, {SCANNER}, 127.0.0.2")));
    assert!(
        !is_scanner(&mut house, &format!("X-Forwarded-For: {SCANNER}, 203.0.113.1")),
        "the first is claimed"
    );
    assert!(!is_scanner(&mut house, &format!("X-Real-IP: {SCANNER}")), "another header");
}

#[test]
fn anybody_else_is_not() {
    for trusted in [&[][..], &["192.0.2.0/24"]] {
        let mut house = house(trusted, "X-Forwarded-For");
        assert!(!is_scanner(&mut house, &format!("X-Forwarded-For: {SCANNER}")), "{trusted:?}");
    }
}

#[test]
fn other_headers_can_be_chosen() {
    let mut forwarded = house(&["127.0.0.1/32"], "Forwarded");
    assert!(is_scanner(&mut forwarded, &format!("Forwarded: for=\"{SCANNER}:4711\";proto=https")));
    let mut real = house(&["127.0.0.1/32"], "x-real-ip");
    assert!(is_scanner(&mut real, &format!("X-Real-IP: {SCANNER}")));
    assert!(
        !is_scanner(&mut real, &format!("X-Real-IP: {SCANNER}\r\nX-Real-IP: {SCANNER}")),
        "two say nothing"
    );
}
