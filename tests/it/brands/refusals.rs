//! Brands that are broken: each refused by itself, and nobody else hears of it.

use std::fs;
use std::process::Command;

use hyper::StatusCode;

use super::{Folders, is_stale, letter, letters_say, offered, shows, write_file};
use crate::support::wait::{SOON, wait_until};

/// A secret that must not be logged.
const PASSWORD: &str = "hunter2-in-a-file";

#[tokio::test]
async fn a_broken_brand_keeps_its_old_version_and_the_others_take_effect() {
    let folders = Folders::with_acme();
    folders.put("nova", "", "Nova");
    let (gateway, mut number) = (folders.gateway(&[]).await, 0);
    gateway.secret(PASSWORD);
    folders.put("acme", &format!("frm = \"x\"\n[relay]\npassword = \"{PASSWORD}\""), "Never");
    folders.put("nova", "", "Nova again");
    is_stale(&gateway, "acme", true).await;
    letters_say(&gateway, "nova", "Nova again", &mut number).await;
    assert_eq!(letter(&gateway, "acme", 0).await.header("subject"), "Acme");
    let log = gateway.log();
    let lines: Vec<_> = log.lines().filter(|line| line.contains("ERROR")).collect();
    let sentence = "/acme/brand.toml: did you mean `from`?";
    let said =
        |line: &str| line.contains("unknown key `frm`") && line.contains(sentence) && line.contains("acme");
    assert!(matches!(lines.as_slice(), [only] if said(only)), "one line says what and where: {lines:?}");
    let metrics = gateway.metrics();
    assert_eq!(metrics.count("vigie_brand_reloads_total", &["result=\"refused\""]), 1);
    assert_eq!(metrics.count("vigie_brand_stale", &["brand=\"nova\""]), 0);

    // Syntax, templates and relays are judged, too.
    for (more, subject) in [
        ("oops = ", "Never"),
        ("", "{{ broken"),
        ("[relay]\nca = \"/nowhere.pem\"\nurl = \"smtps://h\"", "Never"),
    ] {
        let before = gateway.metrics().count("vigie_brand_reloads_total", &["result=\"refused\""]);
        folders.put("acme", &format!("{more}\n# {PASSWORD}"), subject);
        shows(&gateway, "vigie_brand_reloads_total", "result=\"refused\"", before + 1).await;
    }
    assert_eq!(letter(&gateway, "acme", 1).await.header("subject"), "Acme");

    folders.put("acme", "", "Mended");
    letters_say(&gateway, "acme", "Mended", &mut number).await;
    is_stale(&gateway, "acme", false).await;
}

#[tokio::test]
async fn a_brand_that_is_broken_at_the_start_keeps_nobody_else_waiting() {
    let folders = Folders::with_acme();
    folders.put("nova", "domain = \"no domain\"", "Nova");
    let gateway = folders.gateway(&[]).await;
    assert_eq!(letter(&gateway, "acme", 0).await.header("subject"), "Acme");
    assert_eq!(offered(&gateway, "nova").await, StatusCode::SERVICE_UNAVAILABLE, "its producer comes back");
    is_stale(&gateway, "nova", true).await;
    folders.put("nova", "", "Nova");
    is_stale(&gateway, "nova", false).await;
    assert_eq!(letter(&gateway, "nova", 0).await.header("subject"), "Nova");
}

#[tokio::test]
async fn a_directory_that_vanishes_changes_nothing() {
    let folders = Folders::with_acme();
    let (gateway, mut number) = (folders.gateway(&[]).await, 0);
    let away = folders.0.path().join("away");
    fs::rename(folders.dir(), &away).expect("it was there");
    wait_until("it complains", SOON, async || gateway.log().contains("ERROR").then_some(())).await;
    assert_eq!(letter(&gateway, "acme", 1000).await.header("subject"), "Acme");
    assert_eq!(gateway.log().matches("cannot read the directory of brands").count(), 1, "once is enough");
    fs::rename(&away, folders.dir()).expect("it was there");
    folders.put("acme", "", "Back");
    letters_say(&gateway, "acme", "Back", &mut number).await;
}

#[tokio::test]
async fn a_folder_beside_a_table_is_refused() {
    let folders = Folders::new();
    let file = folders.0.path().join("vigie.toml");
    let table = "from = 'a@acme.example'\ntracking_url = 'http://127.0.0.1:8080'\nlanguage = 'en'";
    fs::write(&file, format!("[brands.acme]\n{table}\n")).expect("the directory is ours");
    let check = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vigie"));
        command.arg("--config").arg(&file).arg("check").env("VIGIE__BRAND_FOLDERS__DIR", folders.dir());
        command.env("VIGIE__DATA__DIR", folders.0.path().join("data")).output().expect("the binary was built")
    };
    assert_eq!(check().status.code(), Some(0));
    folders.put("acme", "", "Acme");
    let output = check();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(78), "{said}");
    assert!(said.contains("/acme: the brand has a table `brands.acme` in a file, too"), "{said}");
}

#[test]
fn check_looks_into_folders() {
    let folders = Folders::with_acme();
    let check = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vigie"));
        command.arg("check").env("VIGIE__BRAND_FOLDERS__DIR", folders.dir());
        let output = command.env("VIGIE__DATA__DIR", folders.0.path().join("data")).output();
        let output = output.expect("the binary was built");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, said) = check();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("acme, demo") && said.contains("acme/note (en)"), "{said}");
    write_file(&folders.folder("acme"), "acme", "[relay]\nurl = \"smtp://127.0.0.1:1?tls=none\"");
    let (code, said) = check();
    assert_eq!(code, Some(69), "{said}");
    assert!(said.contains("brands.acme.relay.url: "), "{said}");
    write_file(&folders.folder("acme"), "acme", "languag = \"en\"");
    fs::create_dir(folders.dir().join("Bad Name")).expect("the directory is ours");
    let (code, said) = check();
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("unknown key `languag` in the file"), "{said}");
    assert!(said.contains("Bad Name: its name must be"), "{said}");
}
