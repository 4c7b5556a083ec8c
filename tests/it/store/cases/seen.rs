//! Who saw the letters of a case, and what is told of it when the case ends.

use jiff::Timestamp;
use serde_json::{Value, json};
use vigie::model::{CaseSeen, CaseState, Glance, RecipientId, Seen, SendSpec};

use super::{HOUR, debt, look, put, settle, told};
use crate::store::bench::{Backend, Bench, case_of, name, send, who};

fn seen<B: Backend>(bench: &Bench<B>, letter: &SendSpec, whose: RecipientId, what: Glance) -> Seen {
    Seen { recipient: whose, send: letter.id, what, at: bench.now() }
}

async fn note<B: Backend>(bench: &Bench<B>, seen: &[Seen]) -> Vec<Option<String>> {
    let noted = bench.store().note_seen(seen).await.expect("note_seen works");
    let case = |(brand, case)| {
        assert_eq!(brand, name("demo"));
        case
    };
    noted.into_iter().map(|noted| noted.map(case)).collect()
}

/// A letter of the case is sent; another of a second case waits.
async fn sent_and_waiting<B: Backend>(bench: &Bench<B>) -> (SendSpec, SendSpec) {
    let (case, letter) = debt("120.50");
    let other = case_of("demo", "8", who(1), "1");
    let waiting = SendSpec { case: Some("8".into()), ..send("s-8", who(1)) };
    put(bench, &case).await;
    put(bench, &other).await;
    bench.accept(&letter).await;
    bench.sent(bench.claim(who(1)).await.hold).await;
    bench.store().away(who(1), vigie::model::Leaving::Left).await.expect("away works");
    assert!(bench.accept(&waiting).await.is_none());
    (letter, waiting)
}

pub(crate) async fn who_saw_a_letter_is_counted_in_its_case<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let (letter, waiting) = sent_and_waiting(&bench).await;
    let stranger = send("s-9", who(1));
    let sights = [
        seen(&bench, &letter, who(1), Glance::Open),
        seen(&bench, &letter, who(1), Glance::Open),
        seen(&bench, &letter, who(1), Glance::Click),
        seen(&bench, &letter, who(1), Glance::Counted),
        seen(&bench, &waiting, who(1), Glance::Open),
        seen(&bench, &letter, who(2), Glance::Open),
        seen(&bench, &stranger, who(1), Glance::Open),
    ];
    let of = |case: &str| Some(case.to_owned());
    let noted = note(&bench, &sights).await;
    assert_eq!(noted, [of("7"), of("7"), of("7"), of("7"), of("8"), None, None]);
    let (case, _) = debt("120.50");
    let record = look(&bench, &case).await.expect("known");
    let CaseSeen { opens, clicks, last, first_mail, last_mail, letters } = record.seen;
    assert_eq!((opens, clicks, last), (2, 1, Some(sights[0].at)));
    assert_eq!((first_mail.is_some(), first_mail), (true, last_mail));
    assert_eq!(letters.iter().map(|(send, _)| *send).collect::<Vec<_>>(), [letter.id]);
    let second = look(&bench, &case_of("demo", "8", who(1), "1")).await.expect("known").seen;
    assert_eq!((second.opens, second.first_mail), (1, None));
}

pub(crate) async fn a_closed_case_keeps_sums_and_tells_them<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let (letter, _) = sent_and_waiting(&bench).await;
    let sight = seen(&bench, &letter, who(1), Glance::Click);
    note(&bench, &[sight]).await;
    let (case, _) = debt("120.50");
    let open = look(&bench, &case).await.expect("known");
    bench.store().hand_off(&case.brand, "7", "asked").await.expect("hand_off works");
    assert_eq!(note(&bench, &[sight]).await, [None], "it is closed");
    let record = look(&bench, &case).await.expect("known");
    assert_eq!(record.seen, CaseSeen { letters: Vec::new(), ..open.seen.clone() });
    assert_eq!(settle(&bench, &case).await.state, Some(CaseState::Settled));
    let events = told(&bench, &["case.opened", "case.opened", "case.handed_off", "case.settled"]).await;
    let data = |kind: &str| events.iter().find(|event| event.kind == kind).expect("told").data.clone();
    let text = |at: Option<Timestamp>| at.map(|at| at.to_string());
    let told = |more: Value| {
        let mut all = json!({
            "id": "7", "brand": "demo", "mails": 1, "opens": 0, "clicks": 1, "last_seen": sight.at.to_string(),
            "first_mail": text(open.seen.first_mail), "last_mail": text(open.seen.last_mail),
            "opened_at": open.opened.to_string(),
        });
        all.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        all
    };
    let owed = json!({"state": "handed_off", "reason": "asked", "amount": "120.50", "currency": "EUR"});
    assert_eq!(data("case.handed_off"), told(owed));
    assert_eq!(
        data("case.settled"),
        told(json!({"state": "settled", "reason": "paid", "was": "handed_off"}))
    );
}

pub(crate) async fn what_was_seen_survives_a_crash<B: Backend>() {
    let mut bench = Bench::<B>::new().await;
    let (letter, _) = sent_and_waiting(&bench).await;
    note(&bench, &[seen(&bench, &letter, who(1), Glance::Open)]).await;
    let (case, _) = debt("120.50");
    let before = look(&bench, &case).await.expect("known");
    bench.backend.crash().await;
    assert_eq!(look(&bench, &case).await.expect("known"), before);
    bench.pass(HOUR);
    let noted = note(&bench, &[seen(&bench, &letter, who(1), Glance::Open)]).await;
    assert_eq!(noted, [Some("7".to_owned())], "an open case remembers its letters");
}
