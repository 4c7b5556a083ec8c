use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::clock::after;
use crate::config::Config;
use crate::model::{FlowSetting, FlowState, Position, Ramp, Rate};
use crate::store::embedded::Embedded;
use crate::store::{Heard, Rules};

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

fn noon() -> Timestamp {
    "2026-11-02T12:00:00Z".parse().expect("a moment")
}

fn settings() -> config::Brakes {
    Config::load(&[], []).expect("the default file").brakes
}

fn demo() -> FlowScope {
    FlowScope { brand: name("demo"), campaign: None }
}

fn rate(per_second: f64) -> Option<Rate> {
    Rate::per_second(per_second)
}

/// An operator's setting.
fn theirs(since: Timestamp) -> FlowSetting {
    FlowSetting { by: Some("k1".into()), since: Some(since), ..FlowSetting::default() }
}

/// Brakes on a store of their own, with a clock to move.
struct House {
    _directory: tempfile::TempDir,
    store: Arc<dyn Store>,
    clock: Clock,
    brakes: Brakes,
    stop: CancellationToken,
}

impl House {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let clock = Clock::manual(noon());
        let rules = Rules { keep_events: 1000, max_waiting: 10, ..Rules::default() };
        let store = Embedded::open(directory.path(), 8, rules, clock.clone()).expect("an empty store");
        let store: Arc<dyn Store> = Arc::new(store);
        let gate = Gate::new(store.flows(), crate::brands::Brands::default(), clock.clone());
        let brakes = Brakes::new(Arc::clone(&store), gate, clock.clone(), settings(), &Registry::new());
        let stop = CancellationToken::new();
        tokio::spawn(brakes.clone().run(stop.clone()));
        Self { _directory: directory, store, clock, brakes, stop }
    }

    fn setting(&self, scope: &FlowScope) -> Option<FlowSetting> {
        self.store.flows().borrow().settings.get(scope).cloned()
    }

    /// Waits until a flow's setting is as wanted.
    async fn sees(&self, scope: &FlowScope, wanted: impl Fn(&FlowSetting) -> bool) -> FlowSetting {
        let mut flows = self.store.flows();
        let is = |flows: &Arc<Flows>| flows.settings.get(scope).is_some_and(&wanted);
        let seen = tokio::time::timeout(Duration::from_secs(10), flows.wait_for(is)).await;
        let flows = seen.expect("it is set in time").expect("the store lives").clone();
        flows.settings[scope].clone()
    }

    /// Counts for the brand `demo`.
    fn mails(&self, mails: u32, bounced: u32, complained: u32) {
        let demo = name("demo");
        (0..mails).for_each(|_| self.brakes.sent(&demo));
        (0..bounced).for_each(|_| self.brakes.bounced(&demo));
        (0..complained).for_each(|_| self.brakes.complained(&demo));
    }

    async fn told(&self) -> Vec<(String, String)> {
        let Heard::Events(told) = self.store.events(None::<Position>, 100).await.expect("events work") else {
            panic!("all are kept")
        };
        let words =
            |event: crate::model::Event| (event.kind, event.data["scope"].as_str().unwrap_or("").to_owned());
        told.into_iter().map(|told| words(told.event)).collect()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[tokio::test]
async fn a_domain_that_says_so_often_is_slowed_to_half_and_let_go() {
    let house = House::new();
    let gmail = FlowScope::domain(&name("gmail"));
    let settings = settings();
    for _ in 0..60 {
        let throttle = house.brakes.throttle(&name("gmail"));
        throttle.lock().expect("nobody panics with it").took(house.clock.now(), &settings);
        house.clock.advance(Duration::from_millis(500));
    }
    house.brakes.throttled(&name("gmail"));
    house.brakes.throttled(&name("gmail"));
    tokio::task::yield_now().await;
    assert_eq!(house.setting(&gmail), None, "twice is not often");
    house.brakes.throttled(&name("gmail"));
    let braked = house.sees(&gmail, |_| true).await;
    assert_eq!((braked.by.as_deref(), braked.state), (Some("vigie"), FlowState::Running));
    assert!(braked.reason.is_some_and(|reason| reason.starts_with("3 replies within 60s")));
    let ramp = braked.ramp.expect("a ramp");
    assert!((0.9..=1.1).contains(&ramp.start.as_per_second()), "half of two a second: {:?}", ramp.start);
    assert_eq!(braked.until, Some(after(house.clock.now(), settings.release)));
    house.clock.advance(settings.release);
    let free = house.sees(&gmail, |known| known.ramp.is_none()).await;
    assert!(!free.paused(house.clock.now()) && free.by.as_deref() == Some("vigie"));
    let changed = ("flow.changed".to_owned(), "domain/gmail".to_owned());
    eventually(async || house.told().await == [changed.clone(), changed.clone()]).await;
}

/// Waits until it is so.
async fn eventually(so: impl AsyncFn() -> bool) {
    for _ in 0..1000 {
        if so().await {
            return;
        }
        tokio::task::yield_now().await;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("it never is");
}

#[tokio::test]
async fn a_domain_that_takes_nothing_is_paused_for_a_moment() {
    let house = House::new();
    let slow = FlowScope::domain(&name("slow.test"));
    (0..3).for_each(|_| house.brakes.throttled(&name("slow.test")));
    let braked = house.sees(&slow, |known| known.paused(noon())).await;
    let settings = settings();
    assert_eq!(braked.until, Some(after(noon(), settings.pause)));
    let ramp = braked.ramp.expect("it begins slowly");
    assert_eq!((ramp.from, ramp.start), (after(noon(), settings.pause), settings.slowest));
    (0..30).for_each(|_| house.brakes.throttled(&name("slow.test")));
    eventually(async || house.told().await.len() == 1).await;
    house.clock.advance(settings.pause);
    assert!(!house.setting(&slow).expect("a setting").paused(house.clock.now()), "it ends by itself");
}

#[tokio::test]
async fn complaints_slow_a_brand_and_more_of_them_stop_it() {
    let house = House::new();
    house.mails(5000, 0, 3);
    tokio::task::yield_now().await;
    assert_eq!(house.setting(&demo()), None, "0.06 % is little");
    house.mails(0, 0, 1);
    let slowed = house.sees(&demo(), |known| known.ramp.is_some()).await;
    let reason = "4 complaints of 5000 mails within 24 hours (0.08 %)";
    assert_eq!(slowed.reason.as_deref(), Some(reason));
    house.mails(0, 0, 6);
    let stopped = house.sees(&demo(), |known| known.state == FlowState::Paused).await;
    assert_eq!((stopped.until, stopped.by.as_deref()), (None, Some("vigie")));
    house.clock.advance(Duration::from_hours(30));
    tokio::task::yield_now().await;
    assert!(
        house.setting(&demo()).expect("a setting").paused(house.clock.now()),
        "until an operator resumes it"
    );

    // Who resumed it has forgiven what was before.
    house.store.set_flow(demo(), theirs(house.clock.now())).await.expect("set_flow works");
    house.clock.advance(Duration::from_hours(2));
    house.mails(10_000, 0, 5);
    tokio::task::yield_now().await;
    assert_eq!(house.setting(&demo()).and_then(|known| known.by).as_deref(), Some("k1"));
    house.mails(0, 0, 20);
    house.sees(&demo(), |known| known.state == FlowState::Paused).await;
}

#[tokio::test]
async fn bounces_stop_a_brand_and_a_handful_does_nothing() {
    let house = House::new();
    house.mails(499, 400, 0);
    tokio::task::yield_now().await;
    assert_eq!(house.setting(&demo()), None, "499 mails are too few to judge");
    house.mails(1, 0, 0);
    let stopped = house.sees(&demo(), |known| known.state == FlowState::Paused).await;
    assert!(
        stopped.reason.is_some_and(|reason| reason.starts_with("400 mails refused for good of 500 mails"))
    );
}

#[tokio::test]
async fn a_brand_stays_slowed_as_long_as_its_share_is_high() {
    let house = House::new();
    house.mails(999, 50, 0);
    let first = house.sees(&demo(), |known| known.ramp.is_some()).await;
    house.clock.advance(settings().hold);
    house.mails(1, 0, 0);
    let again = house.sees(&demo(), |known| known.since > first.since).await;
    assert_eq!(again.ramp.map(|ramp| ramp.start), first.ramp.map(|ramp| ramp.start), "it got no worse");
    house.clock.advance(settings().hold);
    house.mails(0, 1, 0);
    let worse = house.sees(&demo(), |known| known.since > again.since).await;
    assert!(worse.ramp.map(|ramp| ramp.start) <= again.ramp.map(|ramp| ramp.start));
    house.clock.advance(Duration::from_hours(25));
    house.sees(&demo(), |known| known.ramp.is_none()).await;
}

#[tokio::test]
async fn what_an_operator_set_stays() {
    let house = House::new();
    let gmail = FlowScope::domain(&name("gmail"));
    let set = FlowSetting { rate_per_second: rate(50.0), ..theirs(noon()) };
    house.store.set_flow(gmail.clone(), set.clone()).await.expect("set_flow works");
    house.store.set_flow(demo(), theirs(noon())).await.expect("set_flow works");
    house.clock.advance(Duration::from_mins(30));
    (0..9).for_each(|_| house.brakes.throttled(&name("gmail")));
    house.mails(1000, 500, 0);
    let other = FlowScope::domain(&name("other.test"));
    (0..3).for_each(|_| house.brakes.throttled(&name("other.test")));
    house.sees(&other, |_| true).await;
    assert_eq!(house.setting(&gmail), Some(set));
    assert_eq!(house.setting(&demo()), Some(theirs(noon())), "half an hour is not long ago");
}

fn an_operators() -> impl Strategy<Value = FlowSetting> {
    let ramp = |seconds: i64| Ramp {
        from: noon(),
        until: noon() + jiff::SignedDuration::from_secs(seconds),
        start: Rate::SLOWEST,
        doubling: 10_000,
    };
    let fields =
        (any::<bool>(), -7200_i64..7200, proptest::option::of(1_u32..100), proptest::option::of(1_i64..100));
    fields.prop_map(move |(paused, since, per_day, seconds)| FlowSetting {
        state: if paused { FlowState::Paused } else { FlowState::Running },
        per_day,
        ramp: seconds.map(ramp),
        ..theirs(noon() + jiff::SignedDuration::from_secs(since))
    })
}

fn a_brake() -> impl Strategy<Value = Brake> {
    prop_oneof![
        (0.0_f64..1000.0).prop_map(Brake::Domain),
        proptest::option::of(0.0_f64..1000.0).prop_map(Brake::Slow),
        Just(Brake::Pause),
    ]
}

proptest! {
    #[test]
    fn no_brake_touches_what_an_operator_holds_back(known in an_operators(), later in 0_u64..20_000) {
        let now = after(noon(), Duration::from_secs(later));
        if setting::may_brake(Some(&known), now, &settings()) {
            prop_assert!(!known.paused(now) && known.per_day.is_none());
            prop_assert!(known.ramp.is_none_or(|ramp| ramp.rate(now).is_none()));
            prop_assert!(known.since.is_none_or(|since| after(since, settings().after_operator) <= now));
        }
    }

    #[test]
    fn brakes_are_bounded_and_let_go(brakes in proptest::collection::vec((a_brake(), 0_u64..7200), 1..20)) {
        let (settings, mut known, mut now) = (settings(), None::<FlowSetting>, noon());
        for (brake, seconds) in brakes {
            now = after(now, Duration::from_secs(seconds));
            let Some(braked) = setting::braked(brake, "why".into(), known.as_ref(), now, &settings) else { continue };
            prop_assert!(braked.by.as_deref() == Some("vigie") && braked.since == Some(now));
            prop_assert!(braked.ramp.is_none_or(|ramp| ramp.start >= settings.slowest));
            let flows = Flows { settings: BTreeMap::from([(demo(), braked.clone())]) };
            if brake == Brake::Pause {
                prop_assert_eq!(setting::next_end(&flows), None);
            } else {
                let end = setting::next_end(&flows).expect("it lets go");
                prop_assert!(now < end && end <= after(now, Duration::from_hours(25)));
                prop_assert!(setting::over(&flows, end).count() == 1 && !braked.paused(end));
            }
            known = Some(braked);
        }
    }
}
