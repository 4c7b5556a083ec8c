//! Flows with limits: no window sees more than a limit, and who waits is told when to come back.

use std::time::Duration;

use jiff::Timestamp;
use vigie::clock::after;
use vigie::model::{FlowScope, FlowSetting, Limits, Pass, Ramp, Rate, SendId, Toll};

use super::bench::{Backend, Bench, name};
use super::flows::{paused, scope};

fn toll(scope: FlowScope) -> Toll {
    Toll { scope, limits: Limits::default() }
}

fn rate(per_second: f64) -> Option<Rate> {
    Rate::per_second(per_second)
}

fn one(n: u32) -> SendId {
    SendId(u128::from(n).to_be_bytes())
}

async fn take<B: Backend>(bench: &Bench<B>, n: u32) -> Pass {
    bench.store().take(one(n), &[toll(scope(None))]).await.expect("take works")
}

async fn limit<B: Backend>(bench: &Bench<B>, setting: FlowSetting) {
    bench.store().set_flow(scope(None), setting).await.expect("set_flow works");
}

/// Asks every so often, for so many times; gives when there was a token.
async fn taken<B: Backend>(bench: &Bench<B>, every: Duration, times: u32) -> Vec<Timestamp> {
    let mut went = Vec::new();
    for n in 0..times {
        if take(bench, n).await == Pass::Go {
            went.push(bench.now());
        }
        bench.pass(every);
    }
    went
}

/// The most that lie in one window of this width, wherever it begins.
fn most_within(moments: &[Timestamp], width: Duration) -> usize {
    let from =
        |at: &Timestamp| moments.iter().filter(|other| *at <= **other && **other < after(*at, width)).count();
    moments.iter().map(from).max().unwrap_or_default()
}

pub(crate) async fn a_rate_holds_in_every_second<B: Backend>() {
    for (per_second, allowed, least) in [(3.0, 3, 8), (40.0, 40, 100)] {
        let bench = Bench::<B>::new().await;
        limit(&bench, FlowSetting { rate_per_second: rate(per_second), ..FlowSetting::default() }).await;
        bench.pass(Duration::from_secs(2));
        let went = taken(&bench, Duration::from_millis(7), 430).await;
        let most = most_within(&went, Duration::from_secs(1));
        assert!(most <= allowed, "{most} in a second at {per_second}");
        assert!(went.len() >= least, "{} in three seconds at {per_second}", went.len());
    }
}

pub(crate) async fn a_day_holds_in_every_24_hours<B: Backend>() {
    let bench = Bench::<B>::new().await;
    limit(&bench, FlowSetting { per_day: Some(5), ..FlowSetting::default() }).await;
    let went = taken(&bench, Duration::from_mins(17), 260).await;
    assert!(most_within(&went, Duration::from_hours(24)) <= 5);
    assert!((15..=17).contains(&went.len()), "{} in three days", went.len());
}

pub(crate) async fn a_limit_that_is_raised_or_lowered_holds_at_once<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let set = |per_second| FlowSetting { rate_per_second: rate(per_second), ..FlowSetting::default() };
    limit(&bench, set(0.001)).await;
    bench.pass(Duration::from_secs(1001));
    assert_eq!(take(&bench, 1).await, Pass::Go);
    assert!(matches!(take(&bench, 2).await, Pass::Wait(..)));
    limit(&bench, set(10.0)).await;
    bench.pass(Duration::from_millis(100));
    assert_eq!(take(&bench, 2).await, Pass::Go, "what was too slow a moment ago is not waited for");
    let mut went = Vec::new();
    for n in 0..400 {
        // Flaps between 4 and 30 a second.
        limit(&bench, set(if n / 20 % 2 == 0 { 4.0 } else { 30.0 })).await;
        if take(&bench, n + 10).await == Pass::Go {
            went.push(bench.now());
        }
        bench.pass(Duration::from_millis(9));
    }
    assert!(most_within(&went, Duration::from_secs(1)) <= 30);
    assert!(went.len() >= 20, "{}", went.len());
}

