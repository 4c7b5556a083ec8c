//! Everything that is compared and promised, one scenario after the other on one machine, and a file that says what came of
//! it. The file is written by this program alone.

mod machine;
mod page;
mod targets;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use self::machine::Machine;

/// What to run.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// The file that is written.
    #[arg(long, default_value = "load-tests/RESULTS.md")]
    file: PathBuf,
    /// Draw latencies and time series of each scenario into a directory below this one.
    #[arg(long)]
    svg: Option<PathBuf>,
    /// The directory of `server.js`.
    #[arg(long, default_value = "load-tests/node")]
    node: PathBuf,
    /// Run only these steps, by name.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
}

/// A scenario and how it is run.
struct Step {
    name: &'static str,
    arguments: &'static [&'static str],
}

/// What came of a step.
struct Done {
    name: &'static str,
    command: String,
    took: Duration,
    /// The share of the machine's processors that others used just before.
    others: f64,
    /// Its report; `null` if it wrote none.
    report: Value,
    /// What it printed.
    said: String,
    succeeded: bool,
}

/// What came of all steps, by name.
struct Results(BTreeMap<&'static str, Done>);

const fn step(name: &'static str, arguments: &'static [&'static str]) -> Step {
    Step { name, arguments }
}

const STEPS: &[Step] = &[
    step("pixels", &["pixels", "--rounds", "3", "--seconds", "3"]),
    step("latency", &["pixels", "--rate", "20000", "--seconds", "5"]),
    step("near", &["fires", "--rate", "1000", "--seconds", "5"]),
    step("signed", &["fires", "--rate", "1000", "--seconds", "5", "--signed"]),
    step("redis", &["fires", "--rate", "1000", "--seconds", "5", "--store", "redis"]),
    step("far", &["fires", "--rate", "1000", "--seconds", "5", "--sink", "far"]),
    step("slow", &["fires", "--rate", "300", "--seconds", "5", "--sink", "slow"]),
    step("deferring", &["fires", "--rate", "500", "--seconds", "5", "--sink", "deferring"]),
    step("compare", &["compare", "--rate", "500", "--seconds", "5", "--rounds", "2"]),
    step("peak", &["peak"]),
    step("peak-redis", &["peak", "--store", "redis"]),
    step("peak-node", &["peak", "--node", "--first", "125", "--closer", "4"]),
    step("relays", &["relays"]),
    step("enqueue", &["enqueue"]),
    step("enqueue-redis", &["enqueue", "--store", "redis"]),
    step("present", &["present"]),
    step("present-redis", &["present", "--store", "redis"]),
    step("known-redis", &["known", "--store", "redis"]),
    step("import", &["import", "--lines", "200000"]),
    step("overload", &["overload"]),
];

/// Runs everything and writes the file.
pub fn run(options: &Options) -> Result<()> {
    let missing = machine::missing();
    ensure!(missing.is_empty() || !options.only.is_empty(), "install {} first", missing.join(", "));
    let machine = Machine::here()?;
    let begun = Instant::now();
    let mut results = Results(BTreeMap::new());
    let chosen = |step: &&Step| options.only.is_empty() || options.only.iter().any(|only| only == step.name);
    for step in STEPS.iter().filter(chosen) {
        results.0.insert(step.name, perform(step, options)?);
    }
    let failed: Vec<&str> = results.0.values().filter(|done| !done.succeeded).map(|done| done.name).collect();
    let page = page::write(&machine, &results, begun.elapsed());
    std::fs::write(&options.file, page).with_context(|| format!("writing {}", options.file.display()))?;
    println!("\n{} is written", options.file.display());
    ensure!(failed.is_empty(), "these failed: {}", failed.join(", "));
    Ok(())
}

/// Runs one step as a process of its own, as anybody would by hand.
fn perform(step: &Step, options: &Options) -> Result<Done> {
    let directory = tempfile::tempdir()?;
    let report = directory.path().join("report.json");
    let others = machine::busy()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(step.arguments).arg("--json").arg(&report).stdout(Stdio::piped());
    if let Some(svg) = &options.svg {
        command.arg("--svg").arg(svg.join(step.name));
    }
    match step.name {
        "compare" => drop(command.arg("--node").arg(&options.node)),
        "peak-node" => drop(command.arg("--directory").arg(&options.node)),
        _ => {}
    }
    println!("\n$ vigie-load {}", step.arguments.join(" "));
    let begun = Instant::now();
    let mut child = command.spawn()?;
    let mut said = String::new();
    for line in BufReader::new(child.stdout.take().context("its output")?).lines() {
        let line = line?;
        println!("{line}");
        said += &line;
        said.push('\n');
    }
    let succeeded = child.wait()?.success();
    let command = format!("vigie-load {}", step.arguments.join(" "));
    let took = begun.elapsed();
    Ok(Done { name: step.name, command, took, others, report: read(&report), said, succeeded })
}

/// A step's report, if it got so far.
fn read(file: &Path) -> Value {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

impl Results {
    /// A number that a step reported.
    fn figure(&self, step: &str, name: &str) -> Option<f64> {
        self.0.get(step)?.report["figures"][name]["value"].as_f64()
    }

    /// A quantile that a step reported, in milliseconds.
    fn latency(&self, step: &str, name: &str, quantile: &str) -> Option<f64> {
        self.0.get(step)?.report["latencies"][name][quantile].as_f64()
    }

    /// The steps in the order in which they ran.
    fn in_order(&self) -> impl Iterator<Item = &Done> {
        STEPS.iter().filter_map(|step| self.0.get(step.name))
    }
}
