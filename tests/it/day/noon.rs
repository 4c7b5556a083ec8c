//! 12:00. Azur's payment page is down, and an operator pauses Azur; people come and wait. Then it goes on, slowly at first.

use std::time::Duration;

use hyper::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use vigie::clock::Clock;

use super::cast::{Brand, Case, Person, Role};
use super::mailboxes::read;
use super::{Day, books, payments, refs};
use crate::support::gateway::{Gateway, Knocker};
use crate::support::wait::{SOON, wait_until};

/// Mails a second with which a flow begins again, as `flows.resume_rate` says.
const FIRST_RATE: usize = 5;

/// Between two rounds of visits.
const ROUND: Duration = Duration::from_millis(100);

pub async fn passes(day: &mut Day) {
    pause(day).await;
    let before = delivered(day, Brand::Azur).await;
    let noon = day.those(|role| matches!(role, Role::Noon | Role::Disputer));
    let (azur, boreal): (Vec<_>, Vec<_>) =
        noon.into_iter().partition(|person| person.cases[0].brand == Brand::Azur);
    day.town.open_older_mails(&refs(&azur)).await;
    day.town.open_older_mails(&refs(&boreal)).await;
    day.mails_go_out(&boreal).await;
    day.town.are_seen(&refs(&azur)).await;
    they_wait(day, &azur).await;

    for brand in Brand::BOTH {
        let disputes = day.cases(brand, |role| role == Role::Disputer);
        let waiting = if brand == Brand::Azur { disputes.len() as u64 } else { 0 };
        assert_eq!(day.settle(&disputes, "dispute").await, waiting, "of {}", brand.name());
    }
    payments::are_made(day).await;
    assert_eq!(delivered(day, Brand::Azur).await, before, "a pause is a pause");
    goes_on(day, azur).await;
}

/// An operator at the second gateway; the first knows it within a second.
async fn pause(day: &Day) {
    let until = Clock::system().now() + SignedDuration::from_hours(1);
    let pause = json!({"state": "paused", "until": until, "reason": "the payment page is down"});
    let answer = day.town.gateways[1].call(Method::PUT, "/v1/flows/azur", &pause).await;
    assert!(answer.status.is_success(), "{}", answer.text());
    for gateway in &day.town.gateways {
        let flow = wait_until("the pause is known", SOON, async || {
            Some(azur(gateway).await).filter(|flow| flow["state"] == "paused")
        })
        .await;
        let until = until.to_string();
        let said = [&flow["reason"], &flow["by"], &flow["until"]].map(|said| said.as_str().unwrap_or(""));
        assert_eq!((said[0], said[2]), ("the payment page is down", until.as_str()), "{flow}");
        assert!(!said[1].is_empty(), "it says who: {flow}");
    }
}

/// How Azur's flow stands, as a gateway sees it.
async fn azur(gateway: &Gateway) -> Value {
    let flows = gateway.call(Method::GET, "/v1/flows", &Value::Null).await.json();
    let of_azur = |flow: &&Value| flow["brand"] == "azur" && flow.get("campaign").is_none();
    flows["flows"].as_array().expect("a list").iter().find(of_azur).expect("it is a brand").clone()
}

/// How many mails of a brand lie in mailboxes, as soon as nothing of it is under way.
async fn delivered(day: &Day, brand: Brand) -> usize {
    let gone = day.cases(brand, |role| role == Role::Gone).len();
    wait_until("all that is sent is delivered", SOON, async || {
        let sent = usize::try_from(day.town.sends(brand, "sent")).expect("some");
        let mails = read(&day.town).iter().filter(|mail| mail.brand == brand).count();
        (day.town.sends(brand, "claimed") == 0 && mails == sent - gone).then_some(mails)
    })
    .await
}

/// Whoever came to the paused brand has a mail that waits, was not tried, and says why.
async fn they_wait(day: &Day, people: &[Person]) {
    for case in people.iter().flat_map(|person| &person.cases) {
        let path = format!("/v1/sends/{}", case.letter());
        let send = day.town.ask(Method::GET, &path, &Value::Null).await;
        assert_eq!((&send["state"], &send["attempts"]), (&json!("waiting"), &json!(0)), "{send}");
        assert!(send.to_string().contains("the payment page is down"), "{send}");
    }
}

/// The operator resumes, at the other gateway; who waits is still there.
async fn goes_on(day: &mut Day, people: Vec<Person>) {
    let waiting: Vec<_> = people.into_iter().filter(|person| person.role == Role::Noon).collect();
    let pixels = day.town.pixels(&refs(&waiting)).await;
    let visits = keep_coming(day.town.gateways.each_ref().map(Gateway::knocker), pixels);
    let resumed = Clock::system().now();
    day.town
        .ask(Method::PUT, "/v1/flows/azur", &json!({"state": "running", "reason": "it is up again"}))
        .await;
    day.mails_go_out(&waiting).await;
    visits.abort();
    no_wave(day, resumed, waiting.iter().flat_map(|person| &person.cases)).await;
}

/// Everybody keeps coming, to both gateways in turns, until that is ended.
fn keep_coming(edges: [Knocker; 2], pixels: Vec<String>) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            for (n, pixel) in pixels.iter().enumerate() {
                // A gateway that is about to stop need not answer.
                let _ = edges[n % 2].open(pixel).await;
            }
            tokio::time::sleep(ROUND).await;
        }
    })
}

/// In the first second of a brand that goes on there are no more mails than that rate, and they all take as long as it says.
async fn no_wave(day: &Day, resumed: Timestamp, cases: impl Iterator<Item = &Case>) {
    let story = books::read_all(&day.town).await;
    let sent: Vec<_> = cases.map(|case| story.sends[&case.letter()].at).collect();
    let within = |seconds| {
        let until = resumed + SignedDuration::from_secs(seconds);
        sent.iter().filter(|at| **at < until).count()
    };
    assert!(sent.iter().all(|at| *at >= resumed), "nothing went before");
    assert!(within(1) <= FIRST_RATE + 1, "{} mails in the first second", within(1));
    assert!(within(2) <= 2 * FIRST_RATE + 2, "{} mails in the first two seconds", within(2));
}
