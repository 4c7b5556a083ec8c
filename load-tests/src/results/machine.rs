//! Where it was measured, and with what.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use vigie::clock::Clock;

use crate::gateway;
use crate::process;

/// A machine and the versions of everything on it that matters.
pub(super) struct Machine {
    pub(super) facts: Vec<(&'static str, String)>,
}

/// The environment's word on link-time optimisation when this was built, which overrides Cargo.toml's.
const PROFILE: Option<&str> = option_env!("CARGO_PROFILE_RELEASE_LTO");

/// What is said of a program that is not there.
const ABSENT: &str = "not installed";

/// So long the machine is looked at to see what others use of it.
const LOOK: Duration = Duration::from_millis(500);

impl Machine {
    /// This one, at this moment.
    pub(super) fn here() -> Result<Self> {
        let cpu = line("/proc/cpuinfo", "model name")?;
        let cores = std::thread::available_parallelism()?;
        let memory = line("/proc/meminfo", "MemTotal")?;
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
        let binary = gateway::binary()?;
        let facts = vec![
            ("measured", Clock::system().now().strftime("%Y-%m-%d %H:%M UTC").to_string()),
            ("processor", format!("{cpu}, {cores} cores")),
            ("memory", memory),
            ("kernel", kernel.trim().to_owned()),
            ("load average before", process::load_average()),
            ("used by others before", format!("{:.0} % of all processors", busy()? * 100.0)),
            ("vigie", version(&binary.display().to_string(), &["--version"])),
            ("commit", commit()),
            (
                "release profile",
                PROFILE.map_or_else(|| "as in Cargo.toml".to_owned(), |lto| format!("with lto = {lto}")),
            ),
            ("rustc", version("rustc", &["--version"])),
            ("nginx", version("nginx", &["-v"])),
            ("wrk", version("wrk", &["-v"])),
            ("Redis", version("redis-server", &["--version"])),
            ("Node", version("node", &["--version"])),
            ("Postfix", version("postconf", &["-d", "-h", "mail_version"])),
        ];
        Ok(Self { facts })
    }
}

/// What is compared to and not installed.
pub(super) fn missing() -> Vec<&'static str> {
    let tools = [
        ("nginx", "-v"),
        ("wrk", "-v"),
        ("redis-server", "--version"),
        ("node", "--version"),
        ("postconf", "-d"),
    ];
    tools.iter().filter(|(tool, about)| version(tool, &[about]) == ABSENT).map(|(tool, _)| *tool).collect()
}

/// The share of all processors that is in use.
pub(super) fn busy() -> Result<f64> {
    let look = || -> Result<(f64, f64)> {
        let all = line("/proc/stat", "cpu ")?;
        let ticks: Vec<f64> = all.split_whitespace().filter_map(|ticks| ticks.parse().ok()).collect();
        // The fourth is idle, the fifth waits for a disk.
        let idle = ticks.get(3).context("/proc/stat")? + ticks.get(4).context("/proc/stat")?;
        Ok((ticks.iter().take(8).sum(), idle))
    };
    let (whole, idle) = look()?;
    std::thread::sleep(LOOK);
    let (whole, idle) = {
        let now = look()?;
        (now.0 - whole, now.1 - idle)
    };
    Ok(if whole > 0.0 { 1.0 - idle / whole } else { 0.0 })
}

/// What stands behind a name in one of the kernel's files.
fn line(file: &str, name: &str) -> Result<String> {
    let text = std::fs::read_to_string(Path::new(file))?;
    let line =
        text.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("{file}: {name}"))?;
    Ok(line.trim_start_matches([' ', '\t', ':']).trim().to_owned())
}

/// The first line of what a program says of itself.
fn version(program: &str, arguments: &[&str]) -> String {
    let path = format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default());
    let Ok(output) = Command::new(program).args(arguments).env("PATH", path).output() else {
        return ABSENT.to_owned();
    };
    let said = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&said).lines().next().unwrap_or_default().trim().to_owned()
}

/// The commit that was built, if this is a git repository.
fn commit() -> String {
    let commit = version("git", &["rev-parse", "--short=12", "HEAD"]);
    let changes =
        version("git", &["status", "--porcelain", "--untracked-files=no", "--", ":!load-tests/RESULTS.md"]);
    match (commit.contains(' '), changes.is_empty()) {
        (true, _) => "not a git repository".to_owned(),
        (false, true) => commit,
        (false, false) => format!("{commit} with changes"),
    }
}
