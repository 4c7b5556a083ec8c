use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;

use serde_json::{Value, json};
use tokio::sync::Notify;

use super::*;

fn event(reference: &str, state: SendState) -> Event {
    let brand: Name = "demo".parse().expect("a name");
    Event {
        send: SendId::derive(&brand, reference),
        reference: reference.into(),
        brand,
        campaign: None,
        state,
        at: "2026-03-02T09:00:00Z".parse().expect("a moment"),
        attempts: 1,
        detail: String::new(),
    }
}

/// The arguments of a command, as texts.
fn arguments(command: &Cmd) -> Vec<String> {
    let argument = |argument: redis::Arg<&[u8]>| match argument {
        redis::Arg::Simple(bytes) => String::from_utf8(bytes.to_vec()).expect("text"),
        _ => panic!("a strange argument"),
    };
    command.args_iter().map(argument).collect()
}

/// The reference in a command's data.
fn reference(command: &Cmd) -> String {
    let data: Value = serde_json::from_str(arguments(command).last().expect("data")).expect("JSON");
    data["id"].as_str().expect("an id").to_owned()
}

#[test]
fn an_event_has_the_shape_of_a_webhook_and_no_address() {
    let campaign = Some("wave".parse().expect("a name"));
    let event = Event { campaign, detail: "250 ok".into(), ..event("s-1", SendState::HandedOff) };
    let said = arguments(&event.command());
    assert_eq!(
        &said[..8],
        ["XADD", EVENTS, "MAXLEN", "~", "100000", "*", "event", "send.handed_off"],
        "bounded"
    );
    let data: Value = serde_json::from_str(&said[9]).expect("JSON");
    let expected = json!({
        "id": "s-1", "brand": "demo", "campaign": "wave", "state": "handed_off", "at": "2026-03-02T09:00:00Z",
        "attempts": 1, "detail": "250 ok", "send": event.send.to_string(),
    });
    assert_eq!((said[8].as_str(), data), ("data", expected));
}

#[tokio::test(start_paused = true)]
async fn what_redis_did_not_take_is_told_again_and_nothing_else() {
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let (round, all) = (AtomicUsize::new(0), Arc::clone(&told));
    let publish: Publish = Arc::new(move |commands| {
        // The first time Redis is away, then it refuses every second one, then it is well.
        let round = round.fetch_add(1, Ordering::SeqCst);
        let well = |n: usize| round > 1 || (round == 1 && n % 2 == 1);
        let answers: Vec<bool> = (0..commands.len()).map(well).collect();
        let taken = commands.iter().zip(&answers).filter(|(_, taken)| **taken);
        all.lock().expect("sound").extend(taken.map(|(command, _)| reference(command)));
        Box::pin(std::future::ready(if round == 0 { Vec::new() } else { answers }))
    });
    let announcer = Announcer::start(publish);
    for n in 0..4 {
        announcer.tell(event(&format!("s-{n}"), SendState::Sent));
    }
    announcer.close(Duration::from_mins(1)).await;
    assert_eq!(*told.lock().expect("sound"), ["s-1", "s-3", "s-0", "s-2"]);
}

#[tokio::test(start_paused = true)]
async fn events_that_pile_up_are_counted_and_never_wait() {
    let (open, gate) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (opened, door) = (Arc::clone(&open), Arc::clone(&gate));
    let publish: Publish = Arc::new(move |commands| {
        let (opened, door) = (Arc::clone(&opened), Arc::clone(&door));
        Box::pin(async move {
            opened.notify_one();
            door.notified().await;
            vec![true; commands.len()]
        })
    });
    let announcer = Announcer::start(publish);
    announcer.tell(event("first", SendState::Sent));
    open.notified().await;
    for n in 0..WAITING + 3 {
        announcer.tell(event(&format!("s-{n}"), SendState::Failed));
    }
    assert_eq!(announcer.lost(), 3);
    announcer.close(Duration::from_secs(1)).await;
}
