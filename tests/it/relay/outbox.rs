//! The relay for a first try.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use vigie::relay::{Decision, Delivery, Relay};
use vigie::telemetry::Registry;

use super::rig::{content, decision, letter, settings_for};

fn files(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).expect("a directory");
    let mut names: Vec<_> = entries
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a readable name"))
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn each_mail_becomes_a_file_that_names_nobody() {
    let data = tempfile::tempdir().unwrap();
    let relay = Relay::new(&settings_for("outbox:out/box"), data.path(), &Registry::new()).unwrap();
    let directory = data.path().join("out/box");
    assert_eq!(std::fs::metadata(&directory).unwrap().permissions().mode() & 0o777, 0o700);
    for body in [&b"first\r\n"[..], b"second\r\n"] {
        let delivery = relay.checkout().await.unwrap().deliver(&content("marie", body)).await;
        assert_eq!(delivery, Delivery::Accepted { reply: "written to the outbox".into() });
    }
    let names = files(&directory);
    assert_eq!(names.len(), 2);
    for (name, body) in names.iter().zip([b"first\r\n".to_vec(), b"second\r\n".to_vec()]) {
        assert!(Path::new(name).extension().is_some_and(|end| end == "eml"), "{name}");
        assert!(!name.contains("marie"), "{name}");
        assert_eq!(std::fs::read(directory.join(name)).unwrap(), body, "names sort by time");
    }
    assert!(relay.check().await.unwrap().told.contains("out/box"));
}

#[tokio::test]
async fn a_directory_that_is_gone_costs_no_attempt() {
    let data = tempfile::tempdir().unwrap();
    let relay = Relay::new(&settings_for("outbox:out"), data.path(), &Registry::new()).unwrap();
    std::fs::remove_dir(data.path().join("out")).unwrap();
    let delivery = relay.checkout().await.unwrap().deliver(&letter("one")).await;
    assert_eq!(decision(&delivery), Ok(Decision::Unreachable));
}
