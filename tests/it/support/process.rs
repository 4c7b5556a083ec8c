//! What `/proc` tells about a server's processes, and how to end them.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long a server may take to end by itself before it is killed.
const GRACE: Duration = Duration::from_secs(5);

/// How often to look whether it has ended.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// One line of `/proc/*/stat`, as far as the tests need it.
#[derive(Debug)]
pub struct Process {
    /// The id of the first process of its group.
    pub group: u32,
    /// Whether it has ended and only waits to be reaped.
    ended: bool,
}

impl Process {
    /// Reads `/proc/<id>/stat`. `None` if there is no such process any more.
    fn read(id: u32) -> Option<Process> {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // The second field is the program's name in brackets; it may hold spaces.
        let (_, after_name) = stat.rsplit_once(") ")?;
        let fields: Vec<&str> = after_name.split_ascii_whitespace().collect();
        let number = |field: usize| fields.get(field)?.parse::<u32>().ok();
        Some(Process { ended: matches!(*fields.first()?, "Z" | "X"), group: number(2)? })
    }
}

/// Every process of this machine that has not ended.
pub fn running() -> impl Iterator<Item = Process> {
    fs::read_dir("/proc")
        .expect("Linux has /proc")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(Process::read)
        .filter(|process| !process.ended)
}

/// Ends `server` and everything in its process group: politely first, by force
/// if that takes too long. Returns once all of them are gone.
pub fn stop(server: &mut Child) {
    let group = server.id();
    // Not the group at once: the server ends its own children in the right order.
    signal("TERM", &group.to_string());
    if !ends_within(server, group, GRACE) {
        signal("KILL", &format!("-{group}"));
        ends_within(server, group, GRACE);
    }
}

/// Waits until `server` is reaped and its group is empty, or `limit` is over.
fn ends_within(server: &mut Child, group: u32, limit: Duration) -> bool {
    let start = Instant::now();
    let mut orphans_told = false;
    while start.elapsed() < limit {
        let ended = matches!(server.try_wait(), Ok(Some(_)));
        if ended && !running().any(|process| process.group == group) {
            return true;
        }
        if ended && !orphans_told {
            signal("TERM", &format!("-{group}"));
            orphans_told = true;
        }
        thread::sleep(LOOK_EVERY);
    }
    false
}

/// Sends a signal to a process, or with `-id` to a process group. That nobody
/// is left to receive it is no error.
pub fn signal(name: &str, target: &str) {
    Command::new("sh")
        .args(["-c", r#"kill -s "$1" -- "$2""#, "kill", name, target])
        .stderr(Stdio::null())
        .status()
        .expect("every Debian has sh");
}
