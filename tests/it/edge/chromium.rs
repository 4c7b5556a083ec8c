//! `/b.js` in a real browser, on a page of another origin with a strict policy.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use hyper::Method;
use serde_json::{Value, json};
use vigie::intake::Report;
use vigie::model::{Leaving, RecipientId};
use vigie::token::{Kind, Token};

use super::house::{House, brand, edge_config, open};
use crate::support::browser::Browser;
use crate::support::gateway::Gateway;
use crate::support::wait::{SOON, wait_until};

/// A portal: every path of it shows one page, which may load and send nothing but what the edge is for.
fn portal(edge: SocketAddr, token: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    let page = format!(
        "<!doctype html><title>Portal</title><p>Your account</p><script src=\"http://{edge}/b.js\" data-token=\"{token}\" async></script>"
    );
    let policy = format!("default-src 'none'; script-src http://{edge}; connect-src http://{edge}");
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Security-Policy: {policy}\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{page}",
        page.len()
    );
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            show(stream, &answer);
        }
    });
    format!("http://{address}/account")
}

fn show(mut stream: TcpStream, answer: &str) {
    let mut request: Vec<u8> = Vec::new();
    let mut part = [0; 1024];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut part) {
            Ok(read @ 1..) => request.extend(&part[..read]),
            _ => return,
        }
    }
    // A browser that has gone needs no answer.
    let _ = stream.write_all(answer.as_bytes());
}

/// The reason of the next signal's judgement; none if somebody left.
fn next(house: &mut House) -> Option<&'static str> {
    match house.report() {
        Report::Seen(signal) => Some(signal.judgement.settled().reason),
        Report::Gone(who, leaving) => {
            assert_eq!((who, leaving), (RecipientId([7; 16]), Leaving::Left));
            None
        }
    }
}

#[test]
fn real_browsers_say_what_their_users_do() {
    let mut house = House::with(&edge_config(), 100);
    let token = house.mint(&Token { kind: Kind::Beacon, send: None, ..open(7) }, &brand("demo"));
    let page = portal(house.address, &token);
    let mut browser = Browser::start();
    browser.go(&page);
    assert_eq!(next(&mut house), Some("page:visible"));
    browser.click();
    assert_eq!(next(&mut house), Some("page:activated"), "the first click is told at once");
    browser.click();
    browser.go("about:blank");
    assert_eq!(next(&mut house), None, "and no other, only that the page is left");
    browser.go(&page);
    assert_eq!(next(&mut house), Some("page:visible"), "a new page, on which nobody has done anything");
    browser.turn_away();
    assert_eq!(next(&mut house), None);
    drop(browser);
    assert!(house.no_more_signals(), "each is said once");
    assert_eq!(
        house.metric(r#"vigie_edge_requests_total{route="script",status="200"}"#),
        Some(1),
        "it is cached"
    );
}

const PERSON: &str = "canary-portal@example.test";

async fn online(gateway: &Gateway) -> Value {
    gateway.call(Method::POST, "/v1/recipients/lookup", &json!({"email": PERSON})).await.json()
}

#[tokio::test]
async fn real_pages_in_view_fire_and_hidden_ones_are_away() {
    let gateway = Gateway::start(&[]).await;
    gateway.queue("held", PERSON).await;
    let minted = gateway.mint(&json!({"brand": "demo", "email": PERSON, "kind": "beacon"})).await;
    let page = portal(gateway.edge(), minted["token"].as_str().expect("a token"));
    let mut browser = Browser::start();
    browser.go(&page);
    gateway.reaches("held", "sent").await;
    let person = online(&gateway).await;
    assert_eq!((&person["online"], &person["source"]), (&json!(true), &json!("beacon")), "{person}");
    browser.go("about:blank");
    wait_until("they are away", SOON, async || (online(&gateway).await["online"] == false).then_some(()))
        .await;
    browser.go(&page);
    wait_until("they are back", SOON, async || (online(&gateway).await["online"] == true).then_some(()))
        .await;
    browser.turn_away();
    wait_until("they are away", SOON, async || (online(&gateway).await["online"] == false).then_some(()))
        .await;
}
