//! Every row of the decision table, end to end, in each of the three ways.

use proptest::prelude::*;
use vigie::relay::{Decision, Delivery};

use super::rig::{Rig, accepted, decision, impatient, letter, unknown};
use crate::support::sink::{Act, Manner, Sink, Step};

const WAYS: [&[&str]; 3] = [&["PIPELINING", "CHUNKING"], &["PIPELINING"], &[]];

/// A sink that answers `reply` at `step` of the first mail.
async fn once(offers: &[&str], step: Step, reply: &'static str) -> Sink {
    let manner = Manner::offering(offers).script(move |event| {
        if event.mail == 0 && event.step == step { Act::say(reply) } else { Act::Usual }
    });
    manner.start().await
}

#[tokio::test]
async fn refusals_are_told_apart_and_leave_the_next_mail_alone() {
    use Decision::{Defer, Misconfigured, Reject, Throttle};
    let table = [
        (Step::Mail, "450 4.2.0 greylisted", Throttle, true),
        (Step::Mail, "550 5.7.1 sender refused", Reject, true),
        (Step::Mail, "530 5.7.0 authentication required", Misconfigured, false),
        (Step::Mail, "421 4.3.2 closing", Throttle, false),
        (Step::Rcpt, "450 4.2.1 busy mailbox", Defer, true),
        (Step::Rcpt, "451 4.7.1 too many connections", Throttle, false),
        (Step::Rcpt, "550 5.1.1 no such user", Reject, true),
        (Step::Rcpt, "504 5.5.2 need a fully-qualified address", Reject, true),
        (Step::Rcpt, "432 4.3.2 concurrent connections", Throttle, false),
        (Step::Message, "452 4.3.1 disk full", Throttle, true),
        (Step::Rcpt, "451 4.3.0 lookup failure", Throttle, true),
        (Step::Mail, "451 local error", Throttle, true),
        (Step::Rcpt, "452 4.2.2 mailbox full", Defer, true),
        (Step::Message, "552 5.3.4 too big", Reject, true),
        (Step::Message, "554-5.7.1 looks like\r\n554 5.7.1 spam", Reject, true),
        (Step::Message, "454 4.7.0 later", Throttle, false),
        (Step::Message, "421 4.3.2 closing", Throttle, false),
    ];
    for offers in WAYS {
        for (step, reply, expected, kept) in table {
            let sink = once(offers, step, reply).await;
            let rig = Rig::to(&sink);
            let first = rig.send(&letter("one")).await;
            assert_eq!(decision(&first), Ok(expected), "{reply} at {step:?}, {offers:?}");
            assert!(accepted(&rig.send(&letter("two")).await), "{reply} at {step:?}, {offers:?}");
            let connections = if kept { 1 } else { 2 };
            assert_eq!(sink.connections(), connections, "{reply} at {step:?}, {offers:?}");
            assert_eq!(sink.taken().len(), 1);
        }
    }
}

#[tokio::test]
async fn replies_that_answer_something_else_are_never_a_yes() {
    for offers in WAYS {
        let whole = offers.contains(&"CHUNKING");
        for (step, reply) in [(Step::Mail, "354 go"), (Step::Rcpt, "334 hm"), (Step::Message, "354 go")] {
            let sink = once(offers, step, reply).await;
            let rig = Rig::new(&impatient(&sink));
            let delivery = rig.send(&letter("one")).await;
            if whole || step == Step::Message {
                assert!(unknown(&delivery), "{reply} at {step:?}, {offers:?}: {delivery:?}");
            } else {
                assert_eq!(decision(&delivery), Ok(Decision::Unreachable), "{reply} at {step:?}");
            }
            assert!(accepted(&rig.send(&letter("two")).await));
            assert_eq!(sink.connections(), 2, "{reply} at {step:?}, {offers:?}");
        }
    }
}

#[tokio::test]
async fn a_data_that_is_answered_250_carries_no_message() {
    for offers in &WAYS[1..] {
        let sink = once(offers, Step::Data, "250 fine").await;
        let rig = Rig::to(&sink);
        assert_eq!(decision(&rig.send(&letter("one")).await), Ok(Decision::Unreachable));
        assert!(sink.taken().is_empty());
    }
}

#[tokio::test]
async fn a_reply_without_text_or_in_pieces_or_in_another_script_is_a_reply() {
    for reply in
        [&b"250\r\n"[..], b"250-2.0.0 one\r\n250-two\r\n250 three\r\n", b"250 re\xe7u\r\n", b"250 ok\n"]
    {
        let manner = Manner::modern().script(move |event| match event.step {
            Step::Message => Act::Raw(reply.to_vec()),
            _ => Act::Usual,
        });
        let sink = manner.start().await;
        let rig = Rig::to(&sink);
        assert!(accepted(&rig.send(&letter("one")).await), "{reply:?}");
        assert!(accepted(&rig.send(&letter("two")).await), "{reply:?}");
        assert_eq!(sink.connections(), 1);
    }
}

