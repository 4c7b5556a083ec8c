//! Pixel asked for → relay's 250, open loop: pixels leave at their planned moments whether or not earlier ones have
//! been answered, and latency counts from the planned moment (no coordinated omission).

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::sync::mpsc;
use vigie::cli::demo::sink::Taken;

use crate::gateway::Gateway;
use crate::lanes::{Answers, Lanes, steadily};
use crate::live::Live;
use crate::people;
use crate::report::{Output, Report};
use crate::samples::Samples;
use crate::signing;
use crate::sink::{Kind, Sink};
use crate::store::Choice;

/// What the pixels' clients call themselves.
pub const MAIL_CLIENT: &str =
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)";

/// What to run.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    #[command(flatten)]
    pace: Pace,
    /// The relay: on this machine, 20 ms away, 200 ms slow, or one that defers every tenth mail.
    #[arg(long, value_enum, default_value_t = Kind::Near)]
    sink: Kind,
    /// Sign each mail with DKIM, by an RSA key of 2048 bits.
    #[arg(long)]
    signed: bool,
    #[command(flatten)]
    store: Choice,
    #[command(flatten)]
    output: Output,
}

/// How pixels are asked for.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Pace {
    /// Pixels per second.
    #[arg(long, default_value_t = 500)]
    pub rate: u32,
    /// Seconds of load.
    #[arg(long, default_value_t = 10)]
    pub seconds: u32,
    /// Sends that wait besides those that will be fired.
    #[arg(long, default_value_t = 1000)]
    pub waiting: usize,
    /// Connections the pixels arrive on.
    #[arg(long, default_value_t = 8)]
    pub connections: usize,
}

impl Pace {
    /// Pixels, and so mails, in all.
    pub const fn fires(self) -> usize {
        self.rate as usize * self.seconds as usize
    }
}

/// What came of it.
pub struct Fired {
    /// From each pixel's planned moment to the 250.
    pub mails: Samples,
    /// What the edge answered.
    pub answers: Answers,
    /// Round trips of all mails together.
    round_trips: u64,
    start: Instant,
}

/// A mail that the sink took.
#[derive(Debug, Clone, Copy)]
pub struct Mail {
    /// Whose it is.
    pub person: usize,
    /// When the sink said 250.
    pub at: Instant,
    round_trips: u32,
}

impl Mail {
    /// What a mail tells, if it is one of [`people::line()`]'s.
    pub fn of(taken: &Taken) -> Option<Self> {
        let person = people::addressee(&taken.message)?;
        Some(Self { person, at: taken.at, round_trips: taken.round_trips })
    }
}

/// A deferred send comes back after this; a real relay is given more time.
const RETRY: &str = "1s";

/// Runs the scenario and prints its figures.
pub async fn run(options: Options) -> Result<()> {
    let pace = options.pace;
    let store = options.store.open()?;
    let (sink, mut mails) = Sink::start(options.sink)?;
    let keys = tempfile::tempdir()?;
    let signing = if options.signed { signing::with_rsa(keys.path())?.to_vec() } else { Vec::new() };
    let gateway = start(store.url(), options.sink, pace.rate, &sink, signing).await?;
    // Connections, caches and pages are there before it counts.
    let warm = Pace { seconds: 1, ..pace };
    let (first, all) = (warm.fires(), warm.fires() + pace.fires());
    people::enqueue(&gateway, 0..all + pace.waiting).await?;
    fire(gateway.edge, people::paths(&gateway, 0..first)?, 0, warm, &mut mails).await?;
    let paths = people::paths(&gateway, first..all)?;
    let fired = fire(gateway.edge, paths, first, pace, &mut mails).await?;
    let mut report = Report::new("fires");
    report.parameter("rate", pace.rate);
    report.parameter("seconds", pace.seconds);
    report.parameter("sink", format!("{:?}", options.sink).to_lowercase());
    report.parameter("signed", options.signed);
    report.parameter("store", store.name());
    let seconds = Duration::from_secs(pace.seconds.into());
    let second = Duration::from_secs(1);
    report.series("p99 of fires", "ms", fired.mails.over_time(fired.start, seconds, second, 0.99)?);
    report.latencies("pixel planned → 250", fired.mails.histogram()?);
    report.latencies("pixel planned → answered", fired.answers.latencies.histogram()?);
    let own = gateway.metric("vigie_signal_to_accepted_seconds_sum", "demo").await?;
    let count = gateway.metric("vigie_signal_to_accepted_seconds_count", "demo").await?;
    report.figure("mails", fired.mails.len() as f64, "");
    report.figure("round trips per mail", fired.round_trips as f64 / fired.mails.len() as f64, "");
    report.figure("round trip to the sink", options.sink.round_trip().as_secs_f64() * 1000.0, "ms");
    report.figure("deferred by the sink", sink.deferred() as f64, "");
    report.figure("gateway's own mean", own / count * 1000.0, "ms");
    let gap = gateway.total("vigie_conservation_gap", "").await?;
    report.figure("conservation gap", gap, "");
    report.finish(&options.output)?;
    ensure!(gap == 0.0, "the books do not balance by {gap}");
    ensure!(
        fired.answers.refused + fired.answers.unanswered == 0,
        "{} pixels refused",
        fired.answers.refused
    );
    Ok(())
}

