//! The same letters to the same sink: by vigie's relay, by lettre's pooled transport as it comes, and by Postfix's
//! `smtp-source`, which does nothing else and so is the limit of this sink on this machine.

use std::ffi::OsString;
use std::future::Future;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use hdrhistogram::Histogram;
use lettre::address::Envelope;
use lettre::transport::smtp::PoolConfig;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use tokio::task::JoinSet;
use vigie::config::Config;
use vigie::model::Letter;
use vigie::relay::{Delivery, Relay};
use vigie::telemetry::Registry;

use crate::report::{Output, Report};
use crate::sink::{Kind, Sink};

/// What to run.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Letters handed over at the same time, each on a connection of its own.
    #[arg(long, default_value_t = 10)]
    connections: u32,
    /// Seconds of each turn.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Turns.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Messages of `smtp-source` in each turn.
    #[arg(long, default_value_t = 20_000)]
    messages: u32,
    #[command(flatten)]
    output: Output,
}

/// Bytes of a letter's body: with its head about what a short reminder has.
const BODY: usize = 2048;

/// What one side did in all its turns.
struct Side {
    histogram: Histogram<u64>,
    /// Letters and seconds.
    all: (f64, f64),
}

/// Runs the three in turns and prints their figures.
pub async fn run(options: Options) -> Result<()> {
    let (sink, mut mails) = Sink::start(Kind::Near)?;
    // Nobody looks at them, but the sink must not wait.
    tokio::spawn(async move { while mails.recv().await.is_some() {} });
    let (relay, pool) = (ours(&sink, options.connections)?, stock(&sink, options.connections));
    let letter = Arc::new(letter());
    let envelope = Envelope::new(Some(letter.from.parse()?), vec![letter.to.parse()?])?;
    let (mut vigie, mut lettre) = (Side::new()?, Side::new()?);
    let mut source = (0.0, 0.0);
    for _ in 0..options.rounds {
        vigie.turn(&options, || deliver(relay.clone(), Arc::clone(&letter))).await?;
        lettre.turn(&options, || send(pool.clone(), envelope.clone(), Arc::clone(&letter))).await?;
        source.1 += smtp_source(&sink, &options)?;
        source.0 += f64::from(options.messages);
    }
    relay.close().await;
    let mut report = Report::new("relays");
    report.parameter("connections", options.connections);
    report.parameter("turns", options.rounds);
    let per_second = |(letters, seconds): (f64, f64)| letters / seconds;
    report.figure("vigie letters", per_second(vigie.all), "/s");
    report.figure("lettre letters", per_second(lettre.all), "/s");
    report.figure("smtp-source letters", per_second(source), "/s");
    report.figure("vigie / lettre letters", per_second(vigie.all) / per_second(lettre.all), "");
    report.figure("vigie / smtp-source letters", per_second(vigie.all) / per_second(source), "");
    report.latencies("vigie, each letter", vigie.histogram);
    report.latencies("lettre, each letter", lettre.histogram);
    report.finish(&options.output)
}

impl Side {
    fn new() -> Result<Self> {
        Ok(Self { histogram: Histogram::new(3)?, all: (0.0, 0.0) })
    }

    /// Hands letters over for a while, on each connection one after the other.
    async fn turn<F>(&mut self, options: &Options, hand_over: impl Fn() -> F) -> Result<()>
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        let start = Instant::now();
        let lasts = Duration::from_secs_f64(options.seconds);
        let mut under_way = JoinSet::new();
        for _ in 0..options.connections {
            under_way.spawn(timed(hand_over()));
        }
        while let Some(done) = under_way.join_next().await {
            self.histogram.record(u64::try_from(done??.as_micros())?)?;
            self.all.0 += 1.0;
            if start.elapsed() < lasts {
                under_way.spawn(timed(hand_over()));
            }
        }
        self.all.1 += start.elapsed().as_secs_f64();
        Ok(())
    }
}

/// How long it took.
async fn timed(hand_over: impl Future<Output = Result<()>>) -> Result<Duration> {
    let begun = Instant::now();
    hand_over.await?;
    Ok(begun.elapsed())
}

/// The way of a gateway's mails.
fn ours(sink: &Sink, connections: u32) -> Result<Relay> {
    let settings = [("URL", sink.url()), ("CONNECTIONS", connections.to_string())];
    let settings =
        settings.map(|(key, value)| (OsString::from(format!("VIGIE__RELAY__{key}")), value.into()));
    let config = Config::load(&[], settings)?;
    Ok(Relay::new(&config.relay, &std::env::temp_dir(), &Registry::new())?)
}

async fn deliver(relay: Relay, letter: Arc<Letter>) -> Result<()> {
    let session = relay.checkout().await.map_err(|refusal| anyhow!("{}", refusal.reason))?;
    let delivery = session.deliver(&letter).await;
    ensure!(matches!(delivery, Delivery::Accepted { .. }), "{delivery:?}");
    Ok(())
}

/// lettre's pool as it comes, with as many connections.
fn stock(sink: &Sink, connections: u32) -> AsyncSmtpTransport<Tokio1Executor> {
    let address = sink.address();
    AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(address.ip().to_string())
        .port(address.port())
        .pool_config(PoolConfig::new().max_size(connections))
        .build()
}

async fn send(
    pool: AsyncSmtpTransport<Tokio1Executor>,
    envelope: Envelope,
    letter: Arc<Letter>,
) -> Result<()> {
    pool.send_raw(&envelope, &letter.bytes).await?;
    Ok(())
}

/// Hands over so many messages on as many connections; how many seconds it took.
fn smtp_source(sink: &Sink, options: &Options) -> Result<f64> {
    let (sessions, messages) = (options.connections.to_string(), options.messages.to_string());
    let address = sink.address();
    let begun = Instant::now();
    let status = Command::new("smtp-source")
        .args(["-d", "-s", &sessions, "-m", &messages, "-l", &BODY.to_string()])
        .args(["-f", "reminders@demo.example", "-t", "person@load.example"])
        .arg(format!("inet:{}:{}", address.ip(), address.port()))
        .env("PATH", format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default()))
        .stdout(Stdio::null())
        .status()
        .context("starting smtp-source: install Postfix")?;
    ensure!(status.success(), "smtp-source ended with {status}");
    Ok(begun.elapsed().as_secs_f64())
}

fn letter() -> Letter {
    let line = "It is due on the first of December, and 120.00 EUR are open.\r\n";
    let head =
        "From: Demo <reminders@demo.example>\r\nTo: person@load.example\r\nSubject: A reminder\r\n\r\n";
    let bytes = format!("{head}{}", line.repeat(BODY / line.len())).into_bytes();
    Letter { from: "reminders@demo.example".to_owned(), to: "person@load.example".to_owned(), bytes }
}
