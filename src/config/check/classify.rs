//! `[classify]` and `[providers]`: shares between 0 and 1, windows that a store can remember, labels that stay few.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Problem, refuse_if};
use crate::config::{Ahead, Config};

/// A store remembers for so long at most when relays took mails: longer windows would only cost memory.
const LONGEST_WINDOW: Duration = Duration::from_hours(24);

/// A hint that is older says nothing of now.
const LONGEST_HINT: Duration = Duration::from_mins(10);

/// What is remembered of each mail, address and person is a few dozen bytes, all at once.
const MOST_REMEMBERED: u64 = 10_000_000;

/// Providers are labels of metrics.
const MOST_PROVIDERS: usize = 32;

/// Everything about `[classify]`.
pub(super) fn thresholds(config: &Config, problems: &mut Vec<Problem>) {
    let classify = &config.classify;
    let shares = [
        ("classify.fire_threshold", classify.fire_threshold),
        ("classify.online_threshold", classify.online_threshold),
        ("classify.domain_scan_ratio", classify.domain_scan_ratio),
        ("classify.forward_penalty", classify.forward_penalty),
    ];
    for (key, value) in shares {
        refuse_if(!(0.0..=1.0).contains(&value), problems, || {
            format!("`{key}` ({value}) must be between 0 and 1")
        });
    }
    let (fire, online) = (classify.fire_threshold, classify.online_threshold);
    refuse_if(online > fire, problems, || {
        format!("`classify.online_threshold` ({online}) must not exceed `classify.fire_threshold` ({fire})")
    });
    refuse_if(classify.apple_privacy == Ahead::Fire, problems, || {
        "`classify.apple_privacy` must be \"off\" or \"weak\": Apple's devices fetch at any time, whoever reads".into()
    });
    let remember = classify.remember;
    refuse_if(remember == 0 || remember > MOST_REMEMBERED, problems, || {
        format!("`classify.remember` ({remember}) must be between 1 and {MOST_REMEMBERED}")
    });
    for (key, value) in [("burst_links", classify.burst_links), ("fanout_people", classify.fanout_people)] {
        refuse_if(!(2..=8).contains(&value), problems, || {
            format!(
                "`classify.{key}` ({value}) must be between 2 and 8: one is anybody, and more are not remembered"
            )
        });
    }
}

/// Windows of `[classify]` and `[presence]`.
pub(super) fn windows(config: &Config, problems: &mut Vec<Problem>) {
    let Config { classify, presence, .. } = config;
    let windows = [
        ("classify.window_open", classify.window_open, LONGEST_WINDOW),
        ("classify.window_click", classify.window_click, LONGEST_WINDOW),
        ("classify.window_proxy", classify.window_proxy, LONGEST_WINDOW),
        ("classify.window_probable", classify.window_probable, LONGEST_WINDOW),
        ("classify.quarantine", classify.quarantine, LONGEST_WINDOW),
        ("classify.echo", classify.echo, LONGEST_WINDOW),
        ("classify.hint_ttl", classify.hint_ttl, LONGEST_HINT),
        ("presence.scan_grace", presence.scan_grace, LONGEST_WINDOW),
        ("presence.landed_within", presence.landed_within, LONGEST_WINDOW),
    ];
    for (key, value, most) in windows {
        refuse_if(value > most, problems, || format!("`{key}` ({value:?}) must not be longer than {most:?}"));
    }
}

/// Everything about `[providers]`.
pub(super) fn providers(config: &Config, problems: &mut Vec<Problem>) {
    let count = config.providers.len();
    refuse_if(count > MOST_PROVIDERS, problems, || {
        format!("`providers` has {count} names: at most {MOST_PROVIDERS}, they are labels of metrics")
    });
    refuse_if(config.providers.keys().any(|name| name.as_str() == "other"), problems, || {
        "`providers.other` is the name of all that are not listed: choose another".into()
    });
    let mut known = BTreeMap::new();
    for (name, domains) in &config.providers {
        for domain in domains {
            let lower = domain.trim().to_ascii_lowercase();
            refuse_if(!lower.contains('.') || lower.contains('@'), problems, || {
                format!(
                    "`providers.{name}` lists {domain:?}, which is no domain: write what stands behind the @"
                )
            });
            if let Some(other) = known.insert(lower, name) {
                refuse_if(true, problems, || {
                    format!(
                        "`providers.{name}` lists {domain:?}, which `providers.{other}` lists: leave it in one"
                    )
                });
            }
        }
    }
}