/// `dispatch.max_in_flight` as it is shipped; no less than the connections is allowed.
const IN_FLIGHT: u64 = 32;

/// A gateway with as many connections to the sink as it needs at this rate, and half as many again.
async fn start(
    store: &str,
    kind: Kind,
    rate: u32,
    sink: &Sink,
    signing: Vec<(&str, String)>,
) -> Result<Gateway> {
    // Each mail holds its connection that long: a round trip, or a slow relay's look at it.
    let each = if kind == Kind::Slow { Duration::from_millis(200) } else { kind.round_trip() };
    let connections = (u64::from(rate) * 3 / 2 * u64::try_from(each.as_millis())? / 1000).max(10);
    let mut settings = signing;
    settings.extend([
        ("VIGIE__RELAY__URL", sink.url()),
        ("VIGIE__RELAY__CONNECTIONS", connections.to_string()),
        ("VIGIE__DISPATCH__MAX_IN_FLIGHT", connections.max(IN_FLIGHT).to_string()),
        ("VIGIE__DISPATCH__RETRY__FIRST", RETRY.to_owned()),
    ]);
    let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Gateway::start(store, &settings).await
}

/// Asks for the pixels of person `first` and those behind, and notes how long each mail took to the sink's 250.
pub async fn fire(
    edge: SocketAddr,
    paths: Vec<String>,
    first: usize,
    pace: Pace,
    mails: &mut mpsc::Receiver<Taken>,
) -> Result<Fired> {
    let count = paths.len();
    let mut lanes = Lanes::open(edge, pace.connections)?;
    let taken = Arc::new(AtomicU64::new(0));
    let (asked, seen) = (lanes.progress(), Arc::clone(&taken));
    let _live = Live::watch(move || {
        let (asked, answered) = asked.so_far();
        let mails = seen.load(Ordering::Relaxed);
        format!("{asked} pixels asked for, {answered} answered, {mails} mails of {count}")
    });
    let start = Instant::now() + Duration::from_millis(100);
    let asking = tokio::task::spawn_blocking(move || {
        let plan = steadily(&mut lanes, &paths, start, pace.rate.into())?;
        Ok::<_, anyhow::Error>((plan, lanes.close()?))
    });
    let limit = Duration::from_secs(u64::from(pace.seconds) + 30);
    let all =
        tokio::time::timeout(limit, collect(mails, count, &taken)).await.context("mails are missing")?;
    let (plan, answers) = asking.await??;
    let mut fired = Fired { mails: Samples::default(), answers, round_trips: 0, start };
    for Mail { person, at, round_trips } in all {
        let planned = person.checked_sub(first).and_then(|place| plan.get(place));
        fired.mails.add(*planned.context("a mail nobody asked for")?, at);
        fired.round_trips += u64::from(round_trips);
    }
    Ok(fired)
}

/// The next `count` mails.
async fn collect(mails: &mut mpsc::Receiver<Taken>, count: usize, taken: &AtomicU64) -> Vec<Mail> {
    let mut all = Vec::with_capacity(count);
    while all.len() < count {
        let Some(mail) = mails.recv().await else { break };
        all.extend(Mail::of(&mail));
        taken.store(all.len() as u64, Ordering::Relaxed);
    }
    all
}
