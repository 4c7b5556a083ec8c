//! Readings without a pause while mails flow.

use std::sync::Arc;
use std::time::Duration;

use hyper::{Method, StatusCode};
use tokio_util::sync::CancellationToken;

use super::{Folders, note};
use crate::support::crowd::{Person, come_online};
use crate::support::sink::{Manner, Sink};
use crate::support::wait::{SOON, wait_until};

/// People with a letter of each brand.
const PEOPLE: usize = 150;

/// Between two changes: long enough for some to be found settled.
const PACE: Duration = Duration::from_millis(20);

#[tokio::test]
async fn a_storm_of_readings_loses_nothing_and_doubles_nothing() {
    let sinks = [Manner::modern().start().await, Manner::modern().start().await];
    let urls = sinks.each_ref().map(|sink| format!("[relay]\nurl = \"smtp://{}?tls=none\"", sink.addr()));
    let folders = Arc::new(Folders::new());
    folders.put("acme", &urls[0], "Acme");
    folders.put("nova", &urls[1], "Nova");
    let gateway = folders
        .gateway(&[
            ("VIGIE__PRESENCE__MIN_GAP", "0s"),
            ("VIGIE__PRESENCE__REFRESH", "50ms"),
            ("VIGIE__DISPATCH__CLAIMS_PER_TOUCH", "2"),
            ("VIGIE__BRAND_FOLDERS__CHECK_EVERY", "5ms"),
        ])
        .await;
    let people = Person::several(&gateway, PEOPLE).await;
    let lines: String = (0..PEOPLE)
        .flat_map(|n| ["acme", "nova"].map(|brand| (brand, n)))
        .map(|(brand, n)| {
            note(brand, &format!("{brand}-{n}"), &format!("canary-{n}@example.test")).to_string() + "\n"
        })
        .collect();
    let pushed = gateway.try_call(Method::POST, "/v1/sends", "application/x-ndjson", lines).await;
    let pushed = pushed.expect("the API answers").lines();
    let accepted = pushed.iter().filter(|answer| answer["status"] == StatusCode::ACCEPTED.as_u16()).count();
    assert_eq!(accepted, 2 * PEOPLE);

    let (over, storming) = (CancellationToken::new(), Arc::clone(&folders));
    let (ended, _over) = (over.clone(), over.clone().drop_guard());
    let storm = tokio::task::spawn_blocking(move || {
        for turn in 0.. {
            if ended.is_cancelled() {
                return;
            }
            // Relays are swapped, files broken and mended.
            let (url, subject) = (&urls[turn / 2 % 2], ["Sound", "{{ broken", "Sound, too"][turn % 3]);
            storming.put(["acme", "nova"][turn % 2], url, subject);
            std::thread::sleep(PACE);
        }
    });
    let read = |result: &str| gateway.metrics().count("vigie_brand_reloads_total", &[result]);
    for round in people.chunks(10) {
        let before = read("loaded");
        gateway.signal("HUP").await;
        come_online(gateway.knocker(), round).await;
        wait_until("another reading", SOON, async || (read("loaded") > before).then_some(())).await;
    }
    wait_until("one was broken", SOON, async || (read("refused") > 0).then_some(())).await;
    wait_until("all are sent", SOON * 3, async || {
        come_online(gateway.knocker(), &people).await;
        (gateway.metrics().count("vigie_sends", &["state=\"sent\""]) == 2 * PEOPLE as u64).then_some(())
    })
    .await;
    over.cancel();
    storm.await.expect("the storm ends");
    let mut ids: Vec<_> = sinks.iter().flat_map(Sink::taken).map(|mail| send_id(&mail.content)).collect();
    ids.sort();
    ids.dedup();
    let all = sinks.iter().map(|sink| sink.taken().len()).sum::<usize>();
    assert_eq!((ids.len(), all), (2 * PEOPLE, 2 * PEOPLE), "each once");
}

fn send_id(mail: &[u8]) -> String {
    let text = String::from_utf8_lossy(mail);
    let line = text.lines().find_map(|line| line.strip_prefix("X-Vigie-Send: "));
    line.expect("each mail names its send").to_owned()
}