pub(crate) async fn who_waits_comes_back_spread<B: Backend>() {
    let bench = Bench::<B>::new().await;
    limit(&bench, FlowSetting { rate_per_second: rate(10.0), ..FlowSetting::default() }).await;
    bench.pass(Duration::from_secs(2));
    assert_eq!(take(&bench, 0).await, Pass::Go);
    let mut turns = Vec::new();
    for n in 1..=60 {
        let Pass::Wait(flow, until) = take(&bench, n).await else { panic!("one at a time") };
        assert_eq!(flow, scope(None));
        turns.push(until);
    }
    let first = after(bench.now(), Duration::from_millis(100));
    assert!(turns.iter().all(|turn| *turn >= first && *turn <= after(first, Duration::from_secs(1))));
    assert!(most_within(&turns, Duration::from_millis(100)) <= 30, "they do not come back together");
}

/// Until when these have to wait or are paused.
async fn turns<B: Backend>(bench: &Bench<B>, sends: std::ops::Range<u32>) -> Vec<Duration> {
    let mut turns = Vec::new();
    for n in sends {
        let (Pass::Wait(_, until) | Pass::Paused(_, until)) = take(bench, n).await else {
            panic!("there is no token")
        };
        turns.push(until.duration_since(bench.now()).try_into().expect("it is not over"));
    }
    turns
}

pub(crate) async fn a_day_that_is_used_up_and_a_pause_are_asked_about_soon<B: Backend>() {
    for held in [paused(), FlowSetting { per_day: Some(1), ..FlowSetting::default() }] {
        let bench = Bench::<B>::new().await;
        limit(&bench, FlowSetting { per_day: Some(1), ..FlowSetting::default() }).await;
        assert_eq!(take(&bench, 0).await, Pass::Go);
        limit(&bench, held).await;
        let few = turns(&bench, 1..6).await;
        let soon = Duration::from_secs(1)..=Duration::from_secs(2);
        assert!(few.iter().all(|turn| soon.contains(turn)), "a few are asked for at once: {few:?}");
        let many = turns(&bench, 6..1200).await;
        let longest = many.iter().max().expect("some wait");
        assert!(*longest <= Duration::from_secs(90), "a minute and 30 seconds of turns: {longest:?}");
        let moments: Vec<_> = many.iter().map(|turn| after(bench.now(), *turn)).collect();
        let most = most_within(&moments, Duration::from_secs(1));
        assert!(most <= 60, "{most} ask in one second");
        limit(&bench, FlowSetting { per_day: Some(9), ..FlowSetting::default() }).await;
        assert_eq!(take(&bench, 1).await, Pass::Go, "the limit was raised, or the flow resumed");
    }
}

pub(crate) async fn a_pause_that_ends_soon_is_waited_for<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let until = after(bench.now(), Duration::from_millis(300));
    limit(&bench, FlowSetting { until: Some(until), ..paused() }).await;
    assert!(turns(&bench, 0..1).await[0] < Duration::from_millis(400));
    bench.pass(Duration::from_millis(400));
    assert_eq!(take(&bench, 0).await, Pass::Go);
}

pub(crate) async fn limits_end_by_themselves<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let until = after(bench.now(), Duration::from_mins(1));
    let setting = FlowSetting {
        rate_per_second: rate(0.001),
        per_day: Some(1),
        until: Some(until),
        ..FlowSetting::default()
    };
    limit(&bench, setting).await;
    bench.pass(Duration::from_secs(59));
    let went = taken(&bench, Duration::from_millis(90), 10).await.len();
    assert!(went <= 1, "{went} before it is over");
    bench.pass(Duration::from_millis(100));
    assert_eq!(taken(&bench, Duration::from_millis(1), 20).await.len(), 20, "then nothing holds it");
    let own = [Toll { scope: scope(None), limits: Limits { rate: None, per_day: Some(1) } }];
    let mut answers = Vec::new();
    for n in 90..92 {
        answers.push(bench.store().take(one(n), &own).await.expect("take works"));
    }
    assert!(matches!(&answers[..], [_, Pass::Wait(..)]), "but what is configured: {answers:?}");
}

pub(crate) async fn the_limits_of_a_pause_hold_when_it_is_over<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let until = Some(after(bench.now(), Duration::from_secs(1)));
    limit(&bench, FlowSetting { until, per_day: Some(1), ..paused() }).await;
    bench.pass(Duration::from_secs(2));
    assert_eq!(take(&bench, 1).await, Pass::Go);
    assert!(matches!(take(&bench, 2).await, Pass::Wait(..)));
}

