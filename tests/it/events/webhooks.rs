//! Receivers that are well, slow, redirecting, gone, hostile.

use std::time::Duration;

use standardwebhooks::Webhook;
use vigie::telemetry::Registry;
use vigie::webhooks::From;

use super::house::{House, NEXT, SECRET};
use super::receiver::{Act, Receiver};
use crate::support::wait::{SOON, wait_until};

fn demo() -> vigie::model::Name {
    "demo".parse().expect("a name")
}

fn crm() -> vigie::model::Name {
    "crm".parse().expect("a name")
}

#[tokio::test]
async fn events_come_in_order_signed_as_the_standard_has_it() {
    let (mut house, receiver) = (House::new(), Receiver::start().await);
    house.happen([-1]).await;
    house.open(&house.brands(&[("crm", &receiver, "types = ['send.*', 'case.settled']")]));
    house.begun("crm").await;
    house.happen(0..20).await;
    house.happens("other", "send.sent", 100).await;
    house.happens("demo", "flow.changed", 101).await;
    house.happens("demo", "case.settled", 20).await;
    let posts = receiver.hears(21).await;
    assert_eq!(
        receiver.numbers(),
        (0..=20).collect::<Vec<_>>(),
        "of this brand and these types, from now on"
    );
    let verifier = Webhook::new(SECRET).expect("a secret");
    for post in &posts {
        verifier.verify(&post.body, &post.headers).expect("somebody else's verifier takes it");
        assert_eq!(post.path, "/hook?token=hidden");
        assert_eq!(post.header("content-type"), "application/json");
    }
    assert_eq!(posts[3].header("webhook-id"), "e-3");
    let body = posts[20].json();
    assert_eq!(
        (&body["type"], &body["timestamp"]),
        (&"case.settled".into(), &house.clock.now().to_string().into())
    );
    let standing = house.stands("crm", "all are delivered", |standing| standing.delivered == 21).await;
    assert!(standing.last_success.is_some() && standing.last_error.is_none());
    assert_eq!(
        standing.to,
        format!("http://localhost:{}", receiver.address.port()),
        "without what may be secret"
    );
    assert!(!format!("{standing:?} {}", house.registry.text()).contains("hidden"));
}

