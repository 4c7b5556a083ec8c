//! Writes the Grafana dashboards of vigie, each panel a question, its unit, what is healthy and what to do.
//!
//! ```text
//! cargo run -p vigie-grafana -- write                                   grafana/dashboards/*.json
//! cargo run -p vigie-grafana -- pictures --prometheus http://HOST:9090  target/pictures/*.svg
//! ```
//!
//! The files are committed, so that Grafana can be pointed at a checkout; a test says when they were forgotten.

mod dashboard;
mod dashboards;
mod panel;
mod pictures;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use pictures::Wanted;

/// Dashboards and rules by which operators watch vigie.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write the dashboards.
    Write {
        /// Where to.
        #[arg(long, default_value_os_t = committed())]
        into: PathBuf,
    },
    /// Draw the dashboards as a Prometheus has them.
    Pictures {
        /// Where it answers.
        #[arg(long, default_value = "http://localhost:9090")]
        prometheus: String,
        /// Where the pictures go.
        #[arg(long, default_value = "target/pictures")]
        into: PathBuf,
        /// How many minutes back from now.
        #[arg(long, default_value_t = 60)]
        minutes: u64,
    },
}

/// Where the committed ones lie.
fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards")
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Write { into } => write(&into),
        Command::Pictures { prometheus, into, minutes } => {
            let last = Duration::from_mins(minutes);
            pictures::draw(&dashboards::all(), &Wanted { prometheus: &prometheus, into: &into, last })
        }
    }
}

fn write(into: &Path) -> Result<()> {
    for (name, text) in written() {
        let file = into.join(name);
        std::fs::write(&file, text).with_context(|| format!("{} cannot be written", file.display()))?;
    }
    Ok(())
}

/// Each dashboard's file, and what is in it.
fn written() -> impl Iterator<Item = (String, String)> {
    let all = dashboards::all().into_iter();
    all.map(|dashboard| (format!("{}.json", dashboard.name), format!("{:#}\n", dashboard.json())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_committed_is_what_is_written() {
        for (name, text) in written() {
            let lies = std::fs::read_to_string(committed().join(&name)).unwrap_or_default();
            assert!(lies == text, "{name} is old: cargo run -p vigie-grafana -- write");
        }
    }

    #[test]
    fn every_panel_asks_says_and_shows() {
        for dashboard in dashboards::all() {
            for panel in dashboard.rows.iter().flat_map(|row| &row.panels) {
                let named = format!("{}: {}", dashboard.name, panel.question);
                assert!(panel.question.ends_with('?'), "{named}");
                assert!(panel.description.ends_with('.') && !panel.queries.is_empty(), "{named}");
                assert!(panel.width <= 24, "{named}");
            }
        }
    }
}
