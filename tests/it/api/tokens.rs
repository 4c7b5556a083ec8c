//! Minting tokens.

use serde_json::json;
use vigie::model::SendId;
use vigie::token::{Kind, Token, day};

use super::house::{House, name};

#[tokio::test]
async fn a_minted_token_verifies_and_says_what_was_asked() {
    let house = House::open().await;
    let wanted = json!({
        "brand": "demo", "email": "marie@example.org", "kind": "open", "send": "s-1",
        "expires": "2026-03-10T12:00:00Z",
    });
    let minted = house.producer().post("/v1/tokens", &wanted).await.with(200);
    let text = minted["token"].as_str().expect("a token");
    assert_eq!(minted["url"], format!("https://t.demo.example/o/{text}.gif"));
    let html = minted["html"].as_str().expect("an element");
    assert!(html.starts_with("<img ") && html.contains(minted["url"].as_str().expect("an address")));
    let last_day = day("2026-03-10T00:00:00Z".parse().expect("a moment"));
    let (token, _) =
        Token::verify(text.as_bytes(), Kind::Open, last_day, &house.ring).expect("valid that day");
    assert_eq!(token.recipient, house.identity.of_address("marie@example.org").expect("an address"));
    assert_eq!(token.send, Some(SendId::derive(&name("demo"), "s-1")));
    assert!(Token::verify(text.as_bytes(), Kind::Open, last_day + 1, &house.ring).is_err());
}

#[tokio::test]
async fn every_kind_has_its_address() {
    let house = House::open().await;
    let recipient = house.identity.of_address("marie@example.org").expect("an address").to_string();
    for (kind, path) in [("beacon", "/b/"), ("unsubscribe", "/u/"), ("click", "/c/")] {
        let mut wanted = json!({"brand": "demo", "recipient": recipient, "kind": kind});
        if kind == "click" {
            wanted["to"] = "https://pay.example/?case=1".into();
        }
        let minted = house.producer().post("/v1/tokens", &wanted).await.with(200);
        let token = minted["token"].as_str().expect("a token");
        assert_eq!(minted["url"], format!("https://t.demo.example{path}{token}"));
        if kind == "click" {
            let (read, _) = Token::read(token.as_bytes(), &house.ring).expect("valid");
            assert_eq!(read.destination, "https://pay.example/?case=1");
        }
    }
}

#[tokio::test]
async fn bad_wishes_are_refused() {
    let house = House::open().await;
    let email = "marie@example.org";
    for (wanted, status, field) in [
        (json!({"brand": "demo", "email": email, "kind": "partner"}), 422, "kind"),
        (json!({"brand": "demo", "email": email}), 422, "kind"),
        (json!({"brand": "demo", "kind": "open"}), 422, "email"),
        (json!({"email": email, "kind": "open"}), 422, "brand"),
        (json!({"partner": "news", "email": email, "kind": "open"}), 422, "partner"),
        (json!({"brand": "other", "email": email, "kind": "open"}), 403, "brand"),
        (json!({"brand": "demo", "email": email, "kind": "click"}), 422, "to"),
        (json!({"brand": "demo", "email": email, "kind": "open", "to": "https://a.example"}), 422, "to"),
        (
            json!({"brand": "demo", "email": email, "kind": "open", "expires": "2026-03-01T00:00:00Z"}),
            422,
            "expires",
        ),
    ] {
        assert_eq!(
            house.producer().post("/v1/tokens", &wanted).await.problem(status)["field"],
            field,
            "{wanted}"
        );
    }
    let long = format!("https://a.example/{}", "x".repeat(1500));
    for to in [
        "javascript:alert(1)",
        "data:text/html,x",
        "//evil.example",
        "https:evil.example",
        "\\\\evil.example",
        "https:\\\\evil.example",
        "https://a.example\r\nSet-Cookie: x",
        "https://user:pass@a.example/",
        "https://a.example/ b",
        "https://",
        "ftp://a.example",
        &long,
    ] {
        let wanted = json!({"brand": "demo", "email": email, "kind": "click", "to": to});
        assert_eq!(
            house.producer().post("/v1/tokens", &wanted).await.problem(422)["field"],
            "to",
            "{to:.40}"
        );
    }
    let no_ring = json!({"brand": "other", "email": email, "kind": "open"});
    assert_eq!(house.operator().post("/v1/tokens", &no_ring).await.problem(422)["field"], "brand");
}

#[tokio::test]
async fn tokens_in_bulk_answer_line_by_line() {
    let house = House::open().await;
    let good = json!({"brand": "demo", "email": "marie@example.org", "kind": "open"});
    let bad = json!({"brand": "demo", "email": "marie", "kind": "open"});
    let lines = house.producer().bulk("/v1/tokens", &format!("{good}\n{bad}\n{good}")).await.lines();
    assert_eq!(lines.len(), 3);
    assert_eq!((&lines[0]["status"], &lines[1]["status"]), (&json!(200), &json!(422)));
    assert_eq!(lines[1]["problem"]["field"], "email");
    assert_eq!((&lines[2]["line"], &lines[2]["token"]), (&json!(3), &lines[0]["token"]));
}
