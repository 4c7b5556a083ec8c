//! Gateways that are killed in the middle, and imports that are stopped: nothing is lost and nothing comes twice.

use std::path::Path;

use super::folder::{settings, spool};
use super::rig::{Desk, Done, feed, lines};
use crate::support::gateway::Gateway;
use crate::support::wait::{SOON, wait_until};

/// More lines than an import has done with by the time it is seen to have begun.
const LINES: usize = 6_000;

/// Waits until some lines are accepted, by the gateway's own count.
async fn some_accepted(gateway: &Gateway) {
    wait_until("some lines are accepted", SOON, async || {
        let accepted = gateway.metrics().count("vigie_sends_accepted_total", &[]);
        (accepted > 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_command_goes_on_when_its_gateway_was_killed() {
    let (desk, mut gateway) = (Desk::new(), Gateway::start(&[]).await);
    gateway.set("VIGIE__API__LISTEN", &gateway.api().to_string());
    desk.write("feed.csv", feed(LINES) + "bad,K,1,2\n");
    let child = desk.begin(&gateway, "feed.csv", &[]);
    some_accepted(&gateway).await;
    gateway.kill().await;
    gateway.restart().await;
    let done = Done::of(child.wait_with_output().await.expect("it is our child"));
    assert_eq!(
        (done.code, done.count("lines"), done.count("rejected")),
        (65, LINES as u64 + 1, 1),
        "{done:?}"
    );
    assert_eq!(done.count("accepted") + done.count("accepted before"), LINES as u64, "{done:?}");
    assert_eq!(desk.read("feed.csv.rejected").lines().count(), 2, "each refused line once");
    assert_eq!(gateway.metrics().undecided(), LINES as u64, "each line is one send");
    gateway.leaves_undecided(LINES as u64);
}

#[tokio::test]
async fn a_stopped_import_goes_on_where_it_was() {
    let (desk, mut gateway) = (Desk::new(), Gateway::start(&[]).await);
    desk.write("feed.csv", feed(0) + "bad,K,1,2\n" + &lines(0, LINES));
    let child = desk.begin(&gateway, "feed.csv", &[]);
    wait_until("it remembers", SOON, async || desk.path("feed.csv.progress").exists().then_some(())).await;
    interrupt(child.id().expect("it runs")).await;
    let stopped = Done::of(child.wait_with_output().await.expect("it is our child"));
    assert_eq!(stopped.code, 75, "{stopped:?}");
    assert!(stopped.complained.contains("run it again with --resume"), "{stopped:?}");
    let done = desk.import(&gateway, "feed.csv", &["--resume"]).await;
    assert_eq!((done.count("lines"), done.count("rejected")), (LINES as u64 + 1, 1), "{done:?}");
    assert!(done.count("accepted before") < LINES as u64 / 2, "what was dealt with is skipped: {done:?}");
    assert_eq!(desk.read("feed.csv.rejected").lines().count(), 2, "each refused line once");
    assert!(!desk.path("feed.csv.progress").exists());
    gateway.leaves_undecided(LINES as u64);
}

#[tokio::test]
async fn a_file_whose_gateway_was_killed_is_imported_after_all() {
    let spool = spool();
    let directory = spool.path().to_str().expect("text").to_owned();
    let mut gateway = Gateway::start(&settings(&directory)).await;
    std::fs::write(spool.path().join("feed.csv"), feed(LINES) + "bad,K,1,2\n").expect("ours");
    some_accepted(&gateway).await;
    gateway.kill().await;
    assert!(!spool.path().join("processed/feed.csv").exists(), "it was in the middle of it");
    gateway.restart().await;
    wait_until("it is processed", SOON * 2, async || {
        spool.path().join("processed/feed.csv").exists().then_some(())
    })
    .await;
    let report: serde_json::Value =
        serde_json::from_str(&read(&spool.path().join("processed/feed.csv.report.json"))).expect("JSON");
    let count = |name: &str| report["report"][name].as_u64().expect("a number");
    assert_eq!((count("lines"), count("rejected")), (LINES as u64 + 1, 1), "{report}");
    assert!(count("same") > 0 && count("accepted") + count("same") == LINES as u64, "{report}");
    assert_eq!(read(&spool.path().join("rejected/feed.csv.rejected")).lines().count(), 2);
    gateway.leaves_undecided(LINES as u64);
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

async fn interrupt(id: u32) {
    let status = tokio::process::Command::new("sh")
        .args(["-c", r#"kill -s INT "$1""#, "kill", &id.to_string()])
        .status()
        .await
        .expect("every Debian has sh");
    assert!(status.success());
}
