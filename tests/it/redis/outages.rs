//! A Redis that is killed, and one that is stopped, while pixels and letters come in.

use std::time::{Duration, Instant};

use hyper::StatusCode;

use super::load::{Load, SETTINGS, ready};
use crate::support::gateway::Gateway;
use crate::support::redis::{Options, RedisServer};
use crate::support::sink::Manner;
use crate::support::wait::{SOON, wait_until};

/// More letters than there is time for.
const LETTERS: usize = 3000;

/// A producer hears at once that the store is away.
const AT_ONCE: Duration = Duration::from_secs(1);

/// A Redis that says nothing is noticed after this.
const NOTICED: Duration = Duration::from_secs(6);

/// And found again after this.
const FOUND: Duration = Duration::from_secs(5);

#[tokio::test]
async fn killed_under_load_it_loses_nothing_that_was_acknowledged() {
    // It writes to the disk before it answers (the default, `everysec`, may lose what it had not written).
    let redis = RedisServer::start(Options::default().and(&["--appendfsync", "always"])).await;
    let sink = Manner::modern().start().await;
    let (url, relay) = (redis.url(), format!("smtp://{}?tls=none", sink.addr()));
    let more = [("VIGIE__STORE__URL", url.as_str()), ("VIGIE__RELAY__URL", relay.as_str())];
    let settings: Vec<_> = SETTINGS.into_iter().chain(more).collect();
    let gateway = Gateway::start(&settings).await;
    let load = Load::start(&gateway, LETTERS).await;
    for _ in 0..3 {
        load.answers(Instant::now(), 20, StatusCode::ACCEPTED, SOON).await;
        let killed = Instant::now();
        redis.kill();
        let refused = load.answers(killed, 20, StatusCode::SERVICE_UNAVAILABLE, SOON).await;
        let slowest = refused.iter().map(|push| push.took).max();
        assert!(slowest < Some(AT_ONCE), "a producer was told after {slowest:?}");
        assert_eq!(ready(&gateway).await.0, StatusCode::SERVICE_UNAVAILABLE);
        let back = Instant::now();
        redis.restart().await;
        load.answers(back, 20, StatusCode::ACCEPTED, SOON).await;
        wait_until("it is ready", SOON, async || (ready(&gateway).await.0 == StatusCode::OK).then_some(()))
            .await;
    }
    let letters = load.end(&gateway, &[&sink]).await;
    assert!(letters >= 120, "{letters} letters");
}

#[tokio::test]
async fn stopped_under_load_it_is_noticed_and_found_again() {
    let redis = RedisServer::start(Options::default()).await;
    let sink = Manner::modern().start().await;
    let (url, relay) = (redis.url(), format!("smtp://{}?tls=none", sink.addr()));
    let more = [("VIGIE__STORE__URL", url.as_str()), ("VIGIE__RELAY__URL", relay.as_str())];
    let settings: Vec<_> = SETTINGS.into_iter().chain(more).collect();
    let gateway = Gateway::start(&settings).await;
    let load = Load::start(&gateway, LETTERS).await;
    load.answers(Instant::now(), 20, StatusCode::ACCEPTED, SOON).await;
    let stopped = Instant::now();
    redis.stop();
    let noticed = wait_until("producers are told at once", SOON, async || {
        let told = load.answers(stopped, 1, StatusCode::SERVICE_UNAVAILABLE, SOON).await;
        told.iter().find(|push| push.took < Duration::from_millis(200)).map(|push| push.at + push.took)
    })
    .await;
    assert!(noticed - stopped < NOTICED, "noticed after {:?}", noticed - stopped);
    let (status, took) = ready(&gateway).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(took < AT_ONCE, "it took {took:?} to say that it is not ready");
    let later = load.answers(Instant::now(), 50, StatusCode::SERVICE_UNAVAILABLE, SOON).await;
    let slowest = later.iter().map(|push| push.took).max();
    assert!(slowest < Some(AT_ONCE), "a producer was told after {slowest:?}");
    let back = Instant::now();
    redis.cont();
    load.answers(back, 1, StatusCode::ACCEPTED, FOUND).await;
    load.answers(back, 20, StatusCode::ACCEPTED, SOON).await;
    wait_until("it is ready", SOON, async || (ready(&gateway).await.0 == StatusCode::OK).then_some(())).await;
    load.end(&gateway, &[&sink]).await;
}
