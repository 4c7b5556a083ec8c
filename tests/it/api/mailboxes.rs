//! Which mailboxes may be watched, and what is shown of them.

use serde_json::{Value, json};

use super::house::{House, NOW};

fn order() -> Value {
    json!({"email": "marie@example.org", "host": "imap.example.org", "password": "hunter2", "proof": "form-2"})
}

/// The order with these fields changed; null takes one out.
fn but(changes: &Value) -> Value {
    let mut order = order();
    let fields = order.as_object_mut().expect("an object");
    for (name, value) in changes.as_object().expect("an object") {
        if value.is_null() {
            fields.remove(name);
        } else {
            fields.insert(name.clone(), value.clone());
        }
    }
    order
}

fn oauth() -> Value {
    json!({"token_url": "https://login.example.org/token", "client_id": "vigie", "refresh_token": "hunter2"})
}

#[tokio::test]
async fn a_mailbox_is_registered_found_and_removed() {
    let house = House::open().await;
    let operator = house.operator();
    let person = json!({"email": " Marie@Example.org"});
    assert_eq!(operator.post("/v1/mailboxes/lookup", &person).await.problem(404)["status"], 404);
    let answer = operator.put("/v1/mailboxes", &order()).await;
    let view = answer.with(200);
    for secret in ["hunter2", "marie"] {
        assert!(!answer.text.contains(secret), "{}", answer.text);
    }
    assert_eq!(
        view,
        json!({
            "recipient": view["recipient"], "host": "imap.example.org", "port": 993, "tls": "implicit",
            "login": "password", "proof": "form-2", "since": NOW, "state": "elsewhere",
        })
    );
    assert_eq!(operator.post("/v1/mailboxes/lookup", &person).await.with(200), view);
    assert_eq!(operator.post("/v1/recipients/lookup", &person).await.with(200)["mailbox"], true);
    let other = but(&json!({"password": null, "oauth": oauth(), "tls": "starttls", "user": "m"}));
    let view = operator.put("/v1/mailboxes", &other).await.with(200);
    assert_eq!(
        (&view["port"], &view["login"], &view["tls"]),
        (&json!(143), &json!("oauth"), &json!("starttls"))
    );
    for removed in [true, false] {
        assert_eq!(operator.post("/v1/mailboxes/remove", &person).await.with(200)["removed"], removed);
    }
    assert_eq!(operator.post("/v1/recipients/lookup", &person).await.with(200)["mailbox"], false);
}

#[tokio::test]
async fn only_operators_register_mailboxes() {
    let house = House::open().await;
    for who in ["demo", "signals"] {
        let caller = house.caller(who);
        caller.put("/v1/mailboxes", &order()).await.problem(403);
        caller.post("/v1/mailboxes/lookup", &json!({"email": "a@example.org"})).await.problem(403);
        caller.post("/v1/mailboxes/remove", &json!({"email": "a@example.org"})).await.problem(403);
    }
}

#[tokio::test]
async fn what_cannot_be_watched_names_its_field() {
    let house = House::open().await;
    let grant = |name: &str, value: Value| {
        let mut grant = oauth();
        grant[name] = value;
        json!({"password": null, "oauth": grant})
    };
    let id = "0".repeat(32);
    for (changes, field) in [
        (json!({"email": null}), "email"),
        (json!({"email": "nonsense"}), "email"),
        (json!({"email": null, "recipient": id}), "user"),
        (json!({"host": null}), "host"),
        (json!({"host": ""}), "host"),
        (json!({"host": "imap.example.org:993"}), "host"),
        (json!({"host": "https://imap.example.org"}), "host"),
        (json!({"port": 25}), "port"),
        (json!({"port": 99_999}), "port"),
        (json!({"tls": "none"}), "tls"),
        (json!({"tls": "maybe"}), "tls"),
        (json!({"user": ""}), "user"),
        (json!({"user": "a\r\nb"}), "user"),
        (json!({"password": null}), "password"),
        (json!({"password": "a\u{0}b"}), "password"),
        (json!({"password": ""}), "password"),
        (json!({"oauth": oauth()}), "password"),
        (json!({"proof": null}), "proof"),
        (json!({"proof": " "}), "proof"),
        (json!({"proof": "asked marie@example.org"}), "proof"),
        (json!({"pasword": "x"}), "pasword"),
        (grant("token_url", json!("http://login.example.org/token")), "oauth.token_url"),
        (grant("token_url", json!("https://u:p@login.example.org/token")), "oauth.token_url"),
        (grant("token_url", json!("https://127.0.0.1/token")), "oauth.token_url"),
        (grant("token_url", json!("https://login.example.org:8443/token")), "oauth.token_url"),
        (grant("token_url", json!("nonsense")), "oauth.token_url"),
        (grant("client_id", json!("")), "oauth.client_id"),
        (grant("refresh_token", json!("")), "oauth.refresh_token"),
        (grant("secret", json!("x")), "oauth.secret"),
    ] {
        let answer = house.operator().put("/v1/mailboxes", &but(&changes)).await;
        assert_eq!(answer.problem(422)["field"], field, "{changes}");
        assert!(!answer.text.contains("hunter2"), "{}", answer.text);
    }
}

/// Whoever has an operator's key must not reach with it what only the gateway can reach.
#[tokio::test]
async fn servers_inside_are_refused() {
    let house = House::open().await;
    for host in [
        "localhost",
        "LOCALHOST",
        "mail.localhost",
        "mailserver",
        "127.0.0.1",
        "127.1",
        "0x7f.1",
        "2130706433",
        "10.0.0.1",
        "169.254.169.254",
        "::1",
        "[::1]",
        "::ffff:10.0.0.1",
        "fd00::1",
        "0.0.0.0",
        "１２７.0.0.1",
    ] {
        let answer = house.operator().put("/v1/mailboxes", &but(&json!({"host": host}))).await;
        let problem = answer.problem(422);
        assert_eq!(problem["field"], "host", "{host}");
        assert!(
            problem["detail"].as_str().is_some_and(|why| why.contains("allow_private")),
            "{host}: {problem}"
        );
    }
}

#[tokio::test]
async fn more_mailboxes_than_allowed_are_refused() {
    let house = House::open().await;
    for n in 0..3 {
        let order = but(&json!({"email": format!("{n}@example.org")}));
        house.operator().put("/v1/mailboxes", &order).await.with(200);
    }
    let problem = house.operator().put("/v1/mailboxes", &order()).await.problem(503);
    assert!(problem["detail"].as_str().is_some_and(|why| why.contains("watch.max_mailboxes")), "{problem}");
}
