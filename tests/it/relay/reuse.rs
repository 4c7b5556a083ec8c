//! Warm connections: whose answer is whose, how many, and for how long.

use std::time::Duration;

use vigie::config;
use vigie::relay::Decision;

use super::rig::{LONG, Rig, SHORT, accepted, decision, impatient, letter, settings, unknown};
use crate::support::sink::{Act, Manner, Step};

#[tokio::test]
async fn a_connection_is_replaced_after_four_refusals() {
    let manner = Manner::modern().script(|event| match event.step {
        Step::Rcpt => Act::say("550 5.1.1 no such user"),
        _ => Act::Usual,
    });
    let sink = manner.start().await;
    let rig = Rig::to(&sink);
    for _ in 0..10 {
        assert_eq!(decision(&rig.send(&letter("gone")).await), Ok(Decision::Reject));
    }
    assert_eq!(
        (sink.connections(), sink.count(Step::Reset)),
        (3, 8),
        "4 + 4 + 2 mails, no RSET on the last of four"
    );
}

#[tokio::test]
async fn a_transaction_that_stays_open_is_reset_before_the_next_mail() {
    for offers in [&["PIPELINING", "CHUNKING"][..], &["PIPELINING"], &[]] {
        let exim = Manner::offering(offers).like_exim().script(|event| {
            if event.step == Step::Rcpt && event.line.contains("refused") {
                return Act::say("550 5.1.1 no such user");
            }
            Act::Usual
        });
        let sink = exim.start().await;
        let rig = Rig::to(&sink);
        assert_eq!(decision(&rig.send(&letter("refused")).await), Ok(Decision::Reject));
        let mut second = letter("fine");
        second.from = "other@example.org".into();
        assert!(accepted(&rig.send(&second).await));
        let taken = sink.taken();
        assert!(taken[0].from.starts_with("MAIL FROM:<other@example.org>"), "{offers:?}");
        assert_eq!((taken.len(), sink.connections()), (1, 1), "{offers:?}");
    }
}

#[tokio::test]
async fn a_recipient_refused_before_a_354_gets_a_lone_dot() {
    let manner = Manner::offering(&["PIPELINING"]).script(|event| match event.step {
        Step::Rcpt if event.mail == 0 => Act::say("550 5.1.1 no such user"),
        Step::Data if event.mail == 0 => Act::say("354 go on all the same"),
        _ => Act::Usual,
    });
    let sink = manner.start().await;
    let rig = Rig::to(&sink);
    assert_eq!(decision(&rig.send(&letter("gone")).await), Ok(Decision::Reject));
    assert!(accepted(&rig.send(&letter("fine")).await));
    let taken = sink.taken();
    assert_eq!((taken.len(), sink.connections(), sink.count(Step::Message)), (1, 1, 2));
}

#[tokio::test]
async fn a_sender_refused_before_a_354_closes_the_connection() {
    let manner = Manner::offering(&["PIPELINING"]).script(|event| match event.step {
        Step::Mail if event.mail == 0 => Act::say("550 5.7.1 not you"),
        Step::Rcpt if event.mail == 0 => Act::say("250 2.1.5 of an older transaction"),
        Step::Data if event.mail == 0 => Act::say("354 go on"),
        _ => Act::Usual,
    });
    let sink = manner.start().await;
    let rig = Rig::to(&sink);
    assert_eq!(decision(&rig.send(&letter("one")).await), Ok(Decision::Reject));
    assert!(accepted(&rig.send(&letter("two")).await));
    assert_eq!((sink.connections(), sink.count(Step::Message)), (2, 1));
}

#[tokio::test]
async fn an_acceptance_under_an_older_sender_is_no_acceptance() {
    let manner = Manner::modern().script(|event| match event.step {
        Step::Mail if event.mail == 0 => Act::say("503 5.5.1 sender already given"),
        Step::Rcpt if event.mail == 0 => Act::say("250 2.1.5 OK"),
        Step::Message if event.mail == 0 => Act::say("250 2.0.0 taken"),
        _ => Act::Usual,
    });
    let sink = manner.start().await;
    let rig = Rig::to(&sink);
    assert!(unknown(&rig.send(&letter("one")).await));
    assert!(accepted(&rig.send(&letter("two")).await));
    assert_eq!(sink.connections(), 2);
}

/// lettre's pool reports the mail that was refused as sent here.
#[tokio::test]
async fn a_late_answer_is_nobodys_answer() {
    for offers in [&["PIPELINING", "CHUNKING"][..], &["PIPELINING"], &[]] {
        let manner = Manner::offering(offers).script(|event| match (event.mail, event.step) {
            (0, Step::Message) => Act::Late(SHORT * 3),
            (1, Step::Message) => Act::say("554 5.7.1 refused"),
            _ => Act::Usual,
        });
        let sink = manner.start().await;
        let rig = Rig::new(&impatient(&sink));
        assert!(unknown(&rig.send(&letter("one")).await), "{offers:?}");
        assert_eq!(decision(&rig.send(&letter("two")).await), Ok(Decision::Reject), "{offers:?}");
        assert_eq!(sink.connections(), 2);
    }
}

