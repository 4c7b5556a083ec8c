//! More people at once than vigie can serve: what still goes out meanwhile, and how soon all is well again.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::books::Books;
use crate::crowd::{Crowd, Phase, Run, Side};
use crate::gateway::Gateway;
use crate::peak::{self, Peak, Search};
use crate::report::{Output, Report, milliseconds};
use crate::sink::{Kind, Sink};
use crate::store::Choice;
use crate::vitals::{Vitals, most};

/// What to run.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// How often the peak is offered.
    #[arg(long, value_delimiter = ',', default_value = "2,10")]
    times: Vec<u32>,
    /// Seconds of overload.
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    /// Seconds at half of the peak after it, and before it, but then at most 3.
    #[arg(long, default_value_t = 15.0)]
    after: f64,
    #[command(flatten)]
    search: Search,
    #[command(flatten)]
    store: Choice,
    #[command(flatten)]
    output: Output,
}

/// The share of the peak that is offered before and after.
const NORMAL: f64 = 0.5;

/// Seconds at this share before the overload, at most.
const BEFORE: Duration = Duration::from_secs(3);

/// Latencies are looked at in windows of this width.
const WINDOW: Duration = Duration::from_millis(250);

/// So many windows in a row are well before all is.
const IN_A_ROW: u32 = 2;

/// Of those who come in a window so many must get their mail: a window's edge may fall between two.
const SERVED: f64 = 0.98;

/// Between two looks at the memory.
const LOOK: Duration = Duration::from_millis(200);

/// Runs the scenario and prints its figures.
pub async fn run(options: Options) -> Result<()> {
    let store = options.store.open()?;
    let (sink, mails) = Sink::start(Kind::Near)?;
    let gateway = Gateway::start(store.url(), &[("VIGIE__RELAY__URL", &sink.url())]).await?;
    let vitals = Vitals::watch(gateway.pid()?, LOOK);
    let mut crowd = Crowd::new(Side::Vigie(Box::new(gateway)), mails);
    let mut report = Report::new("overload");
    report.parameter("store", store.name());
    report.parameter("seconds", options.seconds);
    let peak = peak::search(&mut crowd, options.search).await?;
    report.figure("peak goodput", peak.goodput, "/s");
    let after = Duration::from_secs_f64(options.after);
    let over = Duration::from_secs_f64(options.seconds);
    let spans = Spans { before: BEFORE.min(after), over, after };
    let (mut asked, mut refused) = (0, 0);
    for times in &options.times {
        let run = overload(&mut crowd, &peak, *times, spans, &mut report).await?;
        asked += run.people;
        refused += run.answers.refused + run.answers.unanswered;
    }
    let gateway = crowd.gateway()?;
    let books = Books::of(gateway).await?;
    books.tell(&mut report);
    report.figure("pixels asked for", asked as f64, "");
    report.figure("pixels refused or unanswered", refused as f64, "");
    let seen = vitals.stop()?;
    report.figure("peak memory", most(&seen.memory), "MB");
    report.series("memory", "MB", seen.memory);
    report.finish(&options.output)?;
    ensure!(refused == 0, "{refused} pixels were refused or not answered");
    books.balance()
}

/// Half of the peak, then more than it, then half of it again.
#[derive(Debug, Clone, Copy)]
struct Spans {
    before: Duration,
    over: Duration,
    after: Duration,
}

/// Offers so many times the peak, between two spans at half of it.
async fn overload(
    crowd: &mut Crowd,
    peak: &Peak,
    times: u32,
    spans: Spans,
    report: &mut Report,
) -> Result<Run> {
    let Spans { before, over, after } = spans;
    let usual = peak.goodput * NORMAL;
    let shed = Books::of(crowd.gateway()?).await?.shed;
    let profile = [
        Phase::new(usual, before),
        Phase::new(peak.goodput * f64::from(times), over),
        Phase::new(usual, after),
    ];
    let run = crowd.run(&format!("{times} times the peak"), &profile).await?;
    let goodput = run.mails.done_within(run.start + before, over) as f64 / over.as_secs_f64();
    let normal = milliseconds(&run.mails.within(run.start, before)?, 0.99);
    let recovered = recovery(&run, usual, spans, normal)?;
    let shed = Books::of(crowd.gateway()?).await?.shed - shed;
    report.figure(format!("goodput at {times} times"), goodput, "/s");
    report.figure(format!("share of the peak at {times} times"), goodput / peak.goodput, "");
    report.figure(format!("p99 before {times} times"), normal, "ms");
    report.figure(format!("recovered after {times} times within"), recovered, "s");
    report.figure(format!("signals shed at {times} times"), shed, "");
    report.latencies(format!("pixel answered at {times} times"), run.answers.latencies.histogram()?);
    let p99 = run.mails.over_time(run.start, before + over + after, WINDOW, 0.99)?;
    report.series(format!("p99 of fires around {times} times"), "ms", p99);
    Ok(run)
}

/// Seconds from the end of the overload until those who come get their mails, and the p99 is below twice the normal one, for
/// a while; all that was looked at, if they never do.
fn recovery(run: &Run, usual: f64, spans: Spans, normal: f64) -> Result<f64> {
    let ended = run.start + spans.before + spans.over;
    let (mut well, mut at) = (0, Duration::ZERO);
    while at < spans.after {
        let window = run.mails.within(ended + at, WINDOW)?;
        let served = window.len() as f64 >= usual * WINDOW.as_secs_f64() * SERVED;
        well = if served && milliseconds(&window, 0.99) < 2.0 * normal { well + 1 } else { 0 };
        if well == IN_A_ROW {
            return Ok(at.saturating_sub(WINDOW * (IN_A_ROW - 1)).as_secs_f64());
        }
        at += WINDOW;
    }
    Ok(spans.after.as_secs_f64())
}
