//! Payment links of mails that were really sent, at the example's page.

use std::process::Stdio;
use std::time::Duration;

use http_body_util::Full;
use hyper::{Method, Request, StatusCode};
use serde_json::Value;
use tokio::process::{Child, Command};

use crate::support::gateway::{Gateway, IPHONE};
use crate::support::http::{Answer, ask};
use crate::support::letter::Letter;
use crate::support::ports::free_ports;
use crate::support::redis::{Options, RedisServer};
use crate::support::wait::{SOON, wait_until};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/integrations/payment_page.py");

/// The example's page, as its documentation says to start it.
struct Page {
    _child: Child,
    port: u16,
    secret: String,
}

impl Page {
    async fn start(gateway: &Gateway, port: u16) -> Self {
        let secret = secret(gateway, "demo").await.expect("the brand has one");
        let child = Command::new("python3")
            .args([PAGE, "demo", &port.to_string()])
            .env("VIGIE_PAYMENT_SECRET", &secret)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("tests/install installs python3");
        let page = Self { _child: child, port, secret };
        wait_until("the page is there", SOON, async || page.try_get("/").await.ok()).await;
        page
    }

    async fn try_get(&self, path: &str) -> Result<Answer, String> {
        let request = Request::builder().uri(path).body(Full::default()).expect("a valid request");
        ask(([127, 0, 0, 1], self.port).into(), request).await
    }

    /// Status and text for a link.
    async fn get(&self, link: &str) -> (StatusCode, String) {
        let path = link.strip_prefix(&format!("http://127.0.0.1:{}", self.port)).expect("a link to the page");
        let answer = self.try_get(path).await.expect("the page answers");
        (answer.status, answer.text())
    }

    /// What `verify` says of a link after some days.
    async fn verify_later(&self, link: &str, days: u64) -> String {
        let script = "import sys, time; sys.path.insert(0, sys.argv[1]); import payment_page as page\n\
            try: print(page.verify(sys.argv[2], 'demo', sys.argv[3], time.time() + 86400 * int(sys.argv[4])))\n\
            except page.Refused as refused: print(refused.status)";
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/config/integrations");
        let output = Command::new("python3")
            .args(["-B", "-c", script, folder, link, &self.secret, &days.to_string()])
            .output()
            .await
            .expect("Python runs");
        String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
    }
}

/// What `vigie key payment` prints last.
pub async fn secret(gateway: &Gateway, brand: &str) -> Result<String, String> {
    let output = Command::new(env!("CARGO_BIN_EXE_vigie"))
        .args(["key", "payment", "--brand", brand])
        .env_clear()
        .env("VIGIE__DATA__DIR", gateway.data())
        .output()
        .await
        .expect("the program starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    if output.status.success() {
        Ok(text(output.stdout).lines().last().expect("a secret").to_owned())
    } else {
        Err(text(output.stderr))
    }
}

/// The letter of this id, and the payment link in its text.
async fn letter_with_link(gateway: &Gateway, id: &str) -> (Letter, String) {
    let email = format!("canary-{id}@example.test");
    gateway.queue(id, &email).await;
    gateway.comes_online(&email).await;
    gateway.reaches(id, "sent").await;
    let named = format!("X-Vigie-Send: {id}\r\n");
    let mail = gateway.outbox().into_iter().find(|mail| String::from_utf8_lossy(mail).contains(&named));
    let letter = Letter::read(&mail.expect("it is in the outbox"));
    let link =
        letter.text.split_whitespace().find(|word| word.contains("/case?")).expect("a link").to_owned();
    (letter, link)
}

/// The link with one field changed.
fn with(link: &str, field: &str, value: &str) -> String {
    let mut url: url::Url = link.parse().expect("a link");
    let fields: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    assert!(fields.iter().any(|(name, _)| name == field), "{field} in {link}");
    url.query_pairs_mut().clear().extend_pairs(
        fields.iter().map(|(name, old)| (name, if name == field { value } else { old.as_str() })),
    );
    url.into()
}

