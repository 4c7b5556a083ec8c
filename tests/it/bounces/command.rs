//! `vigie bounces`: mails from files and a pipe.

use std::process::Stdio;

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::report::{failed, letter, returned};
use crate::api::house::House;

const MARIE: &str = "canary-marie@example.org";

/// Runs it with this standard input; gives its exit code and what it prints.
async fn bounces(house: &House, key: &str, arguments: &[&str], input: &str) -> (Option<i32>, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_vigie"))
        .args(["bounces", "--api", &house.address.to_string()])
        .args(arguments)
        .env("VIGIE_KEY", key)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary was built for this test");
    let mut stdin = child.stdin.take().expect("a pipe");
    // It may end before it has read.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    let output = child.wait_with_output().await.expect("it ends");
    (output.status.code(), String::from_utf8(output.stdout).expect("text"))
}

#[tokio::test]
async fn mails_are_brought_from_files_and_by_a_pipe() {
    let house = House::open().await;
    let directory = tempfile::tempdir().expect("a directory");
    let away = directory.path().join("away.eml");
    std::fs::write(&away, "Subject: away\r\n\r\nI am away\r\n").expect("written");
    let file = away.to_str().expect("text");
    let key = "key of operator";
    assert_eq!(bounces(&house, key, &[file], "").await, (Some(0), format!("ignored\t{file}\n")));
    let report = failed("5.1.1", &letter(&returned(&house, MARIE), "s-1"));
    assert_eq!(bounces(&house, key, &[], &report).await, (Some(0), "hard\t-\n".to_owned()));
    let who = json!({"email": MARIE});
    let person = house.operator().post("/v1/recipients/lookup", &who).await.with(200);
    assert_eq!(person["suppressions"][0]["why"], "hard_bounce");
    assert_eq!(bounces(&house, "wrong", &[], &report).await.0, Some(78));
    assert_eq!(bounces(&house, key, &["/no/such/file"], "").await.0, Some(65));
    house.store.close().await.expect("it closes");
    assert_eq!(
        bounces(&house, key, &[], &report).await.0,
        Some(75),
        "a mail server keeps it and comes again"
    );
}
