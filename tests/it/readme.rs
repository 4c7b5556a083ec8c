//! The README's commands, run as they stand there.
//!
//! They run one after another in one shell, in a directory of its own, so that a developer's `./data` stays as it is;
//! there, `cargo` means the workspace's. They use the default ports, so nothing else may listen on these.

use std::fs::{self, File, Permissions};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::time::timeout;

use crate::support::http::bytes;
use crate::support::process;
use crate::support::wait::wait_until;
use crate::support::watcher::Watcher;

/// How long a command may take: most of it is compiling, where that has not been done before.
const PATIENCE: Duration = Duration::from_mins(20);

/// The ports of the default configuration.
const PORTS: [u16; 3] = [8080, 8081, 8082];

/// The command that starts the gateway, and runs as long as it does.
const START: &str = "cargo run --release";

/// The command that runs this test among others, so this test does not run it.
const TESTS: &str = "tests/run";

/// Variables of the caller's own and of the test runner. Build scripts look at the runner's, and compile again.
const TESTS_OWN: [&str; 6] =
    ["VIGIE", "NEXTEST", "CARGO_BIN_", "CARGO_MANIFEST_", "CARGO_PKG_", "LD_LIBRARY_PATH"];

/// Printed by the shell behind each block.
const DONE: &str = "-- the block is done --";

#[tokio::test]
async fn its_commands_work_as_they_stand() {
    let readme = read("README.md");
    let blocks = blocks(&readme);
    assert_eq!(blocks.first().copied(), Some(START), "it begins with starting the gateway");
    assert!(blocks.contains(&TESTS), "it says how to run the tests");
    let directory = scratch();
    let _gateway = Background::start(START, &directory).await;
    let mut shell = Shell::start(&directory);
    let mut said = String::new();
    for block in blocks.iter().filter(|block| ![START, TESTS].contains(block)) {
        said += &shell.run(block).await;
    }
    assert!(said.contains("\"waiting\""), "the reminder waits first:\n{said}");
    assert!(said.contains("\"field\":\"vars.due_date\""), "the release names what is missing, too:\n{said}");
    assert!(said.contains("line 3: to.email:"), "the refused line is shown with its problem:\n{said}");
    assert!(said.contains("exit code 65"), "and the code says that there was one:\n{said}");
    assert!(said.contains("\"same\":2"), "by whichever way they come again, lines are the same:\n{said}");
    assert!(said.contains("X-Vigie-Send: first-1"), "then it lies in the outbox:\n{said}");
}

#[test]
fn its_way_to_run_the_tests_is_ours() {
    assert!(blocks(&read("README.md")).contains(&TESTS));
    let ci = read(".ci/run");
    assert!(ci.lines().any(|line| line.split_whitespace().any(|word| word == TESTS)), "{ci}");
}

/// A file of the workspace.
fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The fenced shell blocks, in order.
fn blocks(readme: &str) -> Vec<&str> {
    let fenced = readme.split("\n```sh\n").skip(1);
    fenced.map(|rest| rest.split("\n```").next().unwrap_or(rest)).collect()
}

/// An empty directory, and beside it a `cargo` that knows where the workspace is.
fn scratch() -> TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    fs::create_dir(directory.path().join("here")).expect("the directory is ours");
    fs::create_dir(directory.path().join("bin")).expect("the directory is ours");
    let (real, manifest) = (env!("CARGO"), concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
    let script = format!(
        "#!/bin/sh\ncommand=$1\nshift\nexec '{real}' \"$command\" --manifest-path '{manifest}' \"$@\"\n"
    );
    let cargo = directory.path().join("bin/cargo");
    fs::write(&cargo, script).expect("the directory is ours");
    fs::set_permissions(&cargo, Permissions::from_mode(0o755)).expect("the file is ours");
    directory
}

/// bash in the directory, in a session of its own.
fn bash(directory: &TempDir) -> Command {
    let path = std::env::var("PATH").expect("there is a PATH");
    let mut command = Command::new("setsid");
    for (name, _) in std::env::vars() {
        if TESTS_OWN.iter().any(|prefix| name.starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    command
        .args(["bash", "-euo", "pipefail"])
        .current_dir(directory.path().join("here"))
        .env("PATH", format!("{}:{path}", directory.path().join("bin").display()));
    command
}

/// The gateway in the background; stopped when dropped.
struct Background {
    child: Child,
    /// Only held: it stops the gateway, should the tests be killed.
    _watcher: Watcher,
}

impl Background {
    /// Runs the command and waits until the gateway is ready.
    async fn start(command: &str, directory: &TempDir) -> Background {
        for port in PORTS {
            let taken = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
            assert!(!taken, "something listens on port {port}: stop it for this test");
        }
        let output = directory.path().join("output");
        let file = File::create(&output).expect("the directory is ours");
        let errors = file.try_clone().expect("a file can be shared");
        let child =
            bash(directory).args(["-c", command]).stdin(Stdio::null()).stdout(file).stderr(errors).spawn();
        let child = child.expect("every Debian has bash and setsid");
        let watcher = Watcher::start(child.id(), directory.path());
        let mut background = Background { child, _watcher: watcher };
        wait_until("the gateway is ready", PATIENCE, async || {
            let ended = background.child.try_wait().expect("it is our child");
            assert!(ended.is_none(), "{ended:?}: {}", fs::read_to_string(&output).unwrap_or_default());
            ready().then_some(())
        })
        .await;
        background
    }
}

/// Whether the gateway says that it takes work.
fn ready() -> bool {
    let ops = (Ipv4Addr::LOCALHOST, PORTS[2]).into();
    bytes(ops, "GET /readyz HTTP/1.0\r\n\r\n").is_ok_and(|answer| answer.contains(" 200 "))
}

impl Drop for Background {
    fn drop(&mut self) {
        process::stop(&mut self.child);
    }
}

/// The other terminal: one shell for all blocks, so that variables last.
struct Shell {
    _child: tokio::process::Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    file: std::path::PathBuf,
}

impl Shell {
    fn start(directory: &TempDir) -> Shell {
        let mut command = tokio::process::Command::from(bash(directory));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("every Debian has bash");
        let input = child.stdin.take().expect("it is piped");
        let output = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        Shell { _child: child, input, output, file: directory.path().join("block.sh") }
    }

    /// Runs a block and returns what it printed, on both outputs.
    async fn run(&mut self, block: &str) -> String {
        fs::write(&self.file, block).expect("the directory is ours");
        let line = format!("source '{}' 2>&1 </dev/null; echo; echo '{DONE}'\n", self.file.display());
        self.input.write_all(line.as_bytes()).await.expect("the shell still runs");
        let mut said = String::new();
        loop {
            let line = timeout(PATIENCE, self.output.next_line()).await;
            let line = line.unwrap_or_else(|_| panic!("this does not end:\n{block}\n{said}"));
            match line.expect("the output is text") {
                Some(line) if line == DONE => return said,
                Some(line) => said += &(line + "\n"),
                None => panic!("this failed:\n{block}\nand said:\n{said}"),
            }
        }
    }
}
