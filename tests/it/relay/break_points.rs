//! The connection breaks, hangs or lags at every point: before the end of the message nothing is lost or doubled,
//! behind it the result is *unknown*.

use vigie::relay::Decision;

use super::rig::{Rig, accepted, decision, impatient, letter, settings_for, unknown};
use crate::support::sink::{Act, Event, Manner, Sink, Step};

const WAYS: [&[&str]; 3] = [&["PIPELINING", "CHUNKING"], &["PIPELINING"], &[]];

const BEFORE: [Step; 2] = [Step::Greeting, Step::Hello];

/// A sink that breaks where it is told.
async fn breaking(offers: &[&str], act: Act, at: impl Fn(&Event) -> bool + Send + Sync + 'static) -> Sink {
    let script = move |event: &Event| if at(event) { act.clone() } else { Act::Usual };
    Manner::offering(offers).script(script).start().await
}

#[tokio::test]
async fn before_a_session_there_is_only_unreachable() {
    for act in [Act::Cut, Act::Stall] {
        for step in BEFORE {
            let sink = breaking(WAYS[0], act.clone(), move |event| event.step == step).await;
            let refusal = Rig::new(&impatient(&sink)).refused().await;
            assert_eq!(refusal.decision, Decision::Unreachable, "{act:?} at {step:?}");
        }
    }
    let nobody = Rig::new(&settings_for("smtp://127.0.0.1:1?tls=none"));
    assert_eq!(nobody.refused().await.decision, Decision::Unreachable);
    let shown =
        ["serving", "respite", "unreachable"].map(|state| nobody.metric(&["vigie_relay_state", state]));
    assert_eq!(shown.map(|count| count > 0.5), [false, false, true], "operators see it");
}

#[tokio::test]
async fn a_fresh_connection_that_breaks_early_is_unreachable_and_late_unknown() {
    for act in [Act::Cut, Act::Stall] {
        for offers in WAYS {
            for step in [Step::Mail, Step::Rcpt, Step::Data, Step::Bdat, Step::Message] {
                let never = match step {
                    Step::Data => offers.contains(&"CHUNKING"),
                    Step::Bdat => !offers.contains(&"CHUNKING"),
                    _ => false,
                };
                if never || (step, &act) == (Step::Bdat, &Act::Stall) {
                    continue;
                }
                let sink =
                    breaking(offers, act.clone(), move |event| event.mail == 0 && event.step == step).await;
                let rig = Rig::new(&impatient(&sink));
                let delivery = rig.send(&letter("one")).await;
                if step == Step::Message || offers.contains(&"CHUNKING") {
                    assert!(unknown(&delivery), "{act:?} at {step:?}, {offers:?}: {delivery:?}");
                } else {
                    assert_eq!(decision(&delivery), Ok(Decision::Unreachable), "{act:?} at {step:?}");
                }
                assert!(accepted(&rig.send(&letter("two")).await));
                assert_eq!((sink.taken().len(), sink.connections()), (1, 2), "{act:?} at {step:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_reused_connection_that_breaks_early_is_replaced_once() {
    for act in [Act::Cut, Act::Stall] {
        for offers in &WAYS[1..] {
            for step in [Step::Mail, Step::Rcpt, Step::Data] {
                let sink =
                    breaking(offers, act.clone(), move |event| event.mail == 1 && event.step == step).await;
                let rig = Rig::new(&impatient(&sink));
                assert!(accepted(&rig.send(&letter("one")).await));
                assert!(accepted(&rig.send(&letter("two")).await), "{act:?} at {step:?}, {offers:?}");
                assert_eq!((sink.taken().len(), sink.connections()), (2, 2), "{act:?} at {step:?}");
            }
        }
    }
}

#[tokio::test]
async fn once_is_once() {
    let sink = breaking(WAYS[1], Act::Cut, |event| event.mail >= 1 && event.step == Step::Mail).await;
    let rig = Rig::to(&sink);
    assert!(accepted(&rig.send(&letter("one")).await));
    assert_eq!(decision(&rig.send(&letter("two")).await), Ok(Decision::Unreachable));
    assert_eq!((sink.count(Step::Mail), sink.connections()), (3, 2));
}

#[tokio::test]
async fn a_reused_connection_that_breaks_late_is_not_tried_again() {
    for act in [Act::Cut, Act::Stall] {
        for offers in WAYS {
            let sink =
                breaking(offers, act.clone(), |event| event.mail == 1 && event.step == Step::Message).await;
            let rig = Rig::new(&impatient(&sink));
            assert!(accepted(&rig.send(&letter("one")).await));
            assert!(unknown(&rig.send(&letter("two")).await), "{act:?}, {offers:?}");
            assert_eq!((sink.count(Step::Message), sink.connections()), (2, 1), "{act:?}, {offers:?}");
            assert!((rig.metric(&["vigie_relay_transactions_total", "unknown"]) - 1.0).abs() < 0.1);
        }
    }
}

#[tokio::test]
async fn a_refusal_that_was_heard_counts_although_the_rest_did_not_come() {
    let sink =
        breaking(WAYS[0], Act::SayAndCut("550 5.1.1 no such user".into()), |event| event.step == Step::Rcpt)
            .await;
    assert_eq!(decision(&Rig::to(&sink).send(&letter("one")).await), Ok(Decision::Reject));
}

#[tokio::test]
async fn a_large_letter_cut_in_the_middle_was_not_taken() {
    let large = super::rig::content("one", &b"0123456789012345678901234567890123456789\r\n".repeat(500_000));
    let sink = breaking(WAYS[0], Act::Cut, |event| event.step == Step::Bdat).await;
    let delivery = Rig::to(&sink).send(&large).await;
    assert_eq!(decision(&delivery), Ok(Decision::Unreachable), "{delivery:?}");
}

#[tokio::test]
async fn a_reply_that_comes_in_drops_is_cut_at_its_deadline() {
    let sink = breaking(WAYS[0], Act::Raw(b"250-".to_vec()), |event| event.step == Step::Message).await;
    let started = std::time::Instant::now();
    assert!(unknown(&Rig::new(&impatient(&sink)).send(&letter("one")).await));
    assert!(started.elapsed() < super::rig::LONG);
}
