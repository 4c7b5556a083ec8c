//! Brands that write at certain hours only, by the system's clock: hours are made so that they open a moment from now.

use std::time::Duration;

use hyper::Method;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use vigie::clock::Clock;

use super::{Folders, note};
use crate::support::gateway::Gateway;
use crate::support::wait::{SOON, wait_until};

/// Long enough to find it quiet, short enough to wait for.
const AHEAD: Duration = Duration::from_secs(6);

/// When hours open, to the second, and the hours: every day from then on, for a while. In a zone of half hours, where that is
/// the same day.
fn opening() -> (Timestamp, String) {
    let at = Timestamp::from_second((Clock::system().now() + AHEAD).as_second()).expect("a moment");
    let clocks = ["UTC", "Asia/Kolkata"].map(|name| at.to_zoned(TimeZone::get(name).expect("it exists")));
    // Where midnight is far: before it hours would end, after it they would have begun long ago.
    let shown = clocks.into_iter().find(|shown| (1..23).contains(&shown.hour())).expect("one of them");
    let (from, to) = (shown.strftime("%H:%M:%S"), "24:00");
    let zone = shown.time_zone().iana_name().expect("it has a name");
    let hours = format!(
        "[hours]\nzone = \"{zone}\"\nopen = [{{ days = \"mon-sun\", from = \"{from}\", to = \"{to}\" }}]\nspread = \"1h\""
    );
    (at, hours)
}

/// Puts a brand's new version there, and waits until that was told.
async fn reload(folders: &Folders, gateway: &Gateway, more: &str) {
    let told = async || {
        let events = gateway.call(Method::GET, "/v1/events?format=json&types=brand.*", &Value::Null);
        events.await.text().matches("\"type\":\"brand.reloaded\"").count()
    };
    let before = told().await;
    folders.put("acme", more, "Acme");
    wait_until("the brand is reloaded", SOON, async || (told().await > before).then_some(())).await;
}

/// What a rule says of a send, as `verdict: value`.
fn says(send: &Value, rule: &str) -> String {
    let why = send["why"].as_array().expect("it says why");
    let found = why.iter().find(|found| found["name"] == rule).expect("the rule is explained");
    format!("{}: {}", found["verdict"].as_str().expect("a word"), found["value"].as_str().expect("words"))
}

fn sent_at(send: &Value) -> Timestamp {
    send["sent_at"].as_str().expect("when it was sent").parse().expect("a moment")
}

#[tokio::test]
async fn whoever_is_online_in_quiet_hours_is_written_to_at_the_opening() {
    let folders = Folders::with_acme();
    let gateway = folders.gateway(&[]).await;
    let person = "canary-night@example.test";
    gateway.comes_online(person).await;
    let (at, hours) = opening();
    reload(&folders, &gateway, &hours).await;
    gateway.push(&note("acme", "held", person)).await;
    let held = wait_until("it is held", SOON, async || {
        Some(gateway.send("held").await).filter(|send| send.to_string().contains("\"deferred\""))
    })
    .await;
    assert!(Clock::system().now() < at, "too slow to see it quiet");
    assert_eq!((&held["state"], &held["attempts"]), (&"waiting".into(), &0.into()), "{held}");
    assert_eq!(held["due"].as_str().map(|due| due.parse().expect("a moment")), Some(at), "{held}");
    let said = says(&held, "hours");
    assert!(
        said.starts_with(&format!("hold: quiet until {at}: outside the brand's hours; it is ")),
        "{said}"
    );
    assert!(gateway.outbox().is_empty());

    let sent = gateway.reaches("held", "sent").await;
    assert!(sent_at(&sent) >= at, "{sent}");
    assert!(sent_at(&sent) < at + SignedDuration::from_secs(3), "{sent}");
    assert_eq!(sent["attempts"], 0, "{sent}");
}

#[tokio::test]
async fn what_became_overdue_in_quiet_hours_takes_turns_and_whoever_comes_does_not() {
    let folders = Folders::with_acme();
    let mut gateway = folders.gateway(&[]).await;
    let (at, hours) = opening();
    reload(&folders, &gateway, &hours).await;
    let deadline = at - SignedDuration::from_secs(1);
    let people = [1, 2, 3].map(|n| (format!("s-{n}"), format!("canary-overdue-{n}@example.test")));
    for (id, person) in &people {
        let mut late = note("acme", id, person);
        late["deadline"] = deadline.to_string().into();
        gateway.push(&late).await;
    }
    let mut dropped = note("acme", "dropped", "canary-dropped@example.test");
    (dropped["deadline"], dropped["on_deadline"]) = (deadline.to_string().into(), "drop".into());
    gateway.push(&dropped).await;
    gateway.reaches("dropped", "dropped").await;
    assert!(Clock::system().now() < at, "nothing to send waits for no hours");
    for (id, _) in &people {
        wait_until("its turn is later", SOON, async || {
            let send = gateway.send(id).await.to_string();
            send.contains("those take turns").then_some(())
        })
        .await;
    }
    let (id, person) = &people[0];
    gateway.comes_online(person).await;
    let sent = gateway.reaches(id, "sent").await;
    assert_eq!(sent["attempts"], 0, "{sent}");
    // By chance one of the others may have been the first of the hour; most have not.
    gateway.leaves_undecided(gateway.metrics().undecided());
}

#[tokio::test]
async fn a_send_is_in_its_own_zone_which_must_exist() {
    let folders = Folders::with_acme();
    let gateway = folders.gateway(&[]).await;
    let mut wrong = note("acme", "wrong", "canary-zone@example.test");
    wrong["zone"] = "Europe/Pariss".into();
    let answer = gateway.call(Method::POST, "/v1/sends", &wrong).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["field"]), (422, &"zone".into()), "{}", answer.text());

    // Somewhere the day is over, and somewhere it is not.
    let now = Clock::system().now();
    let is_day = |name: &&&str| {
        let zone = TimeZone::get(name).expect("it exists");
        (6..18).contains(&now.to_zoned(zone).hour())
    };
    let zones = ["Pacific/Honolulu", "Asia/Singapore", "Europe/Paris"];
    let day = zones.iter().find(is_day).expect("the sun shines somewhere");
    let night = zones.iter().find(|name| !is_day(name)).expect("and somewhere not");
    let hours = "[hours]\nzone = \"UTC\"\nopen = [{ days = \"mon-sun\", from = \"06:00\", to = \"18:00\" }]";
    reload(&folders, &gateway, hours).await;
    for (id, zone) in [("night", night), ("day", day)] {
        let person = format!("canary-{id}@example.test");
        let mut send = note("acme", id, &person);
        send["zone"] = (*zone).into();
        gateway.push(&send).await;
        gateway.comes_online(&person).await;
    }
    gateway.reaches("day", "sent").await;
    let held = gateway.send("night").await;
    assert_eq!(held["zone"], *night);
    assert!(says(&held, "hours").starts_with("hold: quiet until"), "{held}");
    let cancelled = gateway.call(Method::DELETE, "/v1/sends/night", &Value::Null).await;
    assert!(cancelled.status.is_success(), "{}", cancelled.text());
}
