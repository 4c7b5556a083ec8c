//! Counting instructions with valgrind's callgrind.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::steps::{DKIM_KEY, Step};

/// How often a step is taken, before it is counted and while it is.
const TIMES: u64 = 200;

/// How many pixels are asked for before those that are counted, and how many are.
const PIXELS: (u64, u64) = (200, 2000);

/// Takes a step often enough that caches are filled, and then as often under the name that callgrind counts by.
pub fn take(step: &mut Step) {
    for _ in 0..TIMES {
        step();
    }
    measured(step);
}

#[inline(never)]
fn measured(step: &mut Step) {
    for _ in 0..TIMES {
        step();
    }
}

/// Instructions of one step.
pub fn of_step(name: &str, key: &str) -> Result<u64> {
    let directory = tempfile::tempdir()?;
    let out = directory.path().join("out");
    let mut command = callgrind(&out);
    command.arg("--toggle-collect=instructions::callgrind::measured*").arg(std::env::current_exe()?);
    let output = command.args(["--take", name]).env(DKIM_KEY, key).output().context("starting valgrind")?;
    ensure!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(total(&out)? / TIMES)
}

/// Instructions of the edge for one pixel, from the bytes of its request to those of its answer: what more of them cost.
pub fn of_pixel() -> Result<u64> {
    let (few, many) = (exchange(PIXELS.0)?, exchange(PIXELS.0 + PIXELS.1)?);
    Ok(many.saturating_sub(few) / PIXELS.1)
}

/// Instructions of an edge that answers so many pixels, its start and its end among them.
fn exchange(pixels: u64) -> Result<u64> {
    let directory = tempfile::tempdir()?;
    let out = directory.path().join("out");
    let mut command = callgrind(&out);
    command.arg(env!("CARGO_BIN_EXE_vigie-load")).args(["edge", "--threads", "1"]);
    let mut edge =
        command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().context("starting valgrind")?;
    let asked = ask(&mut edge, pixels);
    // Callgrind writes down what it has counted when the program is told to end.
    Command::new("kill").arg(edge.id().to_string()).status().context("ending the edge")?;
    edge.wait()?;
    asked?;
    total(&out)
}

/// Asks an edge for its pixel, again and again on one connection.
fn ask(edge: &mut Child, pixels: u64) -> Result<()> {
    let mut url = String::new();
    BufReader::new(edge.stdout.take().context("the edge's output")?).read_line(&mut url)?;
    let rest = url.trim().strip_prefix("http://").context("the edge did not say where it is")?;
    let (address, path) = rest.split_once('/').context("a pixel has a path")?;
    let mut connection = TcpStream::connect(address)?;
    let request = format!("GET /{path} HTTP/1.1\r\nHost: edge\r\nUser-Agent: Thunderbird\r\n\r\n");
    let mut answer = vec![0; 4096];
    for _ in 0..pixels {
        connection.write_all(request.as_bytes())?;
        let length = connection.read(&mut answer)?;
        ensure!(answer[..length].starts_with(b"HTTP/1.1 200"), "the edge did not answer 200");
    }
    Ok(())
}

fn callgrind(out: &Path) -> Command {
    let mut command = Command::new("valgrind");
    command.arg("--tool=callgrind").arg(format!("--callgrind-out-file={}", out.display()));
    command
}

/// The sum that a file of callgrind ends with.
fn total(out: &Path) -> Result<u64> {
    let text = std::fs::read_to_string(out).context("callgrind wrote nothing")?;
    let totals =
        text.lines().find_map(|line| line.strip_prefix("totals: ")).context("callgrind wrote no totals")?;
    Ok(totals.trim().parse()?)
}
