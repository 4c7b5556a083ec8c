//! New templates without a restart: SIGHUP.

use std::fs;
use std::path::Path;

use crate::support::gateway::Gateway;
use crate::support::letter::Letter;
use crate::support::wait::{SOON, wait_until};

fn write(directory: &Path, subject: &str) {
    fs::write(directory.join("reminder.en.subject"), subject).expect("the directory is ours");
}

/// The subject of a new letter to somebody new.
async fn subject(gateway: &Gateway, number: usize) -> String {
    let (id, email) = (format!("letter-{number}"), format!("canary-reader-{number}@example.test"));
    gateway.queue(&id, &email).await;
    gateway.comes_online(&email).await;
    gateway.reaches(&id, "sent").await;
    let named = format!("X-Vigie-Send: {id}\r\n");
    let mine = gateway.outbox().into_iter().find(|mail| String::from_utf8_lossy(mail).contains(&named));
    Letter::read(&mine.expect("it is in the outbox")).header("subject").to_owned()
}

#[tokio::test]
async fn a_hangup_reads_the_templates_again() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    write(directory.path(), "Old {{ amount }}");
    fs::write(directory.path().join("reminder.en.txt"), "Due {{ due_date }}").expect("the directory is ours");
    fs::write(directory.path().join("reminder.en.html"), "<body><p>Due {{ due_date }}</p></body>")
        .expect("the directory is ours");
    let path = directory.path().to_str().expect("TMPDIR has a readable name");
    let gateway = Gateway::start(&[("VIGIE__BRANDS__DEMO__TEMPLATES", path)]).await;
    assert_eq!(subject(&gateway, 0).await, "Old 120.00 €");

    write(directory.path(), "New {{ amount }}");
    assert_eq!(subject(&gateway, 1).await, "Old 120.00 €", "nobody has said so yet");
    gateway.signal("HUP").await;
    let mut number = 1;
    wait_until("letters look new", SOON, async || {
        number += 1;
        (subject(&gateway, number).await == "New 120.00 €").then_some(())
    })
    .await;

    write(directory.path(), "Broken {{ amount");
    gateway.signal("HUP").await;
    wait_until("it complains", SOON, async || gateway.log().contains("ERROR").then_some(())).await;
    assert_eq!(subject(&gateway, number + 1).await, "New 120.00 €", "what worked stays in use");
}
