//! Limits that change all the time, and limits that change with the date.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use vigie::clock::after;
use vigie::config::Warmup;
use vigie::model::{FlowSetting, Limits, Pass, Rate, SendId, Toll};
use vigie::store::Store;

use super::bench::{Backend, Bench, start};
use super::flows::{paused, scope};

/// Numbers that look like chance, and are the same in every run.
struct Dice(u64);

impl Dice {
    /// One of so many.
    fn one_of(&mut self, many: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % many
    }
}

/// What an operator set, when, and how many a second that allows.
struct Set {
    at: Timestamp,
    allows: usize,
}

async fn ask(store: &dyn Store, n: u32, limits: Limits) -> bool {
    let toll = Toll { scope: scope(None), limits };
    let send = SendId(u128::from(n).to_be_bytes());
    store.take(send, &[toll]).await.expect("take works") == Pass::Go
}

/// Sets the brand's flow to something else: slow, fast, or paused.
async fn flap<B: Backend>(bench: &Bench<B>, dice: &mut Dice) -> Set {
    let rates = [1_u8, 2, 5, 13, 20, 45];
    let (setting, allows) = match dice.one_of(8) {
        0 | 1 => (paused(), 0),
        _ => {
            let rate = rates[usize::try_from(dice.one_of(6)).expect("small")];
            let rate_per_second = Rate::per_second(f64::from(rate));
            (FlowSetting { rate_per_second, ..FlowSetting::default() }, usize::from(rate))
        }
    };
    bench.store().set_flow(scope(None), setting).await.expect("set_flow works");
    Set { at: bench.now(), allows }
}

/// The most that any setting allowed which was in force between these moments.
fn most_allowed(sets: &[Set], from: Timestamp, to: Timestamp) -> usize {
    let before = sets.iter().rposition(|set| set.at <= from).unwrap_or_default();
    sets[before..].iter().take_while(|set| set.at < to).map(|set| set.allows).max().unwrap_or_default()
}

pub(crate) async fn four_gateways_and_a_flapping_limit_are_never_too_many<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let mut gateways = vec![bench.store()];
    for _ in 1..4 {
        gateways.push(bench.backend.another().await);
    }
    let (mut dice, mut went) = (Dice(0x9e37_79b9_7f4a_7c15), Vec::new());
    bench.pass(Duration::from_secs(2));
    let mut sets = vec![flap(&bench, &mut dice).await];
    for n in 0..500_u32 {
        if dice.one_of(12) == 0 {
            sets.push(flap(&bench, &mut dice).await);
        }
        let mut asking = tokio::task::JoinSet::new();
        for (at, gateway) in (0_u32..).zip(&gateways) {
            let gateway = Arc::clone(gateway);
            asking.spawn(async move { ask(&*gateway, n * 4 + at, Limits::default()).await });
        }
        let taken = asking.join_all().await.into_iter().filter(|taken| *taken).count();
        went.extend(std::iter::repeat_n(bench.now(), taken));
        bench.pass(Duration::from_millis(1 + dice.one_of(40)));
    }
    assert!(went.len() > 50, "{} in ten seconds", went.len());
    for from in &went {
        let to = after(*from, Duration::from_secs(1));
        let many = went.iter().filter(|at| *from <= **at && **at < to).count();
        let allowed = most_allowed(&sets, *from, to);
        assert!(many <= allowed, "{many} in a second in which {allowed} were allowed");
    }
    for (set, next) in sets.iter().zip(&sets[1..]).filter(|(set, _)| set.allows == 0) {
        assert!(!went.iter().any(|at| set.at <= *at && *at < next.at), "it was paused");
    }
}

pub(crate) async fn a_month_of_warm_up_keeps_to_each_day<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let text = format!("from = \"{}\"\nfirst_day = 4\ngrowth = 1.2\ndays = 24", &start().to_string()[..10]);
    let warmup: Warmup = toml::from_str(&text).expect("a warm-up");
    let (day, mut went, mut n) = (Duration::from_hours(24), Vec::new(), 0);
    while let Some(per_day) = warmup.per_day(bench.now()) {
        n += 1;
        if ask(&*bench.store(), n, Limits { rate: None, per_day: Some(per_day) }).await {
            went.push(bench.now());
        } else {
            bench.pass(Duration::from_mins(37));
        }
    }
    assert_eq!(bench.now().duration_since(start()).as_hours() / 24, 23, "it ends after 24 days");
    for (last, to) in went.iter().enumerate() {
        let many = went[..=last].iter().filter(|at| *to < after(**at, day)).count();
        let allowed = warmup.per_day(*to).expect("it is not over");
        assert!(many <= allowed as usize, "{many} within the 24 hours before {to}, where {allowed} may go");
    }
    let all: usize =
        (0..24).filter_map(|n| warmup.per_day(after(start(), day * n))).map(|n| n as usize).sum();
    assert!(went.len() * 10 > all * 8, "{} of {all} are not wasted", went.len());
}