#[tokio::test]
async fn links_of_sent_mails_are_good_at_the_examples_page_and_forged_ones_are_not() {
    let port = free_ports(1)[0];
    let address = format!("http://127.0.0.1:{port}/case");
    let gateway = Gateway::start(&[("VIGIE__BRANDS__DEMO__PAYMENT_URL", &address)]).await;
    let page = Page::start(&gateway, port).await;
    let (letter, link) = letter_with_link(&gateway, "one").await;
    let (_, other) = letter_with_link(&gateway, "two").await;

    let path = &letter.links()[0];
    let click = gateway.visit(Method::GET, path, IPHONE).await;
    assert_eq!((click.status, click.header("location")), (StatusCode::FOUND, link.as_str()));
    let (status, text) = page.get(&link).await;
    assert_eq!(status, StatusCode::OK);
    assert!(text.contains("Case case-one: here one pays"), "{text}");
    let clicks = gateway.metrics().count("vigie_payment_clicks_total", &["brand=\"demo\""]);
    assert_eq!(clicks, 1);

    let other: url::Url = other.parse().expect("a link");
    let of_other = |wanted: &str| {
        let (_, value) = other.query_pairs().find(|(name, _)| name == wanted).expect(wanted);
        value.into_owned()
    };
    for forged in [
        with(&link, "case", "case-two"),
        with(&link, "case", ""),
        with(&link, "sig", &of_other("sig")),
        with(&link, "sig", ""),
        with(&link, "send", &of_other("send")),
        with(&link, "expires", "99999999999"),
        format!("{link}&case=case-two"),
        format!("{address}?case=case-one"),
        address.clone(),
    ] {
        assert_eq!(page.get(&forged).await.0, StatusCode::FORBIDDEN, "{forged}");
    }
    assert!(page.verify_later(&link, 89).await.starts_with("('case-one', "), "good for three months");
    assert_eq!(page.verify_later(&link, 91).await, "410");
}

#[tokio::test]
async fn payment_links_lead_on_while_redis_is_down() {
    let redis = RedisServer::start(Options::default()).await;
    let url = redis.url();
    let mut gateway = Gateway::start(&[("VIGIE__STORE__URL", url.as_str())]).await;
    let (letter, link) = letter_with_link(&gateway, "one").await;
    let path = letter.links()[0].clone();
    redis.kill();
    let click = tokio::time::timeout(Duration::from_secs(1), gateway.visit(Method::GET, &path, IPHONE));
    let click = click.await.expect("at once");
    assert_eq!((click.status, click.header("location")), (StatusCode::FOUND, link.as_str()));
    assert_eq!(gateway.metrics().count("vigie_payment_clicks_total", &[]), 1);
    redis.restart_empty().await;
    gateway.kill().await;
}

/// Follows the payment links of two letters while Redis is down, then asks the gateway to stop.
async fn stops_with_clicks(redis: &RedisServer, gateway: &Gateway) {
    let (one, _) = letter_with_link(gateway, "one").await;
    let (two, _) = letter_with_link(gateway, "two").await;
    redis.written().await;
    redis.kill();
    for letter in [one, two] {
        assert_eq!(gateway.visit(Method::GET, &letter.links()[0], IPHONE).await.status, StatusCode::FOUND);
    }
    gateway.signal("TERM").await;
    logged(gateway, "stopping: no new claims").await;
}

async fn logged(gateway: &Gateway, words: &str) {
    wait_until(words, Duration::from_secs(30), async || gateway.log().contains(words).then_some(())).await;
}

#[tokio::test]
async fn a_stop_tells_of_clicks_once_the_store_is_back() {
    let redis = RedisServer::start(Options::default()).await;
    let url = redis.url();
    let mut gateway = Gateway::start(&[("VIGIE__STORE__URL", url.as_str())]).await;
    stops_with_clicks(&redis, &gateway).await;
    redis.restart().await;
    gateway.ended().await;
    assert!(!gateway.log().contains("told to nobody"), "{}", gateway.log());
    gateway.restart().await;
    let answer = gateway.call(Method::GET, "/v1/events?format=json&after=0-0", &Value::Null).await.text();
    assert_eq!(answer.matches("\"link.clicked\"").count(), 2, "{answer}");
}

#[tokio::test]
async fn a_stop_counts_the_clicks_it_can_tell_nobody_of() {
    let redis = RedisServer::start(Options::default()).await;
    let url = redis.url();
    let settings = [("VIGIE__STORE__URL", url.as_str()), ("VIGIE__DISPATCH__DRAIN", "2s")];
    let mut gateway = Gateway::start(&settings).await;
    stops_with_clicks(&redis, &gateway).await;
    logged(&gateway, "clicks on payment links are told to nobody: the store was away").await;
    let log = gateway.log();
    let line = log.lines().find(|line| line.contains("told to nobody")).expect("it was found");
    assert!(line.contains("clicks=2") || line.contains("\"clicks\":2"), "{line}");
    gateway.ended().await;
}

#[tokio::test]
async fn a_brand_without_a_secret_is_named() {
    let gateway = Gateway::start(&[]).await;
    let refused = secret(&gateway, "acme").await.expect_err("no such brand");
    assert!(refused.contains("there is no seal of the brand acme"), "{refused}");
}
