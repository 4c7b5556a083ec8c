use std::collections::HashMap;
use std::time::Instant;

use proptest::prelude::*;

use super::*;
use crate::model::{Class, HintKind, Judgement, Origin, Presence, SendId, Source, Verdict};
use crate::telemetry::Registry;

fn fresh(depth: usize) -> (Inlet, Outlet) {
    line(depth, Arc::new(Counts::new(&Registry::new())))
}

/// The signal of this number, which came this long ago.
fn signal(who: u8, number: u64, ago: Duration) -> Signal {
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
        source: Source::Open,
        origin: Origin::Trusted,
        about: Some(SendId(about)),
        judgement: Judgement::new(HintKind::Image, verdict),
        received: Instant::now().checked_sub(ago).expect("the clock began before"),
    }
}

fn seen(who: u8, number: u64, ago: Duration) -> Report {
    Report::Seen(signal(who, number, ago))
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

const NOW: Duration = Duration::ZERO;
const LATE: Duration = Duration::from_secs(1);

#[test]
fn who_keeps_up_serves_in_order() {
    let (inlet, mut outlet) = fresh(8);
    for report in [seen(1, 1, NOW), gone(1), seen(2, 2, NOW), seen(1, 3, NOW)] {
        assert!(inlet.offer(report).is_ok_and(|displaced| displaced.is_none()));
    }
    assert_eq!(drained(&mut outlet), ["s1", "g1", "s2", "s3"]);
}

#[test]
fn who_is_behind_serves_the_newest_first_and_what_is_over_not_at_all() {
    let registry = Registry::new();
    let (inlet, mut outlet) = line(8, Arc::new(Counts::new(&registry)));
    for report in [seen(1, 1, LATE), seen(2, 2, LATE), gone(1), seen(3, 3, NOW), seen(1, 4, NOW)] {
        assert!(inlet.offer(report).is_ok_and(|displaced| displaced.is_none()));
    }
    assert_eq!(drained(&mut outlet), ["g1", "s4", "s3", "s2"]);
    let text = registry.text();
    assert!(text.contains(r#"vigie_signals_shed_total{reason="left"} 1"#), "{text}");
    assert!(text.contains(r#"vigie_signals_total{source="open",verdict="human"} 1"#), "{text}");
}

#[test]
fn the_oldest_gives_way_and_departures_have_room_of_their_own() {
    let (inlet, mut outlet) = fresh(2);
    let displaced: Vec<_> = (1..=4)
        .filter_map(|turn| inlet.offer(seen(1, turn, NOW)).expect("there is room"))
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
    inlet.offer(seen(1, 1, NOW)).expect("there is room");
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

#[derive(Debug, Clone)]
enum Step {
    Seen(u8, bool),
    Gone(u8),
    Take,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..4_u8, any::<bool>()).prop_map(|(who, late)| Step::Seen(who, late)),
        1 => (0..4_u8).prop_map(Step::Gone),
        3 => Just(Step::Take),
    ];
    proptest::collection::vec(step, 0..60)
}

proptest! {
    /// However late the line is: whoever left last is absent in the end, and whoever came last is present.
    #[test]
    fn the_last_word_of_each_person_stands(steps in steps()) {
        let (inlet, mut outlet) = fresh(64);
        let (mut said, mut heard) = (HashMap::new(), HashMap::new());
        for (turn, step) in (0..).zip(steps) {
            let offered = match step {
                Step::Seen(who, late) => {
                    let ago = if late { LATE } else { NOW };
                    inlet.offer(seen(who, turn, ago)).map(|_| said.insert(who, true))
                }
                Step::Gone(who) => inlet.offer(gone(who)).map(|_| said.insert(who, false)),
                Step::Take => Ok(outlet.try_recv().and_then(|report| hear(&mut heard, &report))),
            };
            prop_assert!(offered.is_ok() || matches!(offered, Err(Refused::Full)));
        }
        while let Some(report) = outlet.try_recv() {
            hear(&mut heard, &report);
        }
        for (who, present) in heard {
            prop_assert_eq!(said.get(&who), Some(&present), "person {}", who);
        }
    }
}

fn hear(heard: &mut HashMap<u8, bool>, report: &Report) -> Option<bool> {
    match report {
        Report::Seen(signal) => heard.insert(signal.recipient.0[0], true),
        Report::Gone(who, _) => heard.insert(who.0[0], false),
    }
}
