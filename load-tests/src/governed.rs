//! What it costs that mail is governed: the same pixels, in turns, to a gateway without limits, budget and hours, and to one
//! with all of them on, none of which holds anything back.

use std::io::Write;

use anyhow::Result;

use crate::compare::Side;
use crate::fires::Pace;
use crate::gateway::Gateway;
use crate::people;
use crate::report::{milliseconds, spread};
use crate::sink::{Kind, Sink};
use crate::store::Choice;

/// What to run.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// How pixels are asked for, in each turn.
    #[command(flatten)]
    pace: Pace,
    #[command(flatten)]
    store: Choice,
    /// Turns of each side.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

/// A limit of the brand, of its recipients' domain, two budgets, and hours with holidays: all of them are asked for each mail.
const GOVERNED: &str = r#"
[budget]
together = [{ at_most = 1, within = "20h" }, { at_most = 3, within = "7d" }]
[limits.domains]
"load.example" = { rate_per_second = 10000, per_day = 4000000 }
[brands.demo]
limits = { rate_per_second = 10000, per_day = 4000000 }
budget = [{ at_most = 2, within = "7d" }]
[brands.demo.hours]
zone = "Europe/Paris"
open = [{ days = "mon-sun", from = "00:00", to = "24:00" }]
holidays = { dates = ["2020-12-24"] }
"#;

/// Runs both in turns and prints each turn, then both sides and their ratio.
pub async fn run(options: Options) -> Result<()> {
    let (pace, rounds) = (options.pace, options.rounds);
    let mut rules = tempfile::NamedTempFile::with_suffix(".toml")?;
    rules.write_all(GOVERNED.as_bytes())?;
    let mut running = Vec::new();
    let mut sides = Vec::new();
    for (name, file) in [("free", None), ("governed", Some(rules.path()))] {
        let store = options.store.open()?;
        let (sink, mails) = Sink::start(Kind::Near)?;
        let relay = sink.url();
        let gateway = Gateway::configured(store.url(), file, &[("VIGIE__RELAY__URL", &relay)]).await?;
        let people = pace.fires() * rounds;
        people::enqueue(&gateway, 0..people + pace.waiting).await?;
        sides.push(Side::new(name, gateway.edge, people::paths(&gateway, 0..people)?, mails)?);
        running.push((store, sink, gateway));
    }
    for round in 0..rounds {
        for side in &mut sides {
            side.turn(round, pace).await?;
        }
    }
    println!("governed: {} pixels/s, {rounds} turns of {} s each", pace.rate, pace.seconds);
    for side in &sides {
        println!("  {:<8} {}", side.name, spread(&side.latencies));
    }
    let [free, governed] = &sides[..] else { unreachable!("there are two") };
    let ratio = |at| milliseconds(&governed.latencies, at) / milliseconds(&free.latencies, at);
    println!("  governed / free: p50 {:.2}, p99 {:.2}", ratio(0.5), ratio(0.99));
    Ok(())
}
