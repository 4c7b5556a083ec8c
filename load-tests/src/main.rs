//! `vigie-load`: measures vigie side by side with what it is compared to, on the same machine in the same minutes.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool that prints figures")]
#![expect(clippy::cast_precision_loss, reason = "figures are printed with three digits")]

mod books;
mod child;
mod compare;
mod crowd;
mod day;
mod enqueue;
mod fires;
mod gateway;
mod governed;
mod import;
mod known;
mod lanes;
mod live;
mod overload;
mod peak;
mod people;
mod pixels;
mod present;
mod process;
mod readers;
mod relays;
mod report;
mod results;
mod samples;
mod scanned;
mod signing;
mod sink;
mod soak;
mod steering;
mod store;
mod touches;
mod verdicts;
mod vitals;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    test: Test,
}

#[derive(Debug, Subcommand)]
enum Test {
    /// The pixel endpoint against nginx's `empty_gif`, one thread each: requests per second and CPU per request.
    Pixels(pixels::Arguments),
    /// Pixel asked for → relay's 250, open loop, and round trips per mail.
    Fires(fires::Options),
    /// The most fires per second.
    Peak(peak::Options),
    /// Several times the peak at once: what goes out meanwhile, and how soon all is well again.
    Overload(overload::Options),
    /// A mixed day in minutes.
    Day(day::Options),
    /// Moderate load for long: memory, open files and latencies over time.
    Soak(soak::Options),
    /// The same letters by vigie's relay, by lettre's pool as it comes, and by Postfix's `smtp-source`.
    Relays(relays::Options),
    /// Pixel asked for → relay's 250, side by side with fastify, `BullMQ` and nodemailer, both on a Redis of their own.
    Compare(compare::Options),
    /// Pixel asked for → relay's 250, in turns without and with limits, budgets and hours.
    Governed(governed::Options),
    /// How long it takes to settle a case, and until another gateway hears of a changed flow.
    Steering(steering::Options),
    /// Durable sends per second through NDJSON, and bytes per waiting send.
    Enqueue(enqueue::Options),
    /// Lines per second and peak memory of `vigie import`, for a feed that is new, one that was imported, and a dry run.
    Import(import::Options),
    /// Resident memory with many people online.
    Present(present::Options),
    /// Memory of people with a recorded consent.
    Known(known::Options),
    /// Signals of people with nothing waiting through edge and Redis: touches per second, processor time of each part.
    Touches(touches::Options),
    /// A scanner behind people who have much waiting: sends that its scans fire, which must be none.
    Scanned(scanned::Options),
    /// What a verdict costs, by whether its agent was seen before.
    Verdicts(verdicts::Options),
    /// Runs what is compared and promised, one after the other, and writes `load-tests/RESULTS.md`.
    Results(results::Options),
    /// Runs one edge until killed; `pixels` starts it.
    #[command(hide = true)]
    Edge(child::Arguments),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().test {
        Test::Pixels(arguments) => pixels::run(&arguments).map_err(std::io::Error::other),
        Test::Fires(options) => wait_for(fires::run(options)),
        Test::Peak(options) => wait_for(peak::run(options)),
        Test::Overload(options) => wait_for(overload::run(options)),
        Test::Day(options) => wait_for(day::run(options)),
        Test::Soak(options) => wait_for(soak::run(options)),
        Test::Relays(options) => wait_for(relays::run(options)),
        Test::Compare(options) => wait_for(compare::run(options)),
        Test::Governed(options) => wait_for(governed::run(options)),
        Test::Steering(options) => wait_for(steering::run(options)),
        Test::Enqueue(options) => wait_for(enqueue::run(options)),
        Test::Import(options) => wait_for(import::run(options)),
        Test::Present(options) => wait_for(present::run(options)),
        Test::Known(options) => wait_for(known::run(options)),
        Test::Touches(options) => wait_for(touches::run(options)),
        Test::Scanned(options) => wait_for(scanned::run(options)),
        Test::Verdicts(options) => verdicts::run(&options).map_err(std::io::Error::other),
        Test::Results(options) => results::run(&options).map_err(std::io::Error::other),
        Test::Edge(arguments) => child::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("vigie-load: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a test that is made of tasks.
fn wait_for(test: impl Future<Output = anyhow::Result<()>>) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(test).map_err(|error| std::io::Error::other(format!("{error:#}")))
}
