use std::time::{Duration, Instant};

use super::*;
use crate::model::{Origin, Verdict};

fn settings(capacity: usize, shards: usize, refresh: Duration) -> (config::Intake, config::Presence) {
    let presence = config::Presence {
        window: Duration::from_mins(3),
        refresh,
        recent_capacity: 1_000,
        min_gap: Duration::from_hours(4),
        scan_grace: Duration::from_secs(30),
        max_online: 1_000,
    };
    (config::Intake { capacity, shards }, presence)
}

fn intake(capacity: usize, shards: usize) -> (Intake, Vec<Outlet>, Registry) {
    let (config, presence) = settings(capacity, shards, Duration::from_mins(1));
    let registry = Registry::new();
    let (intake, outlets) = Intake::new(&config, &presence, &registry);
    (intake, outlets, registry)
}

fn signal(recipient: u8, class: Class) -> Signal {
    let presence = matches!(class, Class::Human | Class::Proxy | Class::Unknown);
    Signal {
        recipient: RecipientId([recipient; 16]),
        source: Source::Click,
        origin: Origin::Trusted,
        about: None,
        verdict: Verdict { class, confidence: 1.0, reason: "test", open: presence, presence },
        received: Instant::now(),
    }
}

#[tokio::test]
async fn what_is_no_presence_is_counted_and_ends() {
    let (intake, mut outlets, registry) = intake(4, 1);
    assert_eq!(intake.receive(signal(1, Class::Bot)), Received::Counted);
    assert_eq!(intake.receive(signal(1, Class::Human)), Received::Queued);
    let signal = outlets[0].recv().await.expect("the human's signal");
    assert_eq!(signal.verdict.class, Class::Human);
    let text = registry.text();
    assert!(text.contains(r#"vigie_signals_total{source="click",verdict="bot"} 1"#), "{text}");
    assert!(text.contains(r#"vigie_signals_total{source="click",verdict="human"} 1"#), "{text}");
}

#[tokio::test]
async fn a_touched_recipient_costs_nothing_until_forgotten() {
    let (intake, _outlets, _) = intake(16, 2);
    intake.touched(&RecipientId([7; 16]));
    assert_eq!(intake.receive(signal(7, Class::Human)), Received::Recent);
    assert_eq!(intake.receive(signal(8, Class::Human)), Received::Queued);
    intake.forget(&RecipientId([7; 16]));
    assert_eq!(intake.receive(signal(7, Class::Human)), Received::Queued);
    intake.touched(&RecipientId([7; 16]));
    intake.touched(&RecipientId([8; 16]));
    intake.forget_all();
    assert_eq!(intake.receive(signal(8, Class::Human)), Received::Queued);
}

#[tokio::test]
async fn being_touched_wears_off() {
    let (config, presence) = settings(1_000_000, 1, Duration::from_millis(20));
    let (intake, _outlets) = Intake::new(&config, &presence, &Registry::new());
    intake.touched(&RecipientId([7; 16]));
    let until = Instant::now() + Duration::from_secs(5);
    while intake.receive(signal(7, Class::Human)) == Received::Recent {
        assert!(Instant::now() < until, "refresh never ends");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_full_queue_sheds_and_a_closed_one_drains() {
    let (intake, mut outlets, registry) = intake(2, 1);
    assert_eq!(intake.receive(signal(1, Class::Human)), Received::Queued);
    assert_eq!(intake.receive(signal(2, Class::Human)), Received::Queued);
    assert_eq!(intake.receive(signal(3, Class::Human)), Received::Shed);
    outlets[0].close();
    assert_eq!(intake.receive(signal(4, Class::Human)), Received::Shed);
    assert_eq!(outlets[0].recv().await.map(|signal| signal.recipient), Some(RecipientId([1; 16])));
    assert_eq!(outlets[0].recv().await.map(|signal| signal.recipient), Some(RecipientId([2; 16])));
    assert!(outlets[0].recv().await.is_none());
    let text = registry.text();
    assert!(text.contains(r#"vigie_signals_shed_total{reason="full"} 1"#), "{text}");
    assert!(text.contains(r#"vigie_signals_shed_total{reason="closed"} 1"#), "{text}");
}

#[tokio::test]
async fn one_recipients_signals_meet_in_one_shard() {
    let (intake, mut outlets, _) = intake(64, 4);
    for _ in 0..3 {
        for recipient in 0..4 {
            intake.receive(signal(recipient, Class::Human));
        }
    }
    drop(intake);
    let mut seen = std::collections::HashMap::new();
    for (shard, outlet) in outlets.iter_mut().enumerate() {
        while let Some(signal) = outlet.recv().await {
            assert_eq!(*seen.entry(signal.recipient).or_insert(shard), shard);
        }
    }
    assert_eq!(seen.len(), 4);
}