#[tokio::test]
async fn a_delivery_that_is_dropped_closes_its_connection() {
    let manner = Manner::modern().script(|event| match (event.mail, event.step) {
        (0, Step::Message) => Act::Late(SHORT),
        _ => Act::Usual,
    });
    let sink = manner.start().await;
    let rig = Rig::to(&sink);
    let session = rig.relay.checkout().await.unwrap();
    let first = letter("one");
    tokio::select! {
        delivery = session.deliver(&first) => panic!("it should not end: {delivery:?}"),
        () = sink.wait_for(Step::Message, 1) => {}
    }
    sink.wait_open(0).await;
    assert!(accepted(&rig.send(&letter("two")).await));
    assert_eq!(sink.connections(), 2);
}

#[tokio::test]
async fn words_behind_the_last_reply_end_the_connection() {
    let manner = Manner::modern().script(|event| match (event.mail, event.step) {
        (0, Step::Message) => Act::Append(b"250 2.0.0 and the next one too\r\n".to_vec()),
        (1, Step::Message) => Act::say("554 5.7.1 refused"),
        _ => Act::Usual,
    });
    let sink = manner.start().await;
    let rig = Rig::to(&sink);
    assert!(accepted(&rig.send(&letter("one")).await));
    assert_eq!(decision(&rig.send(&letter("two")).await), Ok(Decision::Reject));
    assert_eq!(sink.connections(), 2);
}

#[tokio::test]
async fn an_idle_connection_that_the_relay_closed_is_not_used() {
    for parting in [Act::Cut, Act::SayAndCut("421 4.4.2 idle for too long".into())] {
        // The sink answers the first mail and then says goodbye unasked.
        let sink = Manner::modern().parting(parting).start().await;
        let rig = Rig::to(&sink);
        assert!(accepted(&rig.send(&letter("one")).await));
        sink.wait_open(0).await;
        assert!(accepted(&rig.send(&letter("two")).await));
        assert_eq!(sink.taken().len(), 2);
        assert!((rig.metric(&["vigie_relay_transactions_total", "250"]) - 2.0).abs() < 0.1);
    }
}

#[tokio::test]
async fn a_421_to_the_first_command_of_a_reused_connection_is_tried_again() {
    for offers in [&["PIPELINING", "CHUNKING"][..], &["PIPELINING"], &[]] {
        let manner = Manner::offering(offers).script(|event| match (event.mail, event.step) {
            (1, Step::Mail) => Act::SayAndCut("421 4.4.2 idle for too long".into()),
            _ => Act::Usual,
        });
        let sink = manner.start().await;
        let rig = Rig::to(&sink);
        assert!(accepted(&rig.send(&letter("one")).await));
        assert!(accepted(&rig.send(&letter("two")).await), "{offers:?}");
        assert_eq!((sink.taken().len(), sink.connections()), (2, 2), "{offers:?}");
    }
}

#[tokio::test]
async fn the_number_of_connections_is_a_limit() {
    let manner = Manner::modern().script(|event| match event.step {
        Step::Message => Act::Late(Duration::from_millis(3)),
        _ => Act::Usual,
    });
    let sink = manner.start().await;
    let rig = Rig::new(&config::Relay { connections: 2, ..settings(&sink) });
    let mut sending = tokio::task::JoinSet::new();
    for number in 0..50 {
        let relay = rig.relay.clone();
        sending.spawn(async move {
            let session = relay.checkout().await.expect("a place comes free");
            session.deliver(&letter(&format!("r{number}"))).await
        });
    }
    assert!(sending.join_all().await.iter().all(accepted));
    assert_eq!((sink.taken().len(), sink.connections(), sink.most_open()), (50, 2, 2));
    assert!((rig.metric(&["vigie_relay_connections", "open"]) - 2.0).abs() < 0.1);
    assert!(rig.metric(&["vigie_relay_connections", "busy"]).abs() < 0.1);
}

#[tokio::test]
async fn a_connection_is_given_up_after_its_mails_and_its_time() {
    let sink = Manner::modern().start().await;
    let rig = Rig::new(&config::Relay { max_mails: 2, ..settings(&sink) });
    for _ in 0..5 {
        assert!(accepted(&rig.send(&letter("one")).await));
    }
    assert_eq!(sink.connections(), 3);

    let sink = Manner::modern().start().await;
    let rig = Rig::new(&config::Relay { idle: SHORT, ..settings(&sink) });
    assert!(accepted(&rig.send(&letter("one")).await));
    sink.wait_for(Step::Quit, 1).await;
    sink.wait_open(0).await;
    rig.wait_closed().await;
}

#[tokio::test]
async fn close_takes_leave_and_keeps_nothing() {
    let sink = Manner::modern().start().await;
    let rig = Rig::to(&sink);
    let late = rig.relay.checkout().await.unwrap();
    assert!(accepted(&rig.send(&letter("one")).await));
    tokio::time::timeout(LONG, rig.relay.close()).await.unwrap();
    assert_eq!(sink.count(Step::Quit), 1);
    assert!(accepted(&late.deliver(&letter("two")).await));
    sink.wait_open(0).await;
}
