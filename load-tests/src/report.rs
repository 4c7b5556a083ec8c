//! What a scenario found out: a table for whoever waits, JSON for programs, pictures for whoever was not there.

mod json;
mod plots;

use std::fmt::{Display, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use hdrhistogram::Histogram;

use crate::process;

/// Where the figures go besides standard output.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Output {
    /// Write the figures as JSON into this file.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Draw latencies by percentile and what happened over time into this directory, as SVG.
    #[arg(long)]
    svg: Option<PathBuf>,
}

/// The figures of one scenario.
#[derive(Debug)]
pub struct Report {
    scenario: &'static str,
    parameters: Vec<(&'static str, String)>,
    figures: Vec<Figure>,
    latencies: Vec<Latencies>,
    series: Vec<Series>,
}

/// One number.
#[derive(Debug)]
struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
}

/// How long things took, in microseconds.
#[derive(Debug)]
struct Latencies {
    name: String,
    histogram: Histogram<u64>,
}

/// A number over time.
#[derive(Debug)]
struct Series {
    name: String,
    unit: &'static str,
    /// Seconds since the beginning, and the value then.
    points: Vec<(f64, f64)>,
}

impl Report {
    /// A report without figures.
    pub const fn new(scenario: &'static str) -> Self {
        Self {
            scenario,
            parameters: Vec::new(),
            figures: Vec::new(),
            latencies: Vec::new(),
            series: Vec::new(),
        }
    }

    /// Says under which conditions.
    pub fn parameter(&mut self, name: &'static str, value: impl Display) {
        self.parameters.push((name, value.to_string()));
    }

    /// Adds a number.
    pub fn figure(&mut self, name: impl Into<String>, value: f64, unit: &'static str) {
        self.figures.push(Figure { name: name.into(), value, unit });
    }

    /// Adds how long something took, in microseconds.
    pub fn latencies(&mut self, name: impl Into<String>, histogram: Histogram<u64>) {
        self.latencies.push(Latencies { name: name.into(), histogram });
    }

    /// Adds a number over time: seconds since the beginning, and the value then.
    pub fn series(&mut self, name: impl Into<String>, unit: &'static str, points: Vec<(f64, f64)>) {
        self.series.push(Series { name: name.into(), unit, points });
    }

    /// Prints the table, and writes what `output` asks for.
    pub fn finish(&self, output: &Output) -> Result<()> {
        print!("{}", self.table());
        if let Some(file) = &output.json {
            let text = format!("{:#}\n", self.json());
            std::fs::write(file, text).with_context(|| format!("writing {}", file.display()))?;
        }
        match &output.svg {
            Some(directory) => self.draw(directory),
            None => Ok(()),
        }
    }

    fn table(&self) -> String {
        let mut table = format!("{}:", self.scenario);
        // Writing into a String cannot fail.
        for (name, value) in &self.parameters {
            let _ = write!(table, " {name} {value},");
        }
        let _ = writeln!(table, " load average {}", process::load_average());
        for Latencies { name, histogram } in &self.latencies {
            let _ = writeln!(table, "  {name:<34} {}  ({})", spread(histogram), histogram.len());
        }
        for Figure { name, value, unit } in &self.figures {
            let _ = writeln!(table, "  {name:<34} {} {unit}", shown(*value));
        }
        table
    }

    fn draw(&self, directory: &Path) -> Result<()> {
        std::fs::create_dir_all(directory)?;
        let file = |what: &str| directory.join(format!("{}-{what}.svg", self.scenario));
        if !self.latencies.is_empty() {
            plots::percentiles(&file("latency"), self.scenario, &self.latencies)?;
        }
        for series in &self.series {
            plots::over_time(&file(&series.name.replace(' ', "-")), self.scenario, series)?;
        }
        Ok(())
    }
}

/// What a histogram of microseconds says.
pub fn spread(latencies: &Histogram<u64>) -> String {
    let at = |quantile| milliseconds(latencies, quantile);
    let (p50, p90, p99, p999, most) = (at(0.5), at(0.9), at(0.99), at(0.999), at(1.0));
    format!("p50 {p50:.3} ms  p90 {p90:.3} ms  p99 {p99:.3} ms  p99.9 {p999:.3} ms  max {most:.3} ms")
}

/// A quantile of a histogram of microseconds.
pub fn milliseconds(latencies: &Histogram<u64>, quantile: f64) -> f64 {
    latencies.value_at_quantile(quantile) as f64 / 1000.0
}

/// A number with as many digits as say something.
pub fn shown(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size < 10.0 => format!("{value:.3}"),
        size if size < 100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}
