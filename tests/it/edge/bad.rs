//! Requests that are wrong, odd or hostile.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::house::House;

static HOUSE: LazyLock<House> = LazyLock::new(House::open);

#[test]
fn other_methods_find_nothing() {
    let house = House::open();
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW", "TRACE"] {
        for path in ["/o/x.gif", "/c/x"] {
            let reply = house.connect().ask(&format!("{method} {path} HTTP/1.1\r\nHost: t\r\n\r\n"));
            assert_eq!((reply.status, reply.body.len()), (404, 0), "{method} {path}");
        }
    }
    assert_eq!(house.metric(r#"vigie_edge_requests_total{route="click",status="404"}"#), Some(7));
}

#[test]
fn everything_else_is_an_empty_404() {
    let house = House::open();
    for request in ["GET /", "GET /o", "POST /x", "GET /metrics", "OPTIONS *", "GET /C/x", "CONNECT t:443"] {
        let reply = house.connect().ask(&format!("{request} HTTP/1.1\r\nHost: t\r\n\r\n"));
        assert_eq!((reply.status, reply.body.len()), (404, 0), "{request}");
    }
}

#[test]
fn long_targets_and_heads_are_refused_by_their_names() {
    let house = House::open();
    assert_eq!(house.get(&format!("/o/{}", "a".repeat(2045))).status, 200);
    assert_eq!(house.get(&format!("/o/{}", "a".repeat(9000))).status, 200, "a pixel is always answered");
    assert_eq!(house.get(&format!("/c/{}", "a".repeat(2045))).status, 404);
    assert_eq!(house.get(&format!("/c/{}", "a".repeat(2046))).status, 414);
    assert_eq!(house.get(&format!("/c/x?{}", "a".repeat(4000))).status, 414);
    for size in [17_000, 100_000] {
        let request = format!("GET /o/x HTTP/1.1\r\nHost: t\r\nX: {}\r\n\r\n", "a".repeat(size));
        let mut client = house.connect();
        assert_eq!(client.ask(&request).status, 431, "{size}");
        client.finish();
        assert!(client.ends());
    }
    let many = "X: y\r\n".repeat(101);
    let request = format!("GET /o/x HTTP/1.1\r\nHost: t\r\n{many}\r\n");
    assert_eq!(house.connect().ask(&request).status, 431);
    house.wait_for(r#"vigie_edge_requests_total{route="nowhere",status="431"}"#, 3);
}

#[test]
fn requests_that_two_servers_could_read_differently_end_the_connection() {
    let house = House::open();
    let smuggled = "GET /o/smuggled HTTP/1.1\r\nHost: t\r\n\r\n";
    let odd = [
        "POST /o/x HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /o/x HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        "POST /o/x HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "POST /o/x HTTP/1.1\r\nHost: t\r\nContent-Length: +5\r\n\r\nhello",
        "POST /o/x HTTP/1.1\r\nHost: t\r\nContent-Length: 5, 6\r\n\r\nhello",
        "POST /o/x HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "POST /o/x HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "POST /o/x HTTP/1.0\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET /o/x HTTP/1.1\r\nHost : t\r\n\r\n",
        "GET /o/x HTTP/1.1\r\nHost: t\r\nX: a\r\n b\r\n\r\n",
        "GET /o/x HTTP/1.1\r\nHost: t\r\nX: \0\r\n\r\n",
        "GET  /o/x HTTP/1.1\r\nHost: t\r\n\r\n",
        "GET /o/x\r\n\r\n",
        "GET /o/x HTTP/3.0\r\n\r\n",
        "\x16\x03\x01\x02\0\x01\0\x01\r\n\r\n",
    ];
    for request in odd {
        let mut client = house.connect();
        let reply = client.ask(&format!("{request}{smuggled}"));
        assert_eq!((reply.status, reply.body.len()), (400, 0), "{request:?}");
        client.finish();
        assert!(client.ends(), "{request:?}");
    }
    let bad = u64::try_from(odd.len()).expect("few");
    house.wait_for(r#"vigie_edge_requests_total{route="nowhere",status="400"}"#, bad);
}

#[test]
fn a_body_nobody_asked_for_does_not_lose_the_answer() {
    let house = House::open();
    let mut client = house.connect();
    client.send("POST /o/x HTTP/1.1\r\nHost: t\r\nContent-Length: 300000\r\n\r\n");
    client.send(vec![b'x'; 300_000]);
    assert_eq!(client.reply(false).status, 404);
}

proptest! {
    #[test]
    fn every_path_has_the_answer_of_the_contract(path in "/([oc]/)?[!$-;=?-Z_a-z~]{0,60}", long in 0_usize..40) {
        let target = format!("{path}{}", "a".repeat(long.saturating_sub(30) * 300));
        let path = path.split('?').next().expect("a first part");
        let is_pixel = path.starts_with("/o/") || path.starts_with("/p/");
        let expected = if is_pixel { 200 } else if target.len() > 2048 { 414 } else { 404 };
        let reply = HOUSE.get(&target);
        prop_assert_eq!(reply.status, expected);
    }

    #[test]
    fn no_bytes_bring_the_listener_down(junk in proptest::collection::vec(any::<u8>(), 1..400)) {
        let mut client = HOUSE.connect();
        client.send(&junk);
        client.finish();
        while !client.ends() {}
        prop_assert_eq!(HOUSE.get("/o/x").status, 200);
    }
}
