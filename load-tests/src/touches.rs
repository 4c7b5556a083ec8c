//! Signals of people with nothing waiting: through the edge, into the store, each of another person.
//!
//! As many as the store keeps up with, and no more: [`requests`] stop while too many signals are on their way between
//! the edge and the store, so that none is shed. What bounds the figure is therefore the slowest of edge, gateway and
//! store, or the machine's processors, which all of them share with this generator; hence the processor time of each.

mod requests;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::gateway::Gateway;
use crate::present::pixels;
use crate::process;
use crate::store::{Choice, Redis};

/// What to run.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// People, each of whom asks for one pixel. A tenth more warm everything up and are not counted.
    #[arg(long, default_value_t = 600_000)]
    people: usize,
    /// Connections their pixels arrive on.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Pixels per second at most; without it as many as the store keeps up with.
    #[arg(long)]
    rate: Option<u32>,
    /// The pixels stand in mails that were sent: touches look at the scan grace, too.
    #[arg(long)]
    in_mails: bool,
    #[command(flatten)]
    store: Choice,
}

/// Signals between the edge and the store: so few that none waits for long (a gateway that is behind serves the newest
/// first, and sheds who has waited ten seconds), and enough that the store always has some.
const ON_THEIR_WAY: usize = 1024;

/// Calls that show that the store still sees people: a gateway's housekeeping alone makes fewer in five seconds.
const PROGRESS: usize = 100;

/// How often is looked at how far the store is.
const LOOK: Duration = Duration::from_millis(10);

/// What everybody had done at one moment.
struct Moment {
    at: Instant,
    redis: Duration,
    /// Functions that Redis ran, and the microseconds they took.
    functions: (u64, u64),
    gateway: Duration,
    own: Duration,
    touches: f64,
    shed: f64,
    lost: f64,
}

/// Runs the scenario and prints its figures.
pub async fn run(options: Options) -> Result<()> {
    let mut redis = options.store.redis()?;
    let gateway = Gateway::start(&redis.url, &[]).await?;
    let warm = options.people / 10;
    let mut paths = pixels(&gateway, options.people + warm, options.in_mails)?;
    let counted = paths.split_off(warm);
    load(&gateway, &mut redis, paths, options.connections, options.rate)?;
    let begun = Moment::now(&gateway, &mut redis).await?;
    let answered = load(&gateway, &mut redis, counted, options.connections, options.rate)?;
    let ended = Moment::now(&gateway, &mut redis).await?;
    report(&options, answered, &begun, &ended);
    println!("  a plain SET … PX in the same Redis {:.2}", redis.plain_set()?.as_secs_f64() * 1e6);
    let (shed, lost) = (ended.shed, ended.lost);
    ensure!(shed + lost == 0.0, "{shed} signals shed, {lost} lost: the run does not count");
    Ok(())
}

/// Asks for every pixel once, and waits until the store has touched every person; how long the answers took.
pub fn load(
    gateway: &Gateway,
    redis: &mut Redis,
    paths: Vec<String>,
    connections: usize,
    rate: Option<u32>,
) -> Result<Duration> {
    let (before, people) = (redis.functions()?.0, paths.len());
    let allowed = Arc::new(AtomicUsize::new(ON_THEIR_WAY));
    let plan = requests::Plan { edge: gateway.edge, paths, connections, rate, allowed: Arc::clone(&allowed) };
    let asking = std::thread::spawn(move || requests::run(plan));
    let mut patience = Instant::now();
    let (mut touched, mut marked) = (0, 0);
    while touched < people {
        std::thread::sleep(LOOK);
        touched = usize::try_from(redis.functions()?.0 - before)?;
        if touched >= marked + PROGRESS {
            (patience, marked) = (Instant::now(), touched);
        }
        ensure!(
            patience.elapsed() < Duration::from_secs(5),
            "the store saw only {touched} of {people} people"
        );
        allowed.store(touched + ON_THEIR_WAY, Ordering::Relaxed);
    }
    asking.join().map_err(|_| anyhow::anyhow!("the requests' thread panicked"))?
}

impl Moment {
    async fn now(gateway: &Gateway, redis: &mut Redis) -> Result<Self> {
        Ok(Self {
            touches: gateway.total("vigie_store_seconds_count", "operation=\"touch\"").await?,
            shed: gateway.total("vigie_signals_shed_total", "").await?,
            lost: gateway.total("vigie_signals_lost_total", "").await?,
            redis: redis.used()?.cpu,
            functions: redis.functions()?,
            gateway: gateway.cpu()?,
            own: process::cpu(std::process::id())?,
            at: Instant::now(),
        })
    }
}

fn report(options: &Options, answered: Duration, begun: &Moment, ended: &Moment) {
    let touches = ended.touches - begun.touches;
    let each = |after: Duration, before: Duration| after.saturating_sub(before).as_secs_f64() * 1e6 / touches;
    let (redis, gateway, own) =
        (each(ended.redis, begun.redis), each(ended.gateway, begun.gateway), each(ended.own, begun.own));
    let (calls, micros) = (ended.functions.0 - begun.functions.0, ended.functions.1 - begun.functions.1);
    println!(
        "touches: {} people, {} connections, load average {}",
        options.people,
        options.connections,
        process::load_average()
    );
    println!(
        "  at the edge {:.0} requests/s   in the store {:.0} touches/s   shed {:.0}   lost {:.0}",
        options.people as f64 / answered.as_secs_f64(),
        touches / ended.at.saturating_duration_since(begun.at).as_secs_f64(),
        ended.shed,
        ended.lost
    );
    println!(
        "  µs of processor per touch: Redis {redis:.2} (in functions {:.2})   gateway {gateway:.2}   generator \
         {own:.2}   together {:.2}",
        micros as f64 / calls as f64,
        redis + gateway + own
    );
}
