//! `vigie import` against a running gateway.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use tokio::io::AsyncWriteExt;

use super::rig::{Desk, Done, HEADER, command, feed, lines};
use crate::support::gateway::{Gateway, KEY};

const FRENCH: &str = "Dossier;Courriel;Prénom;Nom;Montant dû;Échéance;Limite;Civilité;Référence;Du\n\
    K-17;Canary-Marie@Example.TEST;Marie;Curie;1 234,50 €;01/12/2026;;Madame;LR-88;02/11/2026\n\
    K-18;canary-paul@example.test;Paul;Ruiz;12.50;01/12/2026;;;;\n";

#[tokio::test]
async fn a_feed_is_imported_corrected_and_imported_again() {
    let (desk, mut gateway) = (Desk::new(), Gateway::start(&[]).await);
    desk.write("feed.csv", format!("{}canary no address,K,1,2026-12-01\n", feed(3)));
    let first = desk.import(&gateway, "feed.csv", &[]).await;
    assert_eq!((first.code, first.count("accepted"), first.count("rejected")), (65, 3, 1), "{first:?}");
    assert!(first.complained.contains("feed.csv.rejected"), "{first:?}");
    let rejected = desk.read("feed.csv.rejected");
    assert!(rejected.contains("vigie_problem") && rejected.contains("line 5: to.email:"), "{rejected}");
    let mode = std::fs::metadata(desk.path("feed.csv.rejected")).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o077, 0, "addresses are in it");
    assert!(!desk.path("feed.csv.progress").exists(), "it is complete");

    desk.write("feed.csv.rejected", rejected.replace("canary no address", "canary-new@example.test"));
    let corrected = desk.import(&gateway, "feed.csv.rejected", &[]).await;
    assert_eq!((corrected.code, corrected.count("accepted")), (0, 1), "{corrected:?}");

    let again = desk.import(&gateway, "feed.csv", &["--resume"]).await;
    assert_eq!((again.count("accepted"), again.count("accepted before")), (0, 3), "{again:?}");
    gateway.leaves_undecided(4);
}

#[tokio::test]
async fn mappings_encodings_and_compression() {
    let (desk, mut gateway) = (Desk::new(), Gateway::start(&[]).await);
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/config/mappings/sample.toml");
    let (latin, ..) = encoding_rs::WINDOWS_1252.encode(FRENCH);
    desk.write("latin.csv", latin);
    let dry = desk.import(&gateway, "latin.csv", &["--mapping", sample, "--dry-run"]).await;
    assert_eq!((dry.code, dry.count("would be accepted")), (65, 1), "{dry:?}");
    let mut zipped = GzEncoder::new(Vec::new(), Compression::fast());
    zipped.write_all(FRENCH.as_bytes()).expect("memory takes it");
    desk.write("utf8.csv.gz", zipped.finish().expect("memory takes it"));
    let latin = desk.import(&gateway, "latin.csv", &["--mapping", sample, "--encoding", "latin1"]).await;
    assert_eq!((latin.code, latin.count("accepted"), latin.count("rejected")), (65, 1, 1), "{latin:?}");
    let zipped = desk.import(&gateway, "utf8.csv.gz", &["--mapping", sample]).await;
    assert_eq!((zipped.code, zipped.count("accepted before")), (65, 1), "whatever the encoding: {zipped:?}");
    let case = gateway.case("demo", "K-17").await;
    assert_eq!((&case["amount"], &case["first_letter"]["reference"]), (&json!("1234.50"), &json!("LR-88")));
    let send = gateway.send("K-17-rappel-1").await;
    assert_eq!((&send["case"], &send["state"]), (&json!("K-17"), &json!("waiting")));
    gateway.leaves_undecided(1);
}

#[tokio::test]
async fn standard_input_is_a_file_too() {
    let (desk, mut gateway) = (Desk::new(), Gateway::start(&[]).await);
    let mut child = command(desk.directory.path())
        .args(["import", "-", "--brand", "demo", "--template", "reminder"])
        .args(["--url", &format!("http://{}", gateway.api())])
        .env("VIGIE_OPERATOR_KEY", KEY)
        .stdin(Stdio::piped())
        .spawn()
        .expect("the binary was built for this test");
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(format!("{HEADER}{}bad,K,1,2", lines(0, 2)).as_bytes()).await.expect("it reads");
    drop(input);
    let done = Done::of(child.wait_with_output().await.expect("it is our child"));
    assert_eq!((done.code, done.count("accepted")), (65, 2), "{done:?}");
    assert!(done.complained.contains("does not end in a line end"), "{done:?}");
    assert!(desk.read("import.rejected").contains("to.email"));
    gateway.leaves_undecided(2);
}

#[tokio::test]
async fn what_cannot_be_is_said_in_a_sentence_and_a_code() {
    let (desk, gateway) = (Desk::new(), Gateway::start(&[]).await);
    desk.write("feed.csv", feed(1));
    desk.write("bad.toml", "[columns]\na = \"to.emial\"");
    desk.write("header.csv", format!("amount,{}", "x,1\n".repeat(100_000)));
    for (file, more, code, said) in [
        ("feed.csv", &["--encoding", "klingon"][..], 64, "there is no encoding"),
        ("feed.csv", &["--delimiter", "ab"], 64, "the delimiter is one character"),
        ("feed.csv", &["--mapping", "bad.toml"], 78, "did you mean `to.email`?"),
        ("feed.csv", &["--mapping", "none.toml"], 78, "No such file"),
        ("feed.csv", &["--mapping", "unknown"], 65, "there is no mapping unknown"),
        ("none.csv", &[], 65, "cannot read none.csv"),
        ("header.csv", &[], 65, "the column `amount` is no field"),
        ("feed.csv", &["--campaign", "No Name"], 64, "1 to 64"),
    ] {
        let done = desk.import(&gateway, file, more).await;
        assert_eq!(done.code, code, "{file} {more:?}: {done:?}");
        assert!(done.complained.contains(said), "{file} {more:?}: {done:?}");
    }
    let wrong_key = command(desk.directory.path())
        .args(["import", "feed.csv", "--brand", "demo", "--url", &format!("http://{}", gateway.api())])
        .env("VIGIE_KEY", "vg_producer_nobody_0123456789")
        .output()
        .await;
    assert_eq!(Done::of(wrong_key.expect("it ends")).code, 78);
    let nobody = command(desk.directory.path())
        .args(["import", "feed.csv", "--brand", "demo", "--url", "http://127.0.0.1:1"])
        .env("VIGIE_KEY", KEY)
        .output()
        .await;
    assert_eq!(Done::of(nobody.expect("it ends")).code, 69);
}