pub(crate) async fn a_clock_that_was_set_back_stops_nobody<B: Backend>() {
    for setting in [
        FlowSetting { rate_per_second: rate(1.0), ..FlowSetting::default() },
        FlowSetting { rate_per_second: rate(40.0), per_day: Some(5), ..FlowSetting::default() },
    ] {
        let bench = Bench::<B>::new().await;
        limit(&bench, setting.clone()).await;
        bench.pass(Duration::from_secs(2));
        assert_eq!(take(&bench, 1).await, Pass::Go);
        bench.backend.set_back(Duration::from_hours(72));
        let went = taken(&bench, Duration::from_millis(50), 60).await;
        assert!(most_within(&went, Duration::from_secs(1)) <= 40);
        let least = if setting.per_day.is_some() { 4 } else { 2 };
        assert!(went.len() >= least, "{} in three seconds", went.len());
        assert_eq!(setting.per_day.is_some(), went.len() == 4, "what went before still counts for the day");
        bench.pass(Duration::from_hours(25));
        assert_eq!(take(&bench, 2).await, Pass::Go, "a day later a day has passed");
    }
}

pub(crate) async fn a_token_is_of_all_flows_or_of_none<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let wave = scope(Some("wave"));
    limit(&bench, FlowSetting { per_day: Some(3), ..FlowSetting::default() }).await;
    let slow = FlowSetting { per_day: Some(1), ..FlowSetting::default() };
    bench.store().set_flow(wave.clone(), slow).await.expect("set_flow works");
    let both = [toll(scope(None)), toll(wave.clone())];
    let mut answers = Vec::new();
    for n in 0..4 {
        answers.push(bench.store().take(one(n), &both).await.expect("take works"));
    }
    assert_eq!(answers[0], Pass::Go);
    assert!(answers[1..].iter().all(|answer| matches!(answer, Pass::Wait(flow, _) if *flow == wave)));
    assert_eq!(
        [take(&bench, 7).await, take(&bench, 8).await],
        [Pass::Go, Pass::Go],
        "the brand lost none by it"
    );
    assert!(matches!(take(&bench, 9).await, Pass::Wait(..)));
    limit(&bench, paused()).await;
    assert!(matches!(take(&bench, 9).await, Pass::Paused(flow, _) if flow == scope(None)));
}

pub(crate) async fn limits_by_configuration_hold_without_a_word<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let domain = FlowScope::domain(&name("gmail.com"));
    let tolls = [Toll { scope: domain, limits: Limits { rate: None, per_day: Some(1) } }];
    assert_eq!(bench.store().take(one(1), &tolls).await.expect("take works"), Pass::Go);
    assert!(matches!(bench.store().take(one(2), &tolls).await.expect("take works"), Pass::Wait(..)));
}

pub(crate) async fn a_flow_begins_again_slowly<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let (from, until) = (bench.now(), after(bench.now(), Duration::from_secs(4)));
    let ramp = Ramp { from, until, start: rate(2.0).expect("a rate"), doubling: 1000 };
    limit(&bench, FlowSetting { ramp: Some(ramp), ..FlowSetting::default() }).await;
    let mut seconds = Vec::new();
    for _ in 0..4 {
        seconds.push(taken(&bench, Duration::from_millis(20), 50).await.len());
    }
    assert!(seconds[0] <= 2 && seconds[3] >= 9, "{seconds:?}");
    assert!(seconds.is_sorted(), "{seconds:?}");
    assert_eq!(taken(&bench, Duration::from_millis(1), 50).await.len(), 50, "then nothing holds it");
}

pub(crate) async fn a_day_outlives_the_process<B: Backend>() {
    let mut bench = Bench::<B>::new().await;
    limit(&bench, FlowSetting { per_day: Some(2), ..FlowSetting::default() }).await;
    assert_eq!([take(&bench, 1).await, take(&bench, 2).await], [Pass::Go, Pass::Go]);
    bench.backend.crash().await;
    assert!(matches!(take(&bench, 3).await, Pass::Wait(..)));
}
