//! Watched folders.

use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use tempfile::TempDir;

use super::rig::{HEADER, feed, lines};
use crate::support::gateway::Gateway;
use crate::support::redis::{Options, RedisServer};
use crate::support::wait::{SOON, wait_until};

/// A folder to drop files into.
pub fn spool() -> TempDir {
    tempfile::Builder::new().prefix("vigie-spool-").tempdir().expect("a temporary directory")
}

/// Settings of a gateway that watches this folder for brand `demo`.
pub fn settings(directory: &str) -> [(&'static str, &str); 7] {
    [
        ("VIGIE__FEEDS__FOLDERS__NIGHTLY__DIRECTORY", directory),
        ("VIGIE__FEEDS__FOLDERS__NIGHTLY__BRAND", "demo"),
        ("VIGIE__FEEDS__FOLDERS__NIGHTLY__TEMPLATE", "reminder"),
        ("VIGIE__FEEDS__FOLDERS__NIGHTLY__CAMPAIGN", "nightly"),
        ("VIGIE__FEEDS__EVERY", "50ms"),
        ("VIGIE__FEEDS__SETTLE", "200ms"),
        ("VIGIE__FEEDS__TAKEOVER", "2s"),
    ]
}

/// Waits until a file is there, and returns what is in it.
pub async fn appears(path: &Path) -> String {
    let what = format!("{} is there", path.display());
    wait_until(&what, SOON * 2, async || path.exists().then_some(())).await;
    std::fs::read_to_string(path).expect("it is text")
}

fn sums(sheet: &str) -> [u64; 4] {
    let sheet: Value = serde_json::from_str(sheet).expect("JSON");
    ["accepted", "same", "duplicate", "rejected"]
        .map(|name| sheet["report"][name].as_u64().expect("a number"))
}

#[tokio::test]
async fn files_are_imported_once_and_put_away() {
    let spool = spool();
    let at = |name: &str| spool.path().join(name);
    let mut gateway = Gateway::start(&settings(spool.path().to_str().expect("text"))).await;
    std::fs::write(at("feed.csv"), feed(3) + "canary no address,K,1,2\n" + &lines(0, 1)).expect("ours");
    std::fs::write(at("feed.csv.part"), "not complete").expect("ours");
    appears(&at("processed/feed.csv")).await;
    assert_eq!(sums(&appears(&at("processed/feed.csv.report.json")).await), [3, 0, 1, 1]);
    let sheet = std::fs::read_to_string(at("processed/feed.csv.report.json")).expect("it is there");
    assert!(!sheet.contains("canary"), "a report names no address: {sheet}");
    let rejected = appears(&at("rejected/feed.csv.rejected")).await;
    assert!(rejected.contains("canary no address") && rejected.contains("line 5: to.email"), "{rejected}");

    // Corrected and dropped again, beside the same file once more, compressed.
    let corrected = rejected.replace("canary no address", "canary-new@example.test");
    std::fs::write(at("corrected.csv"), corrected).expect("ours");
    let mut zipped = GzEncoder::new(Vec::new(), Compression::fast());
    zipped.write_all(feed(3).as_bytes()).expect("memory takes it");
    std::fs::write(at("again.csv.gz"), zipped.finish().expect("memory takes it")).expect("ours");
    assert_eq!(sums(&appears(&at("processed/corrected.csv.report.json")).await), [1, 0, 0, 0]);
    assert_eq!(sums(&appears(&at("processed/again.csv.gz.report.json")).await), [0, 3, 0, 0]);

    // Tomorrow's file has today's name.
    std::fs::write(at("feed.csv"), HEADER.to_owned() + &lines(3, 4)).expect("ours");
    appears(&at("processed/feed.csv.2")).await;
    assert_eq!(sums(&appears(&at("processed/feed.csv.2.report.json")).await), [1, 0, 0, 0]);
    assert!(at("feed.csv.part").exists(), "what is no feed by its name is left alone");
    let metrics = gateway.metrics();
    assert_eq!(metrics.count("vigie_import_files_total", &["folder=\"nightly\"", "result=\"processed\""]), 4);
    gateway.leaves_undecided(5);
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_put_aside_with_the_reason() {
    let spool = spool();
    let at = |name: &str| spool.path().join(name);
    let gateway = Gateway::start(&settings(spool.path().to_str().expect("text"))).await;
    let mut zipped = GzEncoder::new(Vec::new(), Compression::none());
    zipped.write_all(b"to.email,amount\n").expect("memory takes it");
    let mut torn = zipped.finish().expect("memory takes it");
    torn.truncate(torn.len() - 6);
    for (name, bytes, why) in [
        ("empty.csv", Vec::new(), "there is no line in it"),
        ("header.csv", b"to.email,amount\na@b.fr,1\n".to_vec(), "the column `amount` is no field"),
        ("utf16.csv", b"t\0o\0,\0x\0\n\0".to_vec(), "UTF-16 without a byte order mark"),
        ("torn.csv.gz", torn, "cannot be read to its end"),
    ] {
        std::fs::write(at(name), bytes).expect("ours");
        let sheet = appears(&at(&format!("rejected/{name}.report.json"))).await;
        assert!(sheet.contains(why), "{name}: {sheet}");
        wait_until("it lies there, too", SOON, async || {
            at(&format!("rejected/{name}")).exists().then_some(())
        })
        .await;
    }
    assert_eq!(gateway.metrics().count("vigie_import_files_total", &["result=\"rejected\""]), 4);
}

#[tokio::test]
async fn two_gateways_share_a_folder_and_import_each_file_once() {
    const FILES: usize = 12;
    let (spool, redis) = (spool(), RedisServer::start(Options::default()).await);
    let directory = spool.path().to_str().expect("text").to_owned();
    let url = redis.url();
    let settings: Vec<_> =
        settings(&directory).into_iter().chain([("VIGIE__STORE__URL", url.as_str())]).collect();
    let mut first = Gateway::start(&settings).await;
    let mut second = first.beside(&settings).await;
    for file in 0..FILES {
        let text = HEADER.to_owned() + &lines(file * 100, file * 100 + 100);
        let draft = spool.path().join(format!("{file}.part"));
        std::fs::write(&draft, text).expect("ours");
        std::fs::rename(draft, spool.path().join(format!("{file}.csv"))).expect("ours");
    }
    for file in 0..FILES {
        let sheet = appears(&spool.path().join(format!("processed/{file}.csv.report.json"))).await;
        assert_eq!(sums(&sheet), [100, 0, 0, 0], "{file}");
    }
    let processed =
        |gateway: &Gateway| gateway.metrics().count("vigie_import_files_total", &["result=\"processed\""]);
    wait_until("both have counted", SOON, async || {
        (processed(&first) + processed(&second) == FILES as u64).then_some(())
    })
    .await;
    for gateway in [&mut first, &mut second] {
        gateway.leaves_undecided(FILES as u64 * 100);
    }
}