#[tokio::test]
async fn replies_may_come_in_crumbs() {
    for offers in WAYS {
        let sink = Manner::offering(offers).script(|_| Act::Crumbs).start().await;
        let rig = Rig::to(&sink);
        assert!(accepted(&rig.send(&letter("one")).await), "{offers:?}");
        assert!(accepted(&rig.send(&letter("two")).await), "{offers:?}");
        assert_eq!((sink.count(Step::Message), sink.connections()), (2, 1));
    }
}

#[tokio::test]
async fn garbage_and_endless_replies_end_the_connection() {
    let endless = b"250-more\r\n".repeat(20_000);
    let long_line = b"250 ".iter().chain([b'x'; 5_000].iter()).copied().collect::<Vec<u8>>();
    for junk in
        [b"hello\r\n".to_vec(), b"\0\0\0\r\n".to_vec(), b"250-a\r\n550 b\r\n".to_vec(), long_line, endless]
    {
        for offers in WAYS {
            for step in [Step::Mail, Step::Message] {
                let junk = junk.clone();
                let manner = Manner::offering(offers).script(move |event| {
                    if event.mail == 0 && event.step == step { Act::Raw(junk.clone()) } else { Act::Usual }
                });
                let sink = manner.start().await;
                let rig = Rig::to(&sink);
                let delivery = rig.send(&letter("one")).await;
                if step == Step::Message || offers.contains(&"CHUNKING") {
                    assert!(unknown(&delivery), "{delivery:?}");
                } else {
                    assert_eq!(decision(&delivery), Ok(Decision::Unreachable), "{offers:?}");
                }
                assert!(accepted(&rig.send(&letter("two")).await));
                assert_eq!(sink.connections(), 2);
            }
        }
    }
}

#[tokio::test]
async fn a_greeting_that_is_no_welcome_is_told_apart() {
    let table = [
        (Step::Greeting, "421 4.3.2 too many", Decision::Throttle),
        (Step::Greeting, "450 4.3.2 later", Decision::Throttle),
        (Step::Greeting, "554 5.3.2 no service here", Decision::Misconfigured),
        (Step::Greeting, "hello", Decision::Unreachable),
        (Step::Hello, "502 5.5.1 what", Decision::Misconfigured),
    ];
    for (step, reply, expected) in table {
        let manner = Manner::modern().script(
            move |event| {
                if event.step == step { Act::say(reply) } else { Act::Usual }
            },
        );
        let sink = manner.start().await;
        assert_eq!(Rig::new(&impatient(&sink)).refused().await.decision, expected, "{reply}");
    }
}

#[tokio::test]
async fn what_the_relay_says_of_a_person_is_masked() {
    let sink = once(WAYS[0], Step::Rcpt, "550 5.1.1 <marie@example.net>: unknown").await;
    let Delivery::Refused(refusal) = Rig::to(&sink).send(&letter("marie")).await else {
        panic!("the relay refused");
    };
    assert_eq!(refusal.reason, "550 5.1.1 <address> unknown at RCPT");
}

fn replies() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        4 => "[245][0-5][0-9][ -][a-z0-9 .]{0,20}\r\n",
        1 => "[0-9]{0,4}[ -]?[a-z]{0,5}(\r\n|\n|\r)?",
    ];
    let text = prop::collection::vec(line, 0..6).prop_map(|lines| lines.concat().into_bytes());
    prop_oneof![3 => text, 1 => prop::collection::vec(any::<u8>(), 0..64)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, max_shrink_iters: 50, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a relay answers: one of three results, and the mail behind it gets its own answer.
    #[test]
    fn any_bytes_end_in_one_of_three_results(bytes in replies(), way in 0..3usize, at_message: bool) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let step = if at_message { Step::Message } else { Step::Mail };
            let manner = Manner::offering(WAYS[way]).script(move |event| {
                let junk = String::from_utf8_lossy(&bytes).into_owned();
                let cut = Act::SayAndCut(junk);
                if event.mail == 0 && event.step == step { cut } else { Act::Usual }
            });
            let sink = manner.start().await;
            let rig = Rig::to(&sink);
            let first = rig.send(&letter("one")).await;
            let second = rig.send(&letter("two")).await;
            // The sink took nothing, but a relay that says yes three times is believed: in one round trip the bytes at
            // MAIL can hold all three replies.
            let believed = accepted(&first) && (at_message || way == 0);
            assert!(believed || unknown(&first) || decision(&first).is_ok(), "{first:?}");
            assert!(accepted(&second), "{second:?}");
            assert!(sink.taken().last().unwrap().to[0].contains("two"));
        });
    }
}
