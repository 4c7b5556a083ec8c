//! Brands as folders: put there, changed, broken and taken away while the real binary runs.

mod changes;
mod gateways;
mod hours;
mod refusals;
mod relays;
mod storm;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::gateway::Gateway;
use crate::support::letter::Letter;
use crate::support::wait::{SOON, wait_until};

/// A directory of brands' folders, and beside it a place to make them.
struct Folders(TempDir);

impl Folders {
    fn new() -> Self {
        let home = tempfile::tempdir().expect("a temporary directory");
        for part in ["brands", "workshop"] {
            fs::create_dir(home.path().join(part)).expect("the directory is ours");
        }
        Self(home)
    }

    /// With the brand `acme`.
    fn with_acme() -> Self {
        let folders = Self::new();
        folders.put("acme", "", "Acme");
        folders
    }

    fn dir(&self) -> PathBuf {
        self.0.path().join("brands")
    }

    fn folder(&self, brand: &str) -> PathBuf {
        self.dir().join(brand)
    }

    /// Puts a brand's folder there in one step: with these settings beside what it needs, and a letter of this subject.
    fn put(&self, brand: &str, more: &str, subject: &str) {
        let workshop = self.0.path().join("workshop").join(brand);
        write_brand(&workshop, brand, more, subject);
        let folder = self.folder(brand);
        if folder.exists() {
            let old = self.0.path().join("old");
            fs::rename(&folder, &old).expect("it was there");
            fs::remove_dir_all(old).expect("it is ours");
        }
        fs::rename(workshop, folder).expect("on the same disk");
    }

    /// Starts a gateway that looks at these folders often.
    async fn gateway(&self, settings: &[(&str, &str)]) -> Gateway {
        let dir = self.dir();
        let ours = [
            ("VIGIE__BRAND_FOLDERS__DIR", dir.to_str().expect("TMPDIR has a readable name")),
            ("VIGIE__BRAND_FOLDERS__CHECK_EVERY", "50ms"),
        ];
        Gateway::start(&[ours.as_slice(), settings].concat()).await
    }
}

/// Writes a brand's file.
fn write_file(folder: &Path, brand: &str, more: &str) {
    let text = format!(
        "from = \"{brand} <letters@{brand}.example>\"\ntracking_url = \"http://127.0.0.1:8080\"\nlanguage = \"en\"\n\
         consent = \"presumed\"\n{more}\n"
    );
    fs::write(folder.join("brand.toml"), text).expect("the folder is ours");
}

/// Writes a brand's file and its template `note`.
fn write_brand(folder: &Path, brand: &str, more: &str, subject: &str) {
    fs::create_dir_all(folder).expect("the directory is ours");
    write_file(folder, brand, more);
    for (kind, source) in [("subject", subject), ("txt", "Hello"), ("html", "<body><p>Hello</p></body>")] {
        fs::write(folder.join(format!("note.en.{kind}")), source).expect("the folder is ours");
    }
}

fn note(brand: &str, id: &str, email: &str) -> Value {
    json!({"id": id, "brand": brand, "template": "note", "to": {"email": email}})
}

/// Pushes a brand's note to somebody new and has them come online; returns what they read.
async fn letter(gateway: &Gateway, brand: &str, number: usize) -> Letter {
    let id = send(gateway, brand, number).await;
    let named = format!("X-Vigie-Send: {id}\r\n");
    let mine = gateway.outbox().into_iter().find(|mail| String::from_utf8_lossy(mail).contains(&named));
    Letter::read(&mine.expect("it is in the outbox"))
}

/// Pushes a brand's note to somebody new and has them come online, until it is sent.
async fn send(gateway: &Gateway, brand: &str, number: usize) -> String {
    let (id, email) = (format!("{brand}-{number}"), format!("canary-{brand}-{number}@example.test"));
    gateway.push(&note(brand, &id, &email)).await;
    gateway.comes_online(&email).await;
    gateway.reaches(&id, "sent").await;
    id
}

/// How the API answers a push for this brand.
async fn offered(gateway: &Gateway, brand: &str) -> StatusCode {
    let note = note(brand, &format!("offer-{brand}"), "canary-offer@example.test");
    gateway.call(Method::POST, "/v1/sends", &note).await.status
}

/// Waits until a series has a value.
async fn shows(gateway: &Gateway, name: &str, label: &str, value: u64) {
    wait_until(&format!("{name}{{{label}}} is {value}"), SOON, async || {
        (gateway.metrics().text.contains(label) && gateway.metrics().count(name, &[label]) == value)
            .then_some(())
    })
    .await;
}

async fn is_stale(gateway: &Gateway, brand: &str, stale: bool) {
    shows(gateway, "vigie_brand_stale", &format!("brand=\"{brand}\""), stale.into()).await;
}

/// Waits until letters of a brand have this subject; `number` counts the people written to.
async fn letters_say(gateway: &Gateway, brand: &str, subject: &str, number: &mut usize) {
    wait_until(&format!("letters say {subject}"), SOON, async || {
        *number += 1;
        (letter(gateway, brand, *number).await.header("subject") == subject).then_some(())
    })
    .await;
}

/// Turns a symbolic link in one step.
fn turn(link: &Path, target: &Path) {
    let next = link.with_file_name(".turned");
    symlink(target, &next).expect("the directory is ours");
    fs::rename(next, link).expect("on the same disk");
}
