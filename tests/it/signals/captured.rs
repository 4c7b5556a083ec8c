//! Every captured request, byte for byte over a socket, against what `captured.tsv` says of it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use vigie::intake::Report;
use vigie::model::{Leaving, Origin, Source};
use vigie::redact::Secret;

use crate::api::house::{House, Plan};
use crate::support::wait::{SOON, wait_until};

/// Just after the last capture.
const THEN: &str = "2026-11-22T02:56:00Z";

const WHO: &str = "alice@example.test";

/// One line of the table.
struct Expected {
    file: String,
    status: String,
    what: String,
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/signals")
}

fn table() -> Vec<Expected> {
    let text = std::fs::read_to_string(directory().join("captured.tsv")).expect("the table");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let expected = |line: &str| {
        let mut columns = line.split('\t').map(str::to_owned);
        let mut column = || columns.next().unwrap_or_else(|| panic!("three columns: {line}"));
        Expected { file: column(), status: column(), what: column() }
    };
    lines.map(expected).collect()
}

/// A house at the time of the captures, with their keys.
async fn house() -> House {
    let mut plan = Plan::default();
    plan.signals.server_max_age = Duration::from_hours(1);
    plan.signals.signature_max_age = Duration::from_hours(1);
    plan.signals.webmail_secret = Secret::new("s3cret-key");
    let plan = Plan { more_keys: vec!["s3cret-token".into()], ..plan };
    let house = House::with(plan).await;
    let then: Timestamp = THEN.parse().expect("a time");
    house.clock.advance(then.duration_since(house.clock.now()).unsigned_abs());
    house
}

/// Says these bytes; returns what is answered, head and body.
async fn say(house: &House, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(house.address).await.expect("connected");
    stream.write_all(bytes).await.expect("written");
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let read = stream.read(&mut buffer).await.expect("an answer");
        answer.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&answer).into_owned();
        let whole = text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
            let length = head
                .lines()
                .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
            body.len() >= length.unwrap_or(0)
        });
        if whole || read == 0 {
            return text;
        }
    }
}

/// The same request to where vigie listens: the first captures (a1) were made before there was an address. In one of them
/// a directory's name was shortened afterwards; it gets its length back. Nothing else of them is changed, and nothing at
/// all of the others.
fn readdressed(request: &[u8]) -> Vec<u8> {
    const LAB: &str = "POST /signals/dovecot?k=SECRET ";
    let text = str::from_utf8(request).expect("text");
    let Some(rest) = text.strip_prefix(LAB) else { return request.to_vec() };
    let (head, body) = rest.split_once("\r\n\r\n").expect("a request");
    let length: usize = head
        .split_once("Content-Length: ")
        .and_then(|(_, rest)| rest.lines().next()?.parse().ok())
        .expect("a length");
    let directory = format!("LABDIR{}", "/".repeat(length - body.len()));
    format!("POST /v1/signals/dovecot?key=s3cret-token {}", rest.replace("LABDIR", &directory)).into_bytes()
}

/// What was counted of reports: each series that is not zero.
fn counted(house: &House) -> Vec<String> {
    let text = house.registry.text();
    let reports = text.lines().filter(|line| line.starts_with("vigie_reports_total{"));
    reports.filter(|line| !line.ends_with(" 0")).map(str::to_owned).collect()
}

#[tokio::test]
async fn every_captured_request_comes_to_what_the_table_says() {
    let files = std::fs::read_dir(directory().join("captured")).expect("the captures");
    let captures =
        files.filter(|file| file.as_ref().expect("a file").path().extension().is_some_and(|e| e == "http"));
    let table = table();
    assert_eq!(captures.count(), table.len(), "each capture has its line");
    for expected in table {
        // A house each, so that what it counts is this request's.
        let mut house = house().await;
        let bytes = std::fs::read(directory().join("captured").join(&expected.file)).expect("a capture");
        let answer = say(&house, &readdressed(&bytes)).await;
        let file = &expected.file;
        assert!(answer.starts_with(&format!("HTTP/1.1 {} ", expected.status)), "{file}: {answer}");
        assert_eq!(
            answer.ends_with(r#"{"status":0,"msg":""}"#),
            expected.status == "200",
            "{file}: {answer}"
        );
        if expected.what == "-" {
            assert!(counted(&house).is_empty(), "{file}");
            continue;
        }
        let heard =
            wait_until("it is heard", SOON, async || Some(counted(&house)).filter(|heard| !heard.is_empty()));
        let what = format!("what=\"{}\"}} 1", expected.what);
        let heard = heard.await;
        assert!(heard.len() == 1 && heard[0].ends_with(&what), "{file} should be {what}: {heard:?}");
        let told = house.outlets[0].try_recv();
        check(file, &expected.what, told, house.identity.of_address(WHO).expect("an address"));
    }
}

/// Whether the pipeline is told what the table says.
fn check(file: &str, what: &str, told: Option<Report>, who: vigie::model::RecipientId) {
    let source = if file.starts_with("d1") { Source::Webmail } else { Source::Imap };
    match (what, told) {
        ("nothing" | "unknown", told) => assert!(told.is_none(), "{file}"),
        ("leave", Some(Report::Gone(gone, Leaving::Left))) => assert_eq!(gone, who, "{file}"),
        (what, Some(Report::Seen(signal))) => {
            let verdict = signal.judgement.settled();
            assert_eq!((signal.recipient, signal.source), (who, source), "{file}");
            assert!(signal.origin == Origin::Trusted && signal.about.is_none(), "{file}");
            assert_eq!(verdict.reason, format!("deed:{what}"), "{file}");
            let acts =
                !matches!(what, "visible" | "sync" | "change") && (what, source) != ("login", Source::Imap);
            assert_eq!(verdict.fires, acts, "{file}: only what a person does fires");
        }
        (what, told) => panic!("{file} should be {what}: {told:?}"),
    }
}
