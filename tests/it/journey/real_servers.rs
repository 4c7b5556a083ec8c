//! From a pixel request to the mailbox of a real Postfix and a real Exim.

use std::net::SocketAddr;

use hyper::Method;
use serde_json::Value;

use super::OTHER_BRAND;
use crate::support::exim::Exim;
use crate::support::gateway::{Gateway, letter};
use crate::support::letter::Letter;
use crate::support::postfix::Postfix;
use crate::support::tap::Tap;
use crate::support::wait::{SOON, wait_until};

/// What the servers do with a recipient, by how the address begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Taken,
    Refused,
    Deferred,
}
use Fate::{Deferred, Refused, Taken};

/// Every change from one fate to another, and some mails in a row.
const FATES: [Fate; 12] =
    [Taken, Taken, Taken, Refused, Taken, Deferred, Taken, Refused, Deferred, Taken, Taken, Taken];

impl Fate {
    fn address(self, number: usize) -> String {
        let prefix = match self {
            Taken => "",
            Refused => "refused-",
            Deferred => "deferred-",
        };
        format!("{prefix}canary-{number}@example.test")
    }
}

/// The brands take turns, so that a mail under the wrong sender is noticed.
fn brand(number: usize) -> (&'static str, &'static str) {
    if number.is_multiple_of(2) {
        ("demo", "reminders@demo.example")
    } else {
        ("other", "bounces@other.example")
    }
}

#[tokio::test]
async fn postfix() {
    let postfix = Postfix::start().await;
    letters_arrive(postfix.addr(), async |count| postfix.wait_for_messages(count).await).await;
}

#[tokio::test]
async fn exim() {
    let exim = Exim::start().await;
    letters_arrive(exim.addr(), async |count| exim.wait_for_messages(count).await).await;
}

/// Fires every letter through one connection at a time and reads back what was delivered.
async fn letters_arrive(server: SocketAddr, delivered: impl AsyncFn(usize) -> Vec<Vec<u8>>) {
    let tap = Tap::before(server).await;
    let relay = format!("smtp://{}?tls=none", tap.addr());
    let settings: Vec<_> = OTHER_BRAND
        .into_iter()
        .chain([("VIGIE__RELAY__URL", relay.as_str()), ("VIGIE__RELAY__CONNECTIONS", "1")])
        .collect();
    let gateway = Gateway::start(&settings).await;
    for (number, fate) in FATES.into_iter().enumerate() {
        fire(&gateway, number, fate).await;
    }
    one_round_trip_each(&tap);

    let mails = delivered(count(Taken)).await;
    assert_eq!(mails.len(), count(Taken), "each mail arrives once");
    for mail in &mails {
        under_its_own_sender(&Letter::read(mail));
    }
    let metrics = gateway.metrics();
    assert_eq!(metrics.count("vigie_sends_finished_total", &["outcome=\"sent\""]), count(Taken) as u64);
    assert_eq!(metrics.count("vigie_signal_to_accepted_seconds_count", &[]), count(Taken) as u64);
    for (number, _) in FATES.into_iter().enumerate().filter(|(_, fate)| *fate == Deferred) {
        cancel(&gateway, number).await;
    }
}

fn count(fate: Fate) -> usize {
    FATES.into_iter().filter(|found| *found == fate).count()
}

/// Queues one letter, lets its reader come online, and waits for what the server says.
async fn fire(gateway: &Gateway, number: usize, fate: Fate) {
    let (id, email) = (format!("letter-{number}"), fate.address(number));
    let mut reminder = letter(&id, &email);
    reminder["brand"] = brand(number).0.into();
    gateway.push(&reminder).await;
    gateway.comes_online(&email).await;
    match fate {
        Taken => gateway.reaches(&id, "sent").await,
        Refused => gateway.reaches(&id, "failed").await,
        Deferred => {
            wait_until("it is deferred", SOON, async || {
                Some(gateway.send(&id).await).filter(|send| {
                    send["state"] == "waiting" && send["history"].to_string().contains("\"deferred\"")
                })
            })
            .await
        }
    };
}

/// Takes a deferred letter back, as soon as no attempt is handing it over.
async fn cancel(gateway: &Gateway, number: usize) {
    wait_until("it is taken back", SOON, async || {
        let answer = gateway.call(Method::DELETE, &format!("/v1/sends/letter-{number}"), &Value::Null).await;
        answer.status.is_success().then_some(())
    })
    .await;
}

/// Every mail that was taken cost one round trip, and only a refusal may cost the connection.
fn one_round_trip_each(tap: &Tap) {
    let passed = tap.mails();
    let taken: Vec<_> = passed.iter().filter(|mail| !mail.refused).collect();
    assert_eq!(taken.len(), count(Taken), "{passed:?}");
    assert!(taken.iter().all(|mail| mail.round_trips == 1), "{passed:?}");
    let connections = 1 + passed.iter().map(|mail| mail.connection).max().unwrap_or(0);
    assert!(connections <= 1 + passed.len() - taken.len(), "{connections} connections: {passed:?}");
}

fn under_its_own_sender(mail: &Letter) {
    let id = mail.header("x-vigie-send");
    let number = id.trim_start_matches("letter-").parse().expect("our ids end in a number");
    let (brand, sender) = brand(number);
    assert_eq!(mail.header("return-path").trim_matches(['<', '>']), sender);
    assert_eq!(mail.header("to"), Taken.address(number));
    assert!(mail.header("from").contains(brand), "{mail:?}");
    assert_eq!(mail.header("message-id"), format!("<{id}@{brand}.example>"));
    assert!(mail.html.contains("120.00 €"), "{mail:?}");
    assert!(mail.pixel().starts_with("/o/"));
}
