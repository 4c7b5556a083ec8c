//! Log output: lines on standard error, for people or for machines.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::Subscriber;

use crate::config::{Log, LogFormat};

/// `log.filter` is no filter.
#[derive(Debug, thiserror::Error)]
#[error(
    "`log.filter` is {filter:?}: expected a level or a list such as \"info,vigie::relay=debug\" ({reason})"
)]
pub struct BadFilter {
    /// What was given.
    filter: String,
    /// What the parser says.
    reason: String,
}

/// Starts logging to standard error. Call it once, before anything worth telling happens; a second call in one
/// process (tests) changes nothing.
pub fn logs(log: &Log) -> Result<(), BadFilter> {
    let builder = Subscriber::builder()
        .with_env_filter(filter(&log.filter)?)
        .with_writer(std::io::stderr)
        .with_ansi(log.format == LogFormat::Text && std::io::stderr().is_terminal());
    // Fails only if logging was started before.
    let _ = match log.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(false).try_init(),
    };
    Ok(())
}

/// Reads a filter strictly: the crate's lenient reading would drop what it does not understand, and with it the logs.
fn filter(text: &str) -> Result<EnvFilter, BadFilter> {
    let bad = |reason: String| BadFilter { filter: text.to_owned(), reason };
    if text.trim().is_empty() {
        return Err(bad("it is empty; \"off\" silences everything".to_owned()));
    }
    EnvFilter::builder().parse(text).map_err(|error| bad(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_lists_are_filters() {
        for good in ["info", "off", "warn,vigie=debug", "info,vigie::relay=trace"] {
            assert!(filter(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn what_is_no_filter_is_refused_by_its_key() {
        for bad in ["", " ", "vigie=loud", "a=b=c", "info,[", "inof=1x"] {
            let error = filter(bad).expect_err(bad).to_string();
            assert!(error.starts_with(&format!("`log.filter` is {bad:?}: expected a level")), "{error}");
        }
    }

    #[test]
    fn a_second_start_changes_nothing() {
        let log = |format| Log { filter: "off".into(), format };
        assert!(logs(&log(LogFormat::Text)).is_ok());
        assert!(logs(&log(LogFormat::Json)).is_ok());
    }
}
