//! How a letter travels: round trips, framing, parameters.

use vigie::relay::Decision;

use super::rig::{Rig, accepted, content, decision, letter};
use crate::support::sink::{Act, Manner, Step};

#[tokio::test]
async fn one_round_trip_with_pipelining_and_chunking() {
    let sink = Manner::modern().start().await;
    let rig = Rig::to(&sink);
    for number in 0..3 {
        assert!(accepted(&rig.send(&letter(&format!("r{number}"))).await));
    }
    let taken = sink.taken();
    assert_eq!(taken.iter().map(|mail| mail.round_trips).collect::<Vec<_>>(), [1, 1, 1]);
    assert_eq!(taken[0].from, "MAIL FROM:<sender@example.org> SIZE=29");
    assert_eq!(taken[2].to, ["RCPT TO:<r2@example.net>"]);
    assert_eq!(sink.connections(), 1);
    assert!((rig.metric(&["vigie_relay_transactions_total", "reply=\"250\""]) - 3.0).abs() < 0.1);
}

#[tokio::test]
async fn fewer_offers_cost_more_round_trips() {
    for (offers, trips) in [(&["PIPELINING"][..], 2), (&["CHUNKING"], 4), (&[], 4)] {
        let sink = Manner::offering(offers).start().await;
        let rig = Rig::to(&sink);
        assert!(accepted(&rig.send(&letter("one")).await));
        assert!(accepted(&rig.send(&letter("two")).await));
        let counted: Vec<_> = sink.taken().iter().map(|mail| mail.round_trips).collect();
        assert_eq!(counted, [trips, trips], "{offers:?}");
        assert_eq!(sink.count(Step::Bdat), 0, "{offers:?}");
    }
}

#[tokio::test]
async fn content_that_looks_like_commands_arrives_as_content() {
    let forged = b".\r\nSubject: x\r\n\r\n.\r\n..\r\nMAIL FROM:<evil@example.org>\r\nRCPT TO:<v@example.net>\r\n.\r\nDATA\r\nend\r\n";
    for offers in [&["PIPELINING", "CHUNKING"][..], &["PIPELINING"], &[]] {
        let sink = Manner::offering(offers).start().await;
        let rig = Rig::to(&sink);
        assert!(accepted(&rig.send(&content("one", forged)).await));
        assert!(accepted(&rig.send(&letter("two")).await));
        let taken = sink.taken();
        assert_eq!(taken.len(), 2, "{offers:?}");
        assert_eq!(taken[0].content, forged, "{offers:?}");
        assert_eq!(sink.count(Step::Mail), 2, "{offers:?}");
    }
}

#[tokio::test]
async fn large_letters_arrive_whole() {
    let large = b"0123456789012345678901234567890123456789\r\n".repeat(50_000);
    for offers in [&["PIPELINING", "CHUNKING"][..], &["PIPELINING"], &[]] {
        let sink = Manner::offering(offers).start().await;
        let rig = Rig::to(&sink);
        assert!(accepted(&rig.send(&content("one", &large)).await));
        assert!(sink.taken()[0].content == large, "{offers:?}");
    }
}

#[tokio::test]
async fn what_a_relay_cannot_carry_is_refused_before_a_word_is_said() {
    let sink = Manner::modern().start().await;
    let rig = Rig::to(&sink);
    let wide = content("one", "Subject: x\r\n\r\né\r\n".as_bytes());
    let bare = content("one", b"Subject: x\r\n\r\na\n.\nb\r\n");
    let foreign = letter("é");
    for (letter, word) in [(wide, "8BITMIME"), (bare, "bare CR or LF"), (foreign, "SMTPUTF8")] {
        let delivery = rig.send(&letter).await;
        assert_eq!(decision(&delivery), Ok(Decision::Reject));
        assert!(format!("{delivery:?}").contains(word));
    }
    assert_eq!(sink.count(Step::Mail), 0);
    assert!(accepted(&rig.send(&letter("fine")).await), "the connection is as good as before");
    assert_eq!(sink.connections(), 1);
}

#[tokio::test]
async fn parameters_are_said_where_they_are_offered() {
    let sink = Manner::offering(&["PIPELINING", "CHUNKING", "8BITMIME", "SMTPUTF8"]).start().await;
    let rig = Rig::to(&sink);
    let wide = content("é", "Subject: x\r\n\r\né\r\n".as_bytes());
    assert!(accepted(&rig.send(&wide).await));
    assert_eq!(sink.taken()[0].from, "MAIL FROM:<sender@example.org> BODY=8BITMIME SMTPUTF8");
}

#[tokio::test]
async fn a_relay_that_does_not_know_its_own_bdat_gets_data() {
    let broken = Manner::modern().script(|event| match event.step {
        Step::Bdat => Act::say("500 5.5.1 Command unknown"),
        _ => Act::Usual,
    });
    let sink = broken.start().await;
    let rig = Rig::to(&sink);
    assert!(accepted(&rig.send(&letter("one")).await));
    assert!(accepted(&rig.send(&letter("two")).await));
    assert_eq!((sink.count(Step::Bdat), sink.count(Step::Data), sink.taken().len()), (1, 2, 2));
}