#[tokio::test]
async fn while_a_secret_is_replaced_both_are_good() {
    let (mut house, receiver) = (House::new(), Receiver::start().await);
    house.open(&house.brands(&[("crm", &receiver, "secrets = ['file:DIR/two', 'file:DIR/one']")]));
    house.begun("crm").await;
    house.happen([1]).await;
    let post = receiver.hears(1).await.remove(0);
    for secret in [SECRET, NEXT] {
        Webhook::new(secret).expect("a secret").verify(&post.body, &post.headers).expect("it fits");
    }
    assert!(
        Webhook::new("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
            .expect("a secret")
            .verify(&post.body, &post.headers)
            .is_err()
    );
}

#[tokio::test]
async fn a_slow_receiver_is_in_nobodys_way() {
    let (mut house, slow, quick) = (House::new(), Receiver::start().await, Receiver::start().await);
    slow.does(|_| Act::Nothing);
    house.open(&house.brands(&[("slow", &slow, ""), ("quick", &quick, "")]));
    house.begun("slow").await;
    house.begun("quick").await;
    house.happen(0..50).await;
    quick.hears(50).await;
    let standing = house.stands("slow", "it was too slow", |standing| standing.failures > 0).await;
    assert_eq!(standing.last_error.as_deref(), Some("no answer in time"));
    assert_eq!((standing.behind, standing.delivered), (50, 0));
    assert!(standing.next_try > Some(house.clock.now()));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (mut house, there) = (House::new(), Receiver::start().await);
    let receiver = Receiver::start().await;
    let elsewhere = format!("http://localhost:{}/", there.address.port());
    receiver.does(move |_| Act::Say(307, Some(("location", elsewhere.clone()))));
    house.open(&house.brands(&[("crm", &receiver, "")]));
    house.begun("crm").await;
    house.happen([1]).await;
    let standing = house.stands("crm", "it failed", |standing| standing.failures > 0).await;
    assert!(standing.last_error.expect("it says why").contains("redirects are not followed"));
    assert!(there.posts().is_empty());
}

#[tokio::test]
async fn nothing_inside_is_reached() {
    let (mut house, inside) = (House::new(), Receiver::start().await);
    house.settings.allow_private = false;
    let port = inside.address.port();
    let hosts =
        ["localhost", "127.0.0.1", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433", "169.254.169.254", "[::1]"];
    let webhooks: Vec<_> = hosts
        .iter()
        .enumerate()
        .map(|(n, host)| (format!("w{n}"), format!("http://{host}:{port}/")))
        .collect();
    let webhooks: Vec<_> = webhooks.iter().map(|(name, url)| (name.as_str(), url.clone(), "")).collect();
    house.open(&house.addressed(&webhooks));
    for (name, ..) in &webhooks {
        house.begun(name).await;
    }
    house.happen([1]).await;
    for (name, url, _) in &webhooks {
        let standing = house.stands(name, "it is refused", |standing| standing.failures > 0).await;
        let why = standing.last_error.expect("it says why");
        assert!(why.contains("private network"), "{url}: {why}");
    }
    assert!(inside.posts().is_empty());
}

#[tokio::test]
async fn who_was_gone_for_a_day_gets_everything() {
    let (mut house, receiver) = (House::new(), Receiver::start().await);
    receiver.says(503);
    house.open(&house.brands(&[("crm", &receiver, "")]));
    house.begun("crm").await;
    for hour in 0..26 {
        house.happen(hour * 10..(hour + 1) * 10).await;
        house.stands("crm", "it failed again", |standing| standing.next_try > Some(house.clock.now())).await;
        house.clock.advance(Duration::from_mins(61));
    }
    wait_until("it is tried once more", SOON, async || (receiver.posts().len() > 26).then_some(())).await;
    let tries = receiver.posts().len();
    assert!(receiver.numbers().iter().all(|n| *n == 0) && tries < 60, "the same one, {tries} times in a day");
    let standing = house.stands("crm", "it is behind", |standing| standing.behind == 260).await;
    assert!(house.clock.now().duration_since(standing.behind_since.expect("since when")).as_hours() >= 24);
    assert!(house.registry.text().contains("vigie_webhook_retries_total{brand=\"demo\",webhook=\"crm\"}"));
    receiver.says(200);
    house.clock.advance(Duration::from_mins(61));
    house.stands("crm", "it has everything", |standing| standing.delivered == 260).await;
    let numbers = receiver.numbers().split_off(receiver.posts().len() - 260);
    assert_eq!(numbers, (0..260).collect::<Vec<_>>(), "in order");
}

#[tokio::test]
async fn who_was_gone_for_too_long_is_told_so() {
    let (mut house, receiver) = (House::keeping(100), Receiver::start().await);
    receiver.says(500);
    house.open(&house.brands(&[("crm", &receiver, "")]));
    house.begun("crm").await;
    house.happen([0]).await;
    house.stands("crm", "it failed", |standing| standing.failures > 0).await;
    house.happen(1..300).await;
    receiver.says(200);
    house.clock.advance(Duration::from_mins(1));
    let standing = house.stands("crm", "it is up to date", |standing| standing.delivered > 100).await;
    assert_eq!(standing.missed, 1);
    assert_eq!(receiver.numbers().last(), Some(&299));
    assert!(house.registry.text().contains("result=\"missed\",webhook=\"crm\"} 1"));
}

#[tokio::test]
async fn an_event_that_is_not_acceptable_holds_up_no_other() {
    let (mut house, receiver) = (House::new(), Receiver::start().await);
    receiver.does(|post| Act::Say(if post.number() == 1 { 422 } else { 200 }, None));
    house.open(&house.brands(&[("crm", &receiver, "")]));
    house.begun("crm").await;
    house.happen(0..3).await;
    for failures in 1..3 {
        house.stands("crm", "it is refused", |standing| standing.failures == failures).await;
        house.clock.advance(Duration::from_mins(1));
    }
    let standing = house.stands("crm", "the others came", |standing| standing.delivered == 2).await;
    assert_eq!((standing.left_out, standing.failures), (1, 0));
    assert_eq!(receiver.numbers(), [0, 1, 1, 1, 2]);
}

#[tokio::test]
async fn a_receiver_that_is_gone_gets_nothing_until_it_is_replayed() {
    let (mut house, receiver) = (House::new(), Receiver::start().await);
    receiver.says(410);
    house.open(&house.brands(&[("crm", &receiver, "")]));
    house.begun("crm").await;
    house.happen([0]).await;
    let standing = house.stands("crm", "it is disabled", |standing| standing.disabled).await;
    let before = standing.position;
    house.happen([1]).await;
    house.clock.advance(Duration::from_hours(48));
    assert_eq!(receiver.posts().len(), 1);
    receiver.says(200);
    let webhooks = house.webhooks.clone().expect("open");
    webhooks.replay(&demo(), &crm(), From::Oldest).await.expect("it is replayed");
    receiver.hears(3).await;
    assert_eq!(receiver.numbers(), [0, 0, 1]);
    let after = before.expect("it had begun");
    house.stands("crm", "all are delivered", |standing| standing.delivered == 2).await;
    webhooks.replay(&demo(), &crm(), From::After(after)).await.expect("from a position, too");
    receiver.hears(5).await;
    assert!(webhooks.replay(&demo(), &"erp".parse().expect("a name"), From::Now).await.is_err());
}

#[tokio::test]
async fn a_receiver_says_when_to_come_back() {
    let (mut house, receiver) = (House::new(), Receiver::start().await);
    receiver.does(|_| Act::Say(429, Some(("retry-after", "1800".into()))));
    house.open(&house.brands(&[("crm", &receiver, "")]));
    house.begun("crm").await;
    house.happen([0]).await;
    let standing = house.stands("crm", "it is asked for patience", |standing| standing.failures == 1).await;
    let pause = standing.next_try.expect("there is a next try").duration_since(house.clock.now());
    assert_eq!(pause.as_secs(), 1800);
}

#[tokio::test]
async fn gateways_deliver_once_and_take_over() {
    let (mut house, receiver) = (House::new(), Receiver::start().await);
    let brands = house.brands(&[("crm", &receiver, "")]);
    house.open(&brands);
    house.begun("crm").await;
    let other = house.gateway(&brands, &Registry::new());
    house.happen(0..100).await;
    receiver.hears(100).await;
    assert_eq!(receiver.numbers(), (0..100).collect::<Vec<_>>(), "one of them delivers");
    house.stands("crm", "all are noted", |standing| standing.delivered == 100).await;
    house.webhooks.clone().expect("open").stop().await;
    house.happen(100..110).await;
    receiver.hears(110).await;
    assert_eq!(receiver.numbers(), (0..110).collect::<Vec<_>>(), "and the other goes on where it stopped");
    other.stop().await;
}

#[tokio::test]
async fn webhooks_come_and_go_with_their_brands() {
    let (mut house, one, other) = (House::new(), Receiver::start().await, Receiver::start().await);
    house.open(&house.brands(&[("crm", &one, "")]));
    house.begun("crm").await;
    house.happen([0]).await;
    one.hears(1).await;
    house.stands("crm", "it is noted", |standing| standing.delivered == 1).await;
    let webhooks = house.webhooks.clone().expect("open");
    webhooks.follow(&house.brands(&[("crm", &other, ""), ("erp", &one, "types = ['send.failed']")]));
    house.begun("erp").await;
    house.happen([1]).await;
    other.hears(1).await;
    assert_eq!((one.numbers(), other.numbers()), (vec![0], vec![1]), "it goes on at the new address");
    webhooks.follow(&house.brands(&[]));
    assert!(webhooks.standings().await.expect("the store answers").is_empty());
}
