//! Child processes that end with us, and what they cost.

use std::io;
use std::process::{Child, Command};
use std::time::Duration;

use anyhow::Context;

/// A child process, killed on drop.
#[derive(Debug)]
pub(crate) struct Server(Child);

/// Clock ticks per second in `/proc/<pid>/stat`: `USER_HZ`, 100 on every Linux architecture we run on.
const TICKS: u64 = 100;

impl Server {
    /// Starts `command`.
    pub(crate) fn start(command: &mut Command) -> io::Result<Self> {
        command.spawn().map(Self)
    }

    /// The child itself, for its pipes.
    pub(crate) const fn child(&mut self) -> &mut Child {
        &mut self.0
    }

    /// User and system time it has used so far.
    pub(crate) fn cpu(&self) -> io::Result<Duration> {
        cpu(self.0.id())
    }
}

/// User and system time that a process, all its threads, has used so far; a hundredth of a second exact.
pub(crate) fn cpu(pid: u32) -> io::Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The command's name stands in parentheses and may hold spaces; utime and stime are fields 14 and 15.
    let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
    let ticks = |field: usize| after.split_whitespace().nth(field - 3)?.parse::<u64>().ok();
    let used = ticks(14).zip(ticks(15)).map(|(user, system)| user + system);
    used.map(|ticks| Duration::from_millis(ticks * 1000 / TICKS))
        .ok_or_else(|| io::Error::other("cannot read /proc/<pid>/stat"))
}

/// A line of `/proc/<pid>/status`, in bytes: `VmRSS:`, `VmHWM:`.
pub(crate) fn memory(pid: u32, line: &str) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let found = status.lines().find(|found| found.starts_with(line)).context("a process that lives")?;
    let kilobytes: u64 = found.split_whitespace().nth(1).context("a number")?.parse()?;
    Ok(kilobytes * 1024)
}

/// Files, sockets among them, that a process has open.
pub(crate) fn files(pid: u32) -> io::Result<usize> {
    Ok(std::fs::read_dir(format!("/proc/{pid}/fd"))?.count())
}

/// The machine's load averages, to be told beside every figure.
pub(crate) fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
