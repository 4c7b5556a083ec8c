//! The Debian package: built from the release, installed in a Debian with nothing else, run as its own user, removed.

mod root;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use hyper::StatusCode;

use crate::support::gateway::{Knocker, api_request};
use crate::support::http::ask;
use crate::support::wait::{SOON, wait_until};
use root::Root;

/// The most that `systemd-analyze security` may find exposed, out of 100.
const EXPOSED: u8 = 15;

/// The units that make the service.
const UNITS: [&str; 4] = ["vigie.service", "vigie-edge.socket", "vigie-api.socket", "vigie-ops.socket"];

/// What the package brings, beside the units.
const FILES: [&str; 8] = [
    "usr/bin/vigie",
    "etc/vigie/vigie.toml",
    "usr/lib/sysusers.d/vigie.conf",
    "usr/share/man/man1/vigie.1.gz",
    "usr/share/man/man1/vigie-serve.1.gz",
    "usr/share/bash-completion/completions/vigie",
    "usr/share/zsh/vendor-completions/_vigie",
    "usr/share/fish/vendor_completions.d/vigie.fish",
];

#[tokio::test]
async fn it_installs_on_a_clean_debian_root() {
    let root = Root::new();
    let package = build();
    std::fs::copy(&package, root.path("vigie.deb")).expect("the package was built");
    root.does("dpkg", &["--install", "/vigie.deb"]);
    for file in FILES
        .map(PathBuf::from)
        .into_iter()
        .chain(UNITS.map(|unit| Path::new("usr/lib/systemd/system").join(unit)))
    {
        assert!(root.path(&file).is_file(), "{} is missing", file.display());
    }
    // What systemd does for StateDirectory=.
    root.does("install", &["--directory", "--owner=vigie", "--group=vigie", "--mode=700", "/var/lib/vigie"]);
    let said = root.does_as_vigie("vigie", &["check", "--config", "/etc/vigie/vigie.toml"]);
    assert!(said.contains("ok    configuration"), "{said}");
    assert!(!said.contains("FAULT"), "{said}");
    answers_a_pixel(&root).await;
    root.does("dpkg", &["--purge", "vigie"]);
    for file in ["usr/bin/vigie", "etc/vigie", "usr/share/vigie", "usr/lib/systemd/system/vigie.service"] {
        assert!(!root.path(file).exists(), "{file} is left");
    }
    assert!(root.path("var/lib/vigie/secrets.toml").exists(), "sends and keys are nobody's to throw away");
}

/// Starts the gateway as its own user, asks it for a pixel, and stops it.
async fn answers_a_pixel(root: &Root) {
    let mut gateway = root.serve(&["--config", "/etc/vigie/vigie.toml"]);
    let [edge, api, _] = wait_until("it listens", SOON, async || gateway.addresses()).await;
    let key =
        std::fs::read_to_string(root.path("var/lib/vigie/operator.key")).expect("the first start makes it");
    let mut request = api_request(
        hyper::Method::POST,
        "/v1/tokens",
        "application/json",
        r#"{"brand": "demo", "email": "canary-ada@mail.example", "kind": "open"}"#.to_owned(),
    );
    let key = format!("Bearer {}", key.trim()).parse().expect("a key is ASCII");
    request.headers_mut().insert(hyper::header::AUTHORIZATION, key);
    let minted = ask(api, request).await.expect("the API answers");
    assert_eq!(minted.status, StatusCode::OK, "{}", minted.text());
    let token = minted.json()["token"].as_str().expect("a token is text").to_owned();
    let pixel = Knocker(edge).open(&format!("/o/{token}.gif")).await.expect("the edge answers");
    assert_eq!((pixel.status, &pixel.body[..]), (StatusCode::OK, &vigie::edge::GIF[..]));
    assert_eq!(gateway.stop().await, Some(0), "it stops well");
}

#[test]
fn its_units_are_sound_and_leave_little_exposed() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for unit in UNITS {
        let text =
            std::fs::read_to_string(workspace("config/systemd").join(unit)).expect("it is in the repository");
        // Where there is a program, whatever is installed here.
        let text = text.replace("/usr/bin/vigie", env!("CARGO_BIN_EXE_vigie"));
        std::fs::write(directory.path().join(unit), text).expect("the directory is ours");
    }
    let unit = |name: &str| directory.path().join(name).to_str().expect("a readable name").to_owned();
    let units = UNITS.map(unit);
    let sound = analyze(&[&["verify".into(), "--man=no".into()], &units[..]].concat());
    assert!(sound.status.success() && sound.stderr.is_empty(), "{}", said(&sound));
    let threshold = format!("--threshold={EXPOSED}");
    let exposed = analyze(&["security".into(), "--offline=true".into(), threshold, unit("vigie.service")]);
    assert!(exposed.status.success(), "{}", said(&exposed));
}

#[test]
fn its_service_does_not_repeat_what_comes_again() {
    use vigie::cli::Exit;
    let unit =
        std::fs::read_to_string(workspace("config/systemd/vigie.service")).expect("it is in the repository");
    let line =
        unit.lines().find_map(|line| line.strip_prefix("RestartPreventExitStatus=")).expect("it says so");
    let given: Vec<u8> = line.split(' ').map(|code| code.parse().expect("a code")).collect();
    assert_eq!(given, [Exit::Usage as u8, Exit::Data as u8, Exit::Configuration as u8]);
    let stop = unit.lines().find_map(|line| line.strip_prefix("TimeoutStopSec=")).expect("it says so");
    let config = vigie::config::Config::load(&[], []).expect("the default file");
    assert_eq!(stop, "2min");
    assert!(config.dispatch.drain * 3 <= Duration::from_mins(2), "each part may take that long");
}

/// Packs the release that `tests/run` has built; the package's path.
fn build() -> PathBuf {
    let program = workspace("target/release/vigie");
    assert!(program.is_file(), "{} is missing: cargo build --release", program.display());
    let output = Command::new(workspace("config/debian/build"))
        .args(["--no-build", "--fast"])
        .output()
        .expect("bash runs it");
    assert!(output.status.success(), "{}", said(&output));
    workspace(String::from_utf8_lossy(&output.stdout).trim())
}

fn workspace(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn analyze(arguments: &[String]) -> Output {
    Command::new("systemd-analyze").args(arguments).output().expect("tests/install installs systemd")
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
