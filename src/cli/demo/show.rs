//! How the demonstration looks on a terminal; plain text where there is none.

use std::time::Duration;

use console::{Style, Term, pad_str, style};
use serde_json::Value;

use crate::cli::{Exit, Failure};
use crate::config::StoreUrl;
use crate::model::SendState;

/// Writes the scenes.
pub(super) struct Show {
    term: Term,
}

impl Default for Show {
    fn default() -> Self {
        Self { term: Term::stdout() }
    }
}

/// One block of a latency bar.
const BLOCK: Duration = Duration::from_micros(150);
/// Longest latency bar, in blocks.
const LONGEST_BAR: usize = 24;

impl Show {
    /// Says what this is.
    pub(super) fn opening(&self, store: &StoreUrl) {
        self.line("");
        self.line(&format!("  {}  the lookout", style("vigie").bold().cyan()));
        self.line(&dim(&match store {
            StoreUrl::Embedded(_) => {
                "  Gateway, store and mail sink run in this one process; nothing leaves this machine."
                    .to_owned()
            }
            StoreUrl::Redis(url) => {
                format!("  Gateway and mail sink run in this one process; the store is {url}.")
            }
        }));
        self.line("");
    }

    /// The letters wait.
    pub(super) fn queued(&self, letters: usize) {
        self.line(&format!("  {letters} letters queued. Nobody is online, so all of them wait."));
        self.line("");
    }

    /// A letter left.
    pub(super) fn fired(&self, name: &str, scene: &str, latency: Duration, round_trips: u32) {
        let blocks = (latency.as_nanos() / BLOCK.as_nanos()).clamp(1, LONGEST_BAR as u128);
        let bar = "▆".repeat(usize::try_from(blocks).unwrap_or(LONGEST_BAR));
        let trips = if round_trips == 1 { "1 round trip" } else { "more than 1 round trip" };
        self.scene(&style("●").green(), name, scene);
        let figure = pad_str(&millis(latency), 9, console::Alignment::Right, None).into_owned();
        self.line(&format!(
            "      letter out {} {}  {}",
            style(figure).bold().green(),
            style(bar).green(),
            dim(trips)
        ));
    }

    /// A letter will not leave.
    pub(super) fn settled(&self, name: &str, scene: &str) {
        self.scene(&style("✕").yellow(), name, scene);
        self.line(&dim("      case settled: the letter will not go out"));
    }

    /// A letter goes on waiting.
    pub(super) fn stays(&self, name: &str, scene: &str) {
        self.scene(&style("○").dim(), name, scene);
        self.line(&dim("      the letter goes on waiting"));
    }

    /// A forgery was answered and ignored.
    pub(super) fn forged(&self) {
        self.scene(&style("○").dim(), "Someone", "fetches a forged pixel");
        self.line(&dim("      the same GIF, and nothing happens"));
    }

    /// The conservation law for what was added to the counters, and the typical latency.
    pub(super) fn books(
        &self,
        before: &Value,
        after: &Value,
        latencies: &mut [Duration],
    ) -> Result<(), Failure> {
        let count = |total: &Value, state: &str| total["states"][state].as_u64().unwrap_or(0);
        let added =
            |state: SendState| count(after, state.as_str()).saturating_sub(count(before, state.as_str()));
        let accepted = [after, before].map(|total| total["accepted"].as_u64().unwrap_or(0));
        let accepted = accepted[0].saturating_sub(accepted[1]);
        let parts: Vec<String> = SendState::ALL
            .into_iter()
            .filter(|state| added(*state) > 0)
            .map(|state| format!("{} {}", added(state), state.as_str()))
            .collect();
        latencies.sort_unstable();
        let typical = latencies.get(latencies.len() / 2).copied().unwrap_or_default();
        self.line("");
        self.line(&format!("  Pixel asked for → relay's 250: {} typically.", style(millis(typical)).bold()));
        self.line(&format!("  Every letter has one fate: {accepted} accepted = {}.", parts.join(" + ")));
        self.line("");
        match after["conservation_gap"].as_i64() {
            Some(0) if accepted > 0 => Ok(()),
            gap => Err(Failure::new(Exit::Internal, format!("the books do not balance: {gap:?}"))),
        }
    }

    fn scene(&self, mark: &console::StyledObject<&str>, name: &str, scene: &str) {
        self.line(&format!("  {mark} {} {scene}", style(name).bold()));
    }

    fn line(&self, text: &str) {
        // A terminal that went away is no reason to fail the demonstration.
        let _ = self.term.write_line(text);
    }
}

fn dim(text: &str) -> String {
    Style::new().dim().apply_to(text).to_string()
}

fn millis(latency: Duration) -> String {
    format!("{:.2} ms", latency.as_secs_f64() * 1000.0)
}
