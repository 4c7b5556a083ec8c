//! What a verdict costs: agents seen before and agents never seen, each request of another person.

use std::net::Ipv4Addr;
use std::time::Instant;

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use hyper::Method;
use hyper::header::{HeaderMap, HeaderValue, USER_AGENT};
use vigie::classify::{Classifier, Evidence};
use vigie::config::Config;
use vigie::model::{RecipientId, SendId, Source};

use crate::fires::MAIL_CLIENT;
use crate::process;

/// Agents on a day: mail clients' number in the hundreds.
const AGENTS: usize = 300;

/// What to run.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Verdicts of each kind.
    #[arg(long, default_value_t = 1_000_000)]
    verdicts: usize,
}

/// Prints nanoseconds per verdict.
pub fn run(options: &Options) -> Result<()> {
    let config = Config::load(&[], []).context("the embedded configuration")?;
    let classifier = Classifier::new(&config.classify, config.presence.scan_grace)?;
    println!("verdicts: {} of each kind, load average {}", options.verdicts, process::load_average());
    for (what, agents, known_address) in [
        ("seen agent, no address", AGENTS, false),
        ("seen agent, address", AGENTS, true),
        ("new agent, address", options.verdicts, true),
    ] {
        let mut costs = Histogram::<u64>::new(3)?;
        let whole = Instant::now();
        for n in 0..options.verdicts {
            let headers = headers(n % agents)?;
            let evidence = evidence(n, &headers, known_address);
            let begun = Instant::now();
            std::hint::black_box(classifier.judge(&evidence));
            costs.record(u64::try_from(begun.elapsed().as_nanos())?)?;
        }
        let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|quantile| costs.value_at_quantile(quantile));
        println!(
            "  {what:<24} p50 {p50} ns  p99 {p99} ns  p99.9 {p999} ns  ({:.1} s in all)",
            whole.elapsed().as_secs_f64()
        );
    }
    Ok(())
}

fn headers(n: usize) -> Result<HeaderMap> {
    let agent = HeaderValue::from_str(&format!("{MAIL_CLIENT} Version/{n}"))?;
    Ok(HeaderMap::from_iter([(USER_AGENT, agent)]))
}

fn evidence(n: usize, headers: &HeaderMap, known_address: bool) -> Evidence<'_> {
    let mut id = [7; 16];
    id[..8].copy_from_slice(&n.to_be_bytes());
    let address = Ipv4Addr::from_bits(u32::try_from(n % (1 << 30)).unwrap_or_default() * 3 + (5 << 24));
    Evidence {
        source: Source::Open,
        method: &Method::GET,
        headers,
        client: known_address.then_some(address.into()),
        recipient: RecipientId(id),
        about: Some(SendId(id)),
        days: None,
        link: None,
        decoy: false,
        activated: false,
        presence: true,
    }
}
