use std::time::Duration;

use super::*;

fn proxies(header: &str, trusted: &[&str]) -> Proxies {
    Proxies::new(&config::Edge {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        threads: 1,
        max_connections: 1,
        max_connections_per_address: 1,
        header_timeout: Duration::from_secs(1),
        request_timeout: Duration::from_secs(1),
        max_target: 2048,
        max_head: 8192,
        origins: Vec::new(),
        trusted_proxies: trusted.iter().map(|net| net.parse().expect("a network")).collect(),
        client_ip_header: header.to_owned(),
        proxy_protocol: ProxyProtocol::Off,
    })
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// Who it is, as text, when `peer` sends these values of the header.
fn who(proxies: &Proxies, peer: &str, values: &[&'static str]) -> Option<String> {
    let headers =
        values.iter().map(|value| (proxies.header.clone(), HeaderValue::from_static(value))).collect();
    proxies.client(proxies.peer(Some(ip(peer))), &headers).map(|address| address.to_string())
}

#[test]
fn an_untrusted_peer_is_its_own_witness() {
    for trusted in [&[][..], &["10.0.0.0/8"]] {
        let proxies = proxies("X-Forwarded-For", trusted);
        assert_eq!(who(&proxies, "198.51.100.7", &["203.0.113.1"]).as_deref(), Some("198.51.100.7"));
        assert_eq!(who(&proxies, "::ffff:198.51.100.7", &[]).as_deref(), Some("198.51.100.7"));
        assert_eq!(who(&proxies, "192.168.1.2", &["203.0.113.1"]), None, "private, and not trusted");
    }
}

#[test]
fn the_last_address_that_is_no_proxys_counts() {
    let proxies = proxies("X-Forwarded-For", &["10.0.0.0/8", "2001:db8:1::/48"]);
    let who = |values: &[&'static str]| who(&proxies, "10.0.0.1", values);
    let public = Some("203.0.113.1");
    assert_eq!(who(&["203.0.113.1"]).as_deref(), public);
    assert_eq!(
        who(&["1.1.1.1, 203.0.113.1 ,10.9.9.9, 2001:db8:1::5"]).as_deref(),
        public,
        "the first is claimed"
    );
    assert_eq!(who(&["1.1.1.1", "203.0.113.1, 10.2.2.2"]).as_deref(), public, "several headers are one list");
    assert_eq!(who(&["203.0.113.1:8080"]).as_deref(), public);
    assert_eq!(who(&["[2001:db8::7]:443"]).as_deref(), Some("2001:db8::7"));
    assert_eq!(who(&["[2001:db8::7]"]).as_deref(), Some("2001:db8::7"));
    for nobody in
        ["", "unknown", "203.0.113.1, unknown", "203.0.113.1,", "10.1.1.1", "203.0.113.1, 192.168.0.9"]
    {
        assert_eq!(who(&[nobody]), None, "{nobody:?}");
    }
    assert_eq!(who(&[]), None);
}

#[test]
fn the_standard_header_is_read_too() {
    let proxies = proxies("Forwarded", &["10.0.0.0/8"]);
    let who = |values: &[&'static str]| who(&proxies, "10.0.0.1", values);
    assert_eq!(
        who(&["for=1.1.1.1, For=203.0.113.1;proto=https;by=10.0.0.1"]).as_deref(),
        Some("203.0.113.1")
    );
    assert_eq!(who(&["proto=http; for=\"[2001:db8::7]:4711\""]).as_deref(), Some("2001:db8::7"));
    assert_eq!(
        who(&["for=\"x, for=203.0.113.1"]).as_deref(),
        Some("203.0.113.1"),
        "a quote left open by the client"
    );
    for nobody in ["for=_hidden", "for=unknown", "by=203.0.113.1", "203.0.113.1"] {
        assert_eq!(who(&[nobody]), None, "{nobody:?}");
    }
}

#[test]
fn a_header_with_one_address_has_one() {
    let proxies = proxies("X-Real-IP", &["10.0.0.1/32"]);
    assert_eq!(who(&proxies, "10.0.0.1", &["203.0.113.1"]).as_deref(), Some("203.0.113.1"));
    assert_eq!(who(&proxies, "10.0.0.1", &["203.0.113.1, 203.0.113.2"]), None);
    assert_eq!(who(&proxies, "10.0.0.1", &["203.0.113.1", "203.0.113.2"]), None);
    assert_eq!(who(&proxies, "10.0.0.2", &["203.0.113.1"]), None, "not the trusted one");
}

#[test]
fn private_addresses_say_nothing() {
    let none = [
        "127.0.0.1",
        "10.1.2.3",
        "172.31.0.1",
        "192.168.0.1",
        "169.254.1.1",
        "100.64.0.1",
        "100.127.255.255",
        "0.0.0.0",
        "255.255.255.255",
        "224.0.0.1",
        "::",
        "::1",
        "fd00::1",
        "fe80::1",
        "ff02::1",
        "::ffff:10.0.0.1",
    ];
    assert!(none.iter().all(|text| public(ip(text)).is_none()));
    for some in ["100.63.0.1", "100.128.0.1", "172.32.0.1", "8.8.8.8", "2001:db8::1"] {
        assert_eq!(public(ip(some)), Some(ip(some)));
    }
}

#[test]
fn that_nobody_is_known_is_said_once_and_no_address_is_shown() {
    let proxies = proxies("X-Forwarded-For", &[]);
    let peer = proxies.peer(Some(ip("192.168.1.2")));
    assert!(!proxies.said.load(Ordering::Relaxed));
    proxies.client(proxies.peer(Some(ip("198.51.100.7"))), &HeaderMap::new());
    assert!(!proxies.said.load(Ordering::Relaxed));
    proxies.client(peer, &HeaderMap::new());
    assert!(proxies.said.load(Ordering::Relaxed));
    assert!(!format!("{:?}", proxies.peer(Some(ip("198.51.100.7")))).contains("198"));
}
