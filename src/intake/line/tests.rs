use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use proptest::prelude::*;

use super::*;
use crate::intake::counts::Counts;
use crate::intake::statistics::{Sights, Statistics};
use crate::model::{Class, HintKind, Judgement, Origin, Presence, SendId, Source, Verdict};
use crate::telemetry::Registry;

fn fresh(depth: usize) -> (Inlet, Outlet) {
    counted(depth, &Registry::new())
}

fn counted(depth: usize, registry: &Registry) -> (Inlet, Outlet) {
    let counts = Counts::new(registry);
    let statistics = Statistics::new(counts.statistics());
    line(depth, Arc::new(Endings { counts, statistics }))
}

/// When a signal came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Came {
    /// However slow this machine is.
    Now,
    Ago(Duration),
}

use Came::Now;

const LATE: Came = Came::Ago(Duration::from_secs(1));

/// The signal of this number.
fn signal(who: u8, number: u64, source: Source, came: Came) -> Signal {
    let verdict = Verdict {
        class: Class::Human,
        confidence: 0.9,
        reason: "test",
        open: true,
        presence: Presence::Yes,
        fires: true,
        hint: 0,
    };
    let mut about = [0; 16];
    about[..8].copy_from_slice(&number.to_be_bytes());
    Signal {
        recipient: RecipientId([who; 16]),
        source,
        origin: Origin::Trusted,
        about: Some(SendId(about)),
        judgement: Judgement::new(HintKind::Image, verdict),
        received: match came {
            Now => Instant::now() + Duration::from_mins(1),
            Came::Ago(ago) => Instant::now().checked_sub(ago).expect("the clock began before"),
        },
    }
}

fn seen(who: u8, number: u64, came: Came) -> Report {
    Report::Seen(signal(who, number, Source::Open, came))
}

fn gone(who: u8) -> Report {
    Report::Gone(RecipientId([who; 16]), Leaving::Left)
}

fn number(signal: &Signal) -> u64 {
    let about = signal.about.expect("these are about a letter").0;
    u64::from_be_bytes(about[..8].try_into().expect("eight of sixteen"))
}

/// What leaves, in a few letters: `s3` is the signal of that number, `g7` the departure of that person.
fn drained(outlet: &mut Outlet) -> Vec<String> {
    std::iter::from_fn(|| outlet.try_recv())
        .map(|report| match report {
            Report::Seen(signal) => format!("s{}", number(&signal)),
            Report::Gone(who, _) => format!("g{}", who.0[0]),
        })
        .collect()
}

#[test]
fn who_keeps_up_serves_in_order() {
    let (inlet, mut outlet) = fresh(8);
    for report in [seen(1, 1, Now), gone(1), seen(2, 2, Now), seen(1, 3, Now)] {
        assert!(inlet.offer(report).is_ok_and(|displaced| displaced.is_none()));
    }
    assert_eq!(drained(&mut outlet), ["s1", "g1", "s2", "s3"]);
}

