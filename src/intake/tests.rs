use std::time::{Duration, Instant};

use super::*;
use crate::model::{Class, HintKind, Judgement, Origin, Presence, SendId, Verdict};

fn settings(capacity: usize, shards: usize, refresh: Duration) -> (config::Intake, config::Presence) {
    let presence = config::Presence {
        window: Duration::from_mins(3),
        refresh,
        recent_capacity: 1_000,
        min_gap: Duration::from_hours(4),
        scan_grace: Duration::from_secs(30),
        landed_within: Duration::from_mins(3),
        history: true,
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
    let fires = matches!(class, Class::Human | Class::Proxy);
    let presence = if fires { Presence::Yes } else { Presence::No };
    let verdict = Verdict { class, confidence: 0.9, reason: "test", open: fires, presence, fires, hint: 0 };
    Signal {
        recipient: RecipientId([recipient; 16]),
        source: Source::Click,
        origin: Origin::Trusted,
        about: None,
        judgement: Judgement::new(HintKind::Click, verdict),
        received: Instant::now(),
    }
}

/// The signal of a report.
fn seen(report: Option<Report>) -> Signal {
    match report {
        Some(Report::Seen(signal)) => signal,
        other => panic!("a signal, not {other:?}"),
    }
}

#[tokio::test]
async fn what_is_no_presence_is_counted_and_ends() {
    let (intake, mut outlets, registry) = intake(4, 1);
    assert_eq!(intake.receive(signal(1, Class::Bot)), Received::Counted);
    assert_eq!(intake.receive(signal(1, Class::Human)), Received::Queued);
    let signal = seen(outlets[0].recv().await);
    assert_eq!(signal.judgement.settled().class, Class::Human);
    let human = r#"vigie_signals_total{source="click",verdict="human"} 1"#;
    assert!(!registry.text().contains(human), "counted when its mail's age is known");
    intake.count(signal.source, &signal.judgement.settled());
    let text = registry.text();
    assert!(text.contains(r#"vigie_signals_total{source="click",verdict="bot"} 1"#), "{text}");
    assert!(text.contains(human), "{text}");
}

#[tokio::test]
async fn a_touched_recipient_costs_nothing_until_forgotten() {
    let (intake, _outlets, _) = intake(16, 2);
    intake.recorded(&signal(7, Class::Human), true);
    assert_eq!(intake.receive(signal(7, Class::Human)), Received::Recent);
    assert_eq!(intake.receive(signal(8, Class::Human)), Received::Queued);
    intake.forget(&RecipientId([7; 16]));
    assert_eq!(intake.receive(signal(7, Class::Human)), Received::Queued);
    intake.recorded(&signal(7, Class::Human), true);
    intake.recorded(&signal(8, Class::Human), true);
    intake.forget_all();
    assert_eq!(intake.receive(signal(8, Class::Human)), Received::Queued);
}

#[tokio::test]
async fn the_same_mail_shown_again_ends_here_and_another_does_not() {
    let (intake, _outlets, _) = intake(16, 1);
    let about = |mail| Signal { about: Some(SendId([mail; 16])), ..signal(7, Class::Human) };
    intake.recorded(&about(1), true);
    assert_eq!(intake.receive(about(1)), Received::Recent);
    assert_eq!(intake.receive(signal(7, Class::Human)), Received::Recent, "they are there");
    assert_eq!(intake.receive(about(2)), Received::Queued, "its age is the store's to know");
    intake.recorded(&about(2), false);
    assert_eq!([intake.receive(about(1)), intake.receive(about(2))], [Received::Recent, Received::Queued]);
    let hint = |percent| {
        let verdict = Verdict { fires: false, hint: percent, ..about(3).judgement.settled() };
        Signal { judgement: Judgement::new(HintKind::Click, verdict), ..about(3) }
    };
    intake.recorded(&hint(40), false);
    assert_eq!([intake.receive(hint(40)), intake.receive(hint(41))], [Received::Recent, Received::Queued]);
}

#[tokio::test]
async fn whoever_leaves_is_forgotten_in_turn() {
    let (intake, mut outlets, _) = intake(16, 1);
    intake.recorded(&signal(7, Class::Human), true);
    assert_eq!(intake.gone(RecipientId([7; 16]), Leaving::Left), Received::Queued);
    assert_eq!(intake.receive(signal(7, Class::Human)), Received::Queued);
    let gone = outlets[0].recv().await;
    assert!(matches!(gone, Some(Report::Gone(RecipientId([7, ..]), Leaving::Left))), "{gone:?}");
    assert_eq!(seen(outlets[0].recv().await).recipient, RecipientId([7; 16]));
}

#[tokio::test]
async fn being_touched_wears_off() {
    let (config, presence) = settings(1_000_000, 1, Duration::from_millis(20));
    let (intake, _outlets) = Intake::new(&config, &presence, &Registry::new());
    intake.recorded(&signal(7, Class::Human), true);
    let until = Instant::now() + Duration::from_secs(5);
    while intake.receive(signal(7, Class::Human)) == Received::Recent {
        assert!(Instant::now() < until, "refresh never ends");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_full_queue_sheds_its_oldest_and_a_closed_one_drains() {
    let (intake, mut outlets, registry) = intake(2, 1);
    // However slow this machine is, the line is not behind.
    let received = Instant::now() + Duration::from_mins(1);
    let signal = |who, class| Signal { received, ..signal(who, class) };
    assert_eq!(intake.receive(signal(1, Class::Human)), Received::Queued);
    assert_eq!(intake.receive(signal(2, Class::Human)), Received::Queued);
    assert_eq!(intake.receive(signal(3, Class::Human)), Received::Queued);
    outlets[0].close();
    assert_eq!(intake.receive(signal(4, Class::Human)), Received::Shed);
    assert_eq!(seen(outlets[0].recv().await).recipient, RecipientId([2; 16]));
    assert_eq!(seen(outlets[0].recv().await).recipient, RecipientId([3; 16]));
    assert!(outlets[0].recv().await.is_none());
    let text = registry.text();
    assert!(text.contains(r#"vigie_signals_total{source="click",verdict="human"} 2"#), "{text}");
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
    let mut shards = std::collections::HashMap::new();
    for (shard, outlet) in outlets.iter_mut().enumerate() {
        while let Some(report) = outlet.recv().await {
            assert_eq!(*shards.entry(seen(Some(report)).recipient).or_insert(shard), shard);
        }
    }
    assert_eq!(shards.len(), 4);
}

#[tokio::test]
async fn a_hint_does_not_hide_what_is_more() {
    let (intake, _outlets, _) = intake(16, 1);
    let hint = Verdict {
        hint: 40,
        class: Class::Unknown,
        confidence: 0.4,
        reason: "test",
        open: false,
        presence: Presence::Weak,
        fires: false,
    };
    let login = Signal { judgement: Judgement::new(HintKind::Click, hint), ..signal(7, Class::Human) };
    intake.recorded(&login, false);
    assert_eq!(intake.receive(login.clone()), Received::Recent);
    assert_eq!(
        intake.receive(signal(7, Class::Human)),
        Received::Queued,
        "a login was recorded, and now they read"
    );
    intake.recorded(&signal(7, Class::Human), true);
    assert_eq!(intake.receive(login), Received::Recent);
}

#[tokio::test]
async fn who_saw_a_letter_is_told_once_and_never_in_the_way() {
    let (intake, _outlets, registry) = intake(4, 1);
    let mut sights = intake.sights().expect("nobody has them yet");
    assert!(intake.sights().is_none(), "for one alone");
    let about = |send: u8, class| Signal { about: Some(SendId([send; 16])), ..signal(1, class) };
    let (human, bot) = (about(1, Class::Human), about(2, Class::Bot));
    intake.receive(human.clone());
    intake.receive(bot);
    assert_eq!(sights.try_recv(), None, "not before the store has answered, and no machine");
    for _ in 0..2 {
        intake.saw(&human, &human.judgement.settled());
    }
    let seen = Sight { recipient: human.recipient, send: SendId([1; 16]), what: Glance::Click };
    assert_eq!((sights.try_recv(), sights.try_recv()), (Some(seen), None));
    assert_eq!(
        [1, 1, 3].map(|n| intake.paying(SendId([n; 16]))),
        [Some(Glance::Counted), None, Some(Glance::Click)]
    );
    intake.saw(&about(3, Class::Human), &human.judgement.settled());
    assert_eq!(sights.try_recv(), None, "counted with the payment");
    drop(sights);
    intake.saw(&about(4, Class::Human), &human.judgement.settled());
    let text = registry.text();
    assert!(text.contains(r#"vigie_signals_shed_total{reason="statistics"} 1"#), "{text}");
}
