//! `vigie demo`: the product in one command, which leaves nothing behind.

use std::process::{Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::timeout;

use crate::support::redis::{Options, RedisCluster, RedisServer, Shape};

/// How long the demonstration may take.
const BOUND: Duration = Duration::from_secs(30);

/// Brings loopback up (`SIOCSIFFLAGS`, `IFF_UP`) and becomes the demonstration.
const ONLY_LOOPBACK: &str = r#"
import fcntl, os, socket, struct, sys
fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sh14x", b"lo", 1))
os.execv(sys.argv[1], ["vigie", "demo"])
"#;

/// Runs the demonstration by this command line, with an empty directory for temporary files and another to run in;
/// both must be empty again afterwards.
async fn run(command: &mut Command) -> Output {
    let [temporary, current] = [(); 2].map(|()| tempfile::tempdir().expect("a temporary directory"));
    let child = command
        .env("TMPDIR", temporary.path())
        .current_dir(current.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("it can be run");
    let output =
        timeout(BOUND, child.wait_with_output()).await.expect("it ends by itself").expect("it can be read");
    for directory in [&temporary, &current] {
        let left: Vec<_> = files(directory);
        assert!(left.is_empty(), "it left {left:?}");
    }
    assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    output
}

fn files(directory: &TempDir) -> Vec<std::ffi::OsString> {
    let entries = std::fs::read_dir(directory.path()).expect("it is still there");
    entries.map(|entry| entry.expect("it is readable").file_name()).collect()
}

/// The demonstration with nothing of the caller's settings.
fn demo() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vigie"));
    command.arg("demo").env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE");
    command
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
async fn it_tells_its_story_without_a_terminal() {
    let told = text(&run(&mut demo()).await);
    assert!(told.contains("ms") || told.contains("µs"), "it shows latencies:\n{told}");
    assert!(!told.contains('\u{1b}'), "no colours where there is no terminal:\n{told}");
}

/// Tells it twice on one store.
async fn told_again_on(url: &str) {
    for _ in 0..2 {
        let told = text(&run(demo().env("VIGIE__STORE__URL", url)).await);
        let books = "7 accepted = 1 waiting + 5 sent + 1 cancelled";
        assert!(told.contains(books), "only what this run added is counted:\n{told}");
    }
}

#[tokio::test]
async fn it_can_be_told_again_on_a_store_that_stays() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    told_again_on(&format!("embedded:{}", directory.path().display())).await;
}

#[tokio::test]
async fn it_can_be_told_on_redis() {
    let redis = RedisServer::start(Options::default()).await;
    told_again_on(&redis.url()).await;
}

#[tokio::test]
async fn it_can_be_told_on_a_redis_cluster() {
    let cluster = RedisCluster::start(Shape::default(), Options::default()).await;
    told_again_on(&cluster.url()).await;
}

#[tokio::test]
async fn it_keeps_no_color() {
    let told = text(&run(demo().env("NO_COLOR", "1").env("TERM", "xterm-256color")).await);
    assert!(!told.contains("\u{1b}[3"), "{told}");
}

#[tokio::test]
async fn it_needs_no_network_but_loopback() {
    // A network of its own, in which there is nothing but loopback.
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--net", "python3", "-c", ONLY_LOOPBACK, env!("CARGO_BIN_EXE_vigie")]);
    run(&mut command).await;
}