#[test]
fn who_is_behind_serves_the_newest_first_and_what_is_over_not_at_all() {
    let registry = Registry::new();
    let (inlet, mut outlet) = counted(8, &registry);
    for report in [seen(1, 1, LATE), seen(2, 2, LATE), gone(1), seen(3, 3, Now), seen(1, 4, Now)] {
        assert!(inlet.offer(report).is_ok_and(|displaced| displaced.is_none()));
    }
    assert_eq!(drained(&mut outlet), ["g1", "s4", "s3", "s2"]);
    let text = registry.text();
    assert!(text.contains(r#"vigie_signals_shed_total{reason="left"} 1"#), "{text}");
    assert!(text.contains(r#"vigie_signals_total{source="open",verdict="human"} 1"#), "{text}");
}

#[test]
fn what_waited_too_long_is_no_presence_but_was_seen_all_the_same() {
    let registry = Registry::new();
    let (inlet, mut outlet) = counted(8, &registry);
    let stale = Came::Ago(STALE + Duration::from_secs(1));
    for report in [seen(1, 1, stale), seen(2, 2, stale), seen(3, 3, Now)] {
        inlet.offer(report).expect("there is room");
    }
    assert_eq!(drained(&mut outlet), ["s3"]);
    let text = registry.text();
    assert!(text.contains(r#"vigie_signals_shed_total{reason="late"} 2"#), "{text}");
    assert!(text.contains(r#"vigie_signals_total{source="open",verdict="human"} 2"#), "{text}");
    let sights = outlet.endings.statistics.sights().expect("nobody took them before");
    assert_eq!(drained_sights(sights), [1, 2]);
}

fn drained_sights(mut sights: Sights) -> Vec<u8> {
    std::iter::from_fn(|| sights.try_recv()).map(|sight| sight.recipient.0[0]).collect()
}

#[test]
fn an_unmasking_ends_what_was_fetched_lately_and_nothing_else() {
    let (inlet, mut outlet) = fresh(8);
    let unmasked = Leaving::Unmasked(Duration::from_secs(2));
    for report in [
        Report::Seen(signal(1, 1, Source::Open, Came::Ago(Duration::from_secs(5)))),
        Report::Seen(signal(1, 2, Source::Webmail, LATE)),
        Report::Seen(signal(1, 3, Source::Click, LATE)),
        Report::Gone(RecipientId([1; 16]), unmasked),
        Report::Seen(signal(1, 4, Source::Open, Now)),
    ] {
        inlet.offer(report).expect("there is room");
    }
    assert_eq!(drained(&mut outlet), ["g1", "s4", "s2", "s1"]);
}

#[test]
fn the_oldest_gives_way_and_departures_have_room_of_their_own() {
    let (inlet, mut outlet) = fresh(2);
    let displaced: Vec<_> = (1..=4)
        .filter_map(|turn| inlet.offer(seen(1, turn, Now)).expect("there is room"))
        .map(|signal| number(&signal))
        .collect();
    assert_eq!(displaced, [1, 2]);
    assert_eq!([2, 3, 4].map(|who| inlet.offer(gone(who)).err()), [None, None, Some(Refused::Full)]);
    assert_eq!(drained(&mut outlet), ["s3", "s4", "g2", "g3"]);
}

#[tokio::test]
async fn whoever_waits_is_woken_by_a_report_and_by_the_end() {
    let (inlet, mut outlet) = fresh(2);
    let waiting = tokio::spawn(async move {
        let first = outlet.recv().await;
        (first.is_some(), outlet.recv().await.is_some())
    });
    tokio::task::yield_now().await;
    inlet.offer(seen(1, 1, Now)).expect("there is room");
    tokio::task::yield_now().await;
    drop(inlet);
    assert_eq!(waiting.await.expect("it ends"), (true, false));
}

#[test]
fn many_departures_are_not_remembered_for_ever() {
    let (inlet, mut outlet) = fresh(3 * MOST_LEFT);
    inlet.offer(seen(1, 1, LATE)).expect("there is room");
    for turn in 0..2 * MOST_LEFT as u64 {
        let [high, low] = u16::try_from(turn).expect("a few thousand").to_be_bytes();
        let mut who = [2; 16];
        (who[0], who[1]) = (high, low);
        inlet.offer(Report::Gone(RecipientId(who), Leaving::Left)).expect("there is room");
        let most = outlet.line.waiting().left.len();
        assert!(most <= MOST_LEFT, "{most} are remembered");
        outlet.try_recv();
    }
    assert_eq!(outlet.line.waiting().left.len(), 0, "the oldest had its turn, and nothing is behind");
}

#[test]
fn departures_that_nothing_older_waits_for_are_forgotten() {
    let (inlet, mut outlet) = fresh(3 * MOST_LEFT);
    inlet.offer(seen(1, 1, LATE)).expect("there is room");
    for turn in 0..MOST_LEFT as u64 {
        let [high, low] = u16::try_from(turn).expect("a thousand").to_be_bytes();
        let mut who = [2; 16];
        (who[0], who[1]) = (high, low);
        inlet.offer(Report::Gone(RecipientId(who), Leaving::Left)).expect("there is room");
        outlet.try_recv();
    }
    // The first goes, as the line is served in order; what comes behind it came after all that left.
    inlet.offer(seen(1, 2, LATE)).expect("there is room");
    inlet.offer(seen(2, 3, LATE)).expect("there is room");
    assert_eq!(drained(&mut outlet), ["s1", "s3", "s2"], "newest first again");
}

#[derive(Debug, Clone)]
enum Step {
    Seen(u8, Source, Came),
    Gone(u8, Leaving),
    Take,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let source = prop_oneof![Just(Source::Open), Just(Source::Webmail)];
    let came = prop_oneof![Just(Now), Just(LATE)];
    let leaving = prop_oneof![Just(Leaving::Left), Just(Leaving::Unmasked(STALE))];
    let step = prop_oneof![
        4 => (0..4_u8, source, came).prop_map(|(who, source, came)| Step::Seen(who, source, came)),
        1 => (0..4_u8, leaving).prop_map(|(who, leaving)| Step::Gone(who, leaving)),
        3 => Just(Step::Take),
    ];
    proptest::collection::vec(step, 0..60)
}

/// The signals of each person that no departure has ended.
#[derive(Debug, Default, PartialEq)]
struct Standing(HashMap<u8, BTreeMap<u64, Source>>);

impl Standing {
    fn hear(&mut self, report: &Report) {
        match report {
            Report::Seen(signal) => {
                let of = self.0.entry(signal.recipient.0[0]).or_default();
                of.insert(number(signal), signal.source);
            }
            Report::Gone(who, leaving) => {
                let of = self.0.entry(who.0[0]).or_default();
                of.retain(|_, source| *leaving != Leaving::Left && !source.is_fetched());
            }
        }
    }
}

proptest! {
    /// However late the line is: what stands in the end is what would stand if everything were heard at once.
    #[test]
    fn the_last_word_of_each_person_stands(steps in steps()) {
        let (inlet, mut outlet) = fresh(64);
        let (mut said, mut heard) = (Standing::default(), Standing::default());
        for (turn, step) in (0..).zip(steps) {
            let report = match step {
                Step::Seen(who, source, came) => Report::Seen(signal(who, turn, source, came)),
                Step::Gone(who, leaving) => Report::Gone(RecipientId([who; 16]), leaving),
                Step::Take => {
                    outlet.try_recv().iter().for_each(|report| heard.hear(report));
                    continue;
                }
            };
            said.hear(&report);
            prop_assert!(inlet.offer(report).is_ok_and(|displaced| displaced.is_none()));
        }
        while let Some(report) = outlet.try_recv() {
            heard.hear(&report);
        }
        for standing in [&mut said, &mut heard] {
            standing.0.retain(|_, signals| !signals.is_empty());
        }
        prop_assert_eq!(said, heard);
    }
}
