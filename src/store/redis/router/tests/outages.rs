//! Servers that stop, die, start empty, or hang up.

use std::time::Instant;

use super::*;

const LEASE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_server_that_stops_answering_is_noticed_and_found_again() {
    let server = Server::start(&[]);
    let router = connected(&server).await;
    assert_eq!(count(&router, "{v1}").await, Ok(Value::Int(1)));
    server.signal("-STOP");
    let stopped = Instant::now();
    until("the stall is noticed", || !router.healthy()).await;
    for lane in Lane::ALL {
        let (place, command) = get("a");
        while router.call(lane, place, command.clone()).await.is_ok() {}
    }
    assert!(stopped.elapsed() < Duration::from_secs(6), "noticed after {:?}", stopped.elapsed());
    until("all lanes have noticed", || router.core.primaries()[0].in_trouble()).await;
    let asked = Instant::now();
    assert!(matches!(count(&router, "{v1}").await, Err(Fault::Unavailable(_))));
    assert!(asked.elapsed() < Duration::from_millis(100), "failed after {:?}", asked.elapsed());
    assert_eq!(router.quiet_for(Place::of(b"{v1}"), LEASE), LEASE);
    server.signal("-CONT");
    let went_on = Instant::now();
    until("it is back", || router.healthy()).await;
    assert!(went_on.elapsed() < Duration::from_millis(1500), "back after {:?}", went_on.elapsed());
    assert_eq!(count(&router, "{v1}").await, Ok(Value::Int(2)));
    let quiet = router.quiet_for(Place::of(b"{v1}"), LEASE);
    assert!(quiet > LEASE / 2, "{quiet:?}");
}

#[tokio::test]
async fn a_server_that_dies_is_down_at_once_and_back_with_its_library() {
    let mut server = Server::start(&[]);
    let router = connected(&server).await;
    server.kill();
    let killed = Instant::now();
    assert!(matches!(count(&router, "{v1}").await, Err(Fault::Unavailable(_))));
    assert!(killed.elapsed() < Duration::from_millis(500), "failed after {:?}", killed.elapsed());
    until("it is down", || !router.healthy()).await;
    server.start_again();
    until("it is back", || router.healthy()).await;
    assert_eq!(count(&router, "{v1}").await, Ok(Value::Int(1)));
    assert!(router.quiet_for(Place::of(b"{v1}"), LEASE) > LEASE / 2);
}

#[tokio::test]
async fn a_server_that_runs_for_long_is_not_quiet() {
    let server = Server::start(&[]);
    let lease = Duration::from_secs(1);
    until("it runs for a second", || {
        let info = server.text(cmd("INFO").arg("server"));
        !["uptime_in_seconds:0", "uptime_in_seconds:1"].iter().any(|young| info.contains(young))
    })
    .await;
    let router = connected(&server).await;
    assert_eq!(router.quiet_for(Place::of(b"{v1}"), lease), Duration::ZERO);
    let quiet = router.quiet_for(Place::of(b"{v1}"), LEASE);
    assert!(quiet > LEASE / 2, "it may have restarted a moment ago: {quiet:?}");
}

#[tokio::test]
async fn connections_that_are_killed_surface_no_error() {
    let server = Server::start(&[]);
    let router = connected(&server).await;
    for round in 1..=10 {
        server.tell(cmd("CLIENT").arg("KILL").arg("TYPE").arg("normal").arg("SKIPME").arg("yes"));
        let callers = (0..20).map(|_| count(&router, "{v1}"));
        let answers = all(callers).await;
        assert!(answers.iter().all(Result::is_ok), "round {round}: {answers:?}");
    }
    assert!(router.counts().replaced >= 10, "{:?}", router.counts());
}

#[tokio::test]
async fn an_idle_connection_that_was_closed_surfaces_no_error() {
    let server = Server::start(&[]);
    let router = connected(&server).await;
    assert_eq!(count(&router, "{v1}").await, Ok(Value::Int(1)));
    server.tell(cmd("CLIENT").arg("KILL").arg("TYPE").arg("normal"));
    until("all lanes are replaced", || router.counts().replaced >= 4 && router.healthy()).await;
    assert_eq!(count(&router, "{v1}").await, Ok(Value::Int(2)));
}

#[tokio::test]
async fn without_a_server_connecting_fails_at_once() {
    let mut server = Server::start(&[]);
    server.kill();
    let begun = Instant::now();
    let failed = Router::connect(&server.url(""), library(), &Clock::system()).await.err();
    assert!(matches!(failed, Some(Fault::Unavailable(_))), "{failed:?}");
    assert!(begun.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn a_server_that_became_a_replica_is_dialled_anew() {
    let server = Server::start(&[]);
    let router = connected(&server).await;
    server.tell(cmd("REPLICAOF").arg("127.0.0.1").arg(1));
    let answer = count(&router, "{v1}").await;
    assert!(matches!(&answer, Err(Fault::Unavailable(text)) if text.starts_with("READONLY")), "{answer:?}");
    until("another connection is tried", || router.counts().replaced > 0).await;
    server.tell(cmd("REPLICAOF").arg("NO").arg("ONE"));
    assert_eq!(count(&router, "{v1}").await, Ok(Value::Int(1)));
}
