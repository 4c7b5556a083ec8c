//! Reading answers, in the order in which was asked.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::Answers;

/// Who waits longer for an answer waits in vain.
const PATIENCE: Duration = Duration::from_secs(30);

/// Reads an answer for each request, until there are no more requests or the other side hangs up.
pub(super) fn read(stream: TcpStream, planned: &Receiver<Instant>, answered: &AtomicU64) -> Answers {
    let mut answers = Answers::default();
    let mut broken = stream.set_read_timeout(Some(PATIENCE)).is_err();
    let mut input = BufReader::with_capacity(64 << 10, stream);
    let mut line = String::new();
    while let Ok(moment) = planned.recv() {
        let status = if broken { None } else { answer(&mut input, &mut line).ok() };
        if let Some(status) = status {
            answers.latencies.add(moment, Instant::now());
            answers.refused += u64::from(!(200..400).contains(&status));
            answered.fetch_add(1, Ordering::Relaxed);
        } else {
            broken = true;
            answers.unanswered += 1;
        }
    }
    answers
}

/// Reads one answer to its end; its status.
fn answer(input: &mut impl BufRead, line: &mut String) -> Result<u16> {
    next_line(input, line)?;
    let status = line.split(' ').nth(1).context("a status")?.parse()?;
    let mut length = 0;
    loop {
        next_line(input, line)?;
        let Some((name, value)) = line.split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse()?;
        }
    }
    let read = std::io::copy(&mut input.take(length), &mut std::io::sink())?;
    ensure!(read == length, "the body ends early");
    Ok(status)
}

fn next_line(input: &mut impl BufRead, line: &mut String) -> Result<()> {
    line.clear();
    ensure!(input.read_line(line)? > 0, "hung up");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_one_after_the_other() {
        let text = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nGIFHTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 302 Found\r\nContent-Length: 9\r\n\r\ntoo ";
        let (mut input, mut line) = (text.as_bytes(), String::new());
        assert_eq!(answer(&mut input, &mut line).expect("whole"), 200);
        assert_eq!(answer(&mut input, &mut line).expect("whole"), 204);
        answer(&mut input, &mut line).expect_err("it ends early");
    }
}
