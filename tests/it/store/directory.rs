//! The embedded store's directory: in use, damaged, foreign.

use std::fs;
use std::path::{Path, PathBuf};

use vigie::clock::Clock;
use vigie::model::ClaimId;
use vigie::store::embedded::Embedded;
use vigie::store::{Store, StoreError};

use super::bench::{copy, rules, send, start, who};

fn open(directory: &Path) -> Result<Embedded, StoreError> {
    Embedded::open(directory, 8, rules(), Clock::manual(start()))
}

fn refusal(directory: &Path) -> StoreError {
    open(directory).err().expect("it is refused")
}

/// A closed store with some sends in it.
async fn filled(root: &Path) -> PathBuf {
    let directory = root.join("store");
    let store = open(&directory).expect("an empty directory opens");
    for chunk in 0..20 {
        let letters = (0..50).map(|n| send(&format!("s-{chunk}-{n}"), who(n))).collect();
        store.enqueue(ClaimId::random(), letters, vigie::store::Wait::Stored).await.expect("enqueue works");
    }
    store.close().await.expect("it closes");
    directory
}

fn says_what_to_do(error: &StoreError, directory: &Path) {
    let StoreError::Damaged(text) = error else { panic!("{error:?} instead of damage") };
    assert!(text.contains(&directory.display().to_string()), "names the directory: {text}");
    assert!(text.contains("backup") && text.contains("move it away"), "says what to do: {text}");
}

fn journals(directory: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(directory).expect("a listing").map(|entry| entry.expect("an entry").path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "jnl")).collect()
}

/// How much of a journal is written; the rest was only reserved.
fn used(bytes: &[u8]) -> usize {
    let empty = [0; 4096];
    bytes.chunks(4096).rposition(|chunk| chunk != &empty[..chunk.len()]).map_or(0, |last| last * 4096)
}

#[tokio::test]
async fn a_second_opening_is_refused() {
    let root = tempfile::tempdir().expect("a directory");
    let store = open(root.path()).expect("it opens");
    let StoreError::InUse(text) = refusal(root.path()) else { panic!("another refusal") };
    assert!(text.contains("another process has it open"), "{text}");
    store.close().await.expect("it closes");
    open(root.path()).expect("then it is free");
}

#[tokio::test]
async fn a_damaged_journal_is_refused_wherever_it_is_hit() {
    let root = tempfile::tempdir().expect("a directory");
    let directory = filled(root.path()).await;
    for part in [1, 3, 4, 7] {
        let hurt = root.path().join(format!("hurt-{part}"));
        copy(&directory, &hurt);
        for journal in journals(&hurt) {
            let mut bytes = fs::read(&journal).expect("a journal");
            let used = used(&bytes);
            for byte in &mut bytes[used * part / 8..][..16] {
                *byte ^= 0xff;
            }
            fs::write(&journal, bytes).expect("a write");
        }
        says_what_to_do(&refusal(&hurt), &hurt);
    }
}

#[tokio::test]
async fn a_truncated_journal_is_refused() {
    let root = tempfile::tempdir().expect("a directory");
    let directory = filled(root.path()).await;
    for journal in journals(&directory) {
        let bytes = fs::read(&journal).expect("a journal");
        fs::write(&journal, &bytes[..used(&bytes) / 2]).expect("a write");
    }
    says_what_to_do(&refusal(&directory), &directory);
}

#[tokio::test]
async fn a_directory_without_its_database_is_refused() {
    let root = tempfile::tempdir().expect("a directory");
    let directory = filled(root.path()).await;
    for entry in fs::read_dir(&directory).expect("a listing") {
        let path = entry.expect("an entry").path();
        match path.file_name().and_then(|name| name.to_str()) {
            Some("acknowledged") => {}
            _ if path.is_dir() => fs::remove_dir_all(path).expect("a removal"),
            _ => fs::remove_file(path).expect("a removal"),
        }
    }
    says_what_to_do(&refusal(&directory), &directory);
}

#[tokio::test]
async fn a_foreign_format_is_refused() {
    let root = tempfile::tempdir().expect("a directory");
    let directory = filled(root.path()).await;
    {
        let database = fjall::Database::builder(&directory).open().expect("a database");
        let records = database.keyspace("records", fjall::KeyspaceCreateOptions::default).expect("records");
        records.insert("v", "99").expect("a write");
    }
    let StoreError::Damaged(text) = refusal(&directory) else { panic!("another refusal") };
    assert!(text.contains("version 99") && text.contains("version 1"), "{text}");
}

#[tokio::test]
async fn nothing_personal_is_left_of_a_finished_send() {
    let root = tempfile::tempdir().expect("a directory");
    let store = open(root.path()).expect("it opens");
    let mut letter = send("s-1", who(7));
    letter.case = Some("case-seven".into());
    store
        .enqueue(ClaimId::random(), vec![letter.clone()], vigie::store::Wait::Stored)
        .await
        .expect("enqueue works");
    store.cancel(letter.id, "paid").await.expect("cancel works");
    store.close().await.expect("it closes");
    let database = fjall::Database::builder(root.path()).open().expect("a database");
    for name in ["specs", "heads", "records"] {
        let keyspace = database.keyspace(name, fjall::KeyspaceCreateOptions::default).expect("a keyspace");
        for guard in keyspace.iter() {
            let (_, value) = guard.into_inner().expect("a record");
            let text = String::from_utf8_lossy(&value);
            for private in ["marie", "12,50", "case-seven", "07070707"] {
                assert!(!text.contains(private), "{private} is left in {name}: {text}");
            }
        }
    }
}
