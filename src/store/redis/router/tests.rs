//! Against real servers.

mod cluster;
mod outages;
mod server;
mod tls;

use std::time::Duration;

use redis::cmd;

use self::server::Server;
use super::*;

/// What the tests call.
fn library() -> Library {
    let source = "#!lua name=vigie_test\n\
        redis.register_function('vigie_test_count', function(keys) return redis.call('INCR', keys[1] .. ':n') end)\n";
    Library { name: "vigie_test".into(), source: source.into() }
}

fn fcall(function: &str, tag: &str) -> Cmd {
    cmd("FCALL").arg(format!("vigie_test_{function}")).arg(1).arg(tag).take()
}

fn set(key: &str, value: &str) -> (Place, Cmd) {
    (Place::of(key.as_bytes()), cmd("SET").arg(key).arg(value).take())
}

fn get(key: &str) -> (Place, Cmd) {
    (Place::of(key.as_bytes()), cmd("GET").arg(key).take())
}

async fn connected(server: &Server) -> Router {
    Router::connect(&server.url(""), library(), &Clock::system()).await.expect("connected")
}

async fn count(router: &Router, tag: &str) -> Result<Value, Fault> {
    router.call(Lane::Hot, Place::of(tag.as_bytes()), fcall("count", tag)).await
}

/// Waits until it holds, for ten seconds at most.
async fn until(what: &str, holds: impl Fn() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(10), async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    waited.await.expect(what);
}

#[tokio::test]
async fn answers_come_in_the_order_of_the_commands() {
    let server = Server::start(&[]);
    let router = connected(&server).await;
    assert_eq!(count(&router, "{v1}").await, Ok(Value::Int(1)));
    let keys: Vec<String> = (0..3000).map(|number| format!("k{number}")).collect();
    let stored = router.many(Lane::Enqueue, keys.iter().map(|key| set(key, key)).collect()).await;
    assert!(stored.iter().all(|answer| *answer == Ok(Value::Okay)));
    let read = router.many(Lane::Results, keys.iter().map(|key| get(key)).collect()).await;
    let expected: Vec<_> = keys.iter().map(|key| Ok(Value::BulkString(key.clone().into_bytes()))).collect();
    assert_eq!(read, expected);
    assert!(router.healthy());
}

#[tokio::test]
async fn one_command_of_many_fails_alone() {
    let server = Server::start(&[]);
    let router = connected(&server).await;
    let wrong = (Place::of(b"a"), cmd("INCR").arg("a").take());
    let answers = router.many(Lane::Hot, vec![set("a", "marie@example.org"), wrong, get("a")]).await;
    assert_eq!(answers[0], Ok(Value::Okay));
    assert!(matches!(&answers[1], Err(Fault::Refused(text)) if !text.contains("marie")), "{answers:?}");
    assert_eq!(answers[2], Ok(Value::BulkString(b"marie@example.org".into())));
}

#[tokio::test]
async fn a_full_server_is_told_from_a_broken_one() {
    let server = Server::start(&["--maxmemory-policy", "noeviction"]);
    let router = connected(&server).await;
    server.tell(cmd("CONFIG").arg("SET").arg("maxmemory").arg("1"));
    assert_eq!(count(&router, "{v1}").await, Err(Fault::OutOfMemory));
    let (place, command) = get("a");
    assert_eq!(router.call(Lane::Hot, place, command).await, Ok(Value::Nil));
}

#[tokio::test]
async fn flushed_functions_are_loaded_again_once() {
    let server = Server::start(&[]);
    let router = connected(&server).await;
    server.tell(cmd("FUNCTION").arg("FLUSH"));
    let callers = (0..50).map(|_| count(&router, "{v1}"));
    assert!(all(callers).await.iter().all(Result::is_ok));
    server.tell(cmd("FUNCTION").arg("FLUSH"));
    let commands = (0..50).map(|_| (Place::of(b"{v1}"), fcall("count", "{v1}"))).collect();
    assert!(router.many(Lane::Hot, commands).await.iter().all(Result::is_ok));
    let loads = server.text(cmd("INFO").arg("commandstats"));
    assert!(loads.contains("cmdstat_function|load:calls=3,"), "{loads}");
}

#[tokio::test]
async fn a_user_who_may_not_load_hears_the_remedy() {
    let server = Server::start(&[]);
    let acl = |user: &str, rights: &[&str]| {
        let rules = ["on", ">secret", "~*", "+fcall", "+ping", "+incr"];
        server.tell(cmd("ACL").arg("SETUSER").arg(user).arg(&rules).arg(rights));
    };
    acl("looks", &["+function|list"]);
    acl("blind", &[]);
    let refused = Router::connect(&server.url("looks:secret@"), library(), &Clock::system()).await.err();
    assert!(
        matches!(&refused, Some(Fault::Refused(text)) if text.contains("vigie redis install")),
        "{refused:?}"
    );
    let router = Router::connect(&server.url("blind:secret@"), library(), &Clock::system())
        .await
        .expect("may be there");
    let refused = count(&router, "{v1}").await;
    assert!(
        matches!(&refused, Err(Fault::Refused(text)) if text.contains("vigie redis install")),
        "{refused:?}"
    );
    connected(&server).await;
    assert_eq!(count(&router, "{v1}").await, Ok(Value::Int(1)));
    let wrong = Router::connect(&server.url("blind:wrong@"), library(), &Clock::system()).await.err();
    assert!(matches!(&wrong, Some(Fault::Refused(text)) if text.contains("WRONGPASS")), "{wrong:?}");
    server.tell(cmd("CONFIG").arg("SET").arg("requirepass").arg("x"));
    let missing = Router::connect(&server.url(""), library(), &Clock::system()).await.err();
    assert!(matches!(&missing, Some(Fault::Refused(text)) if text.contains("NOAUTH")), "{missing:?}");
}

#[tokio::test]
async fn what_is_under_way_is_bounded() {
    let server = Server::start(&[]);
    let router = connected(&server).await;
    server.signal("-STOP");
    let calls = (0..5000).map(|_| {
        let router = router.clone();
        tokio::spawn(async move { count(&router, "{v1}").await })
    });
    let mut full = 0;
    for call in calls.collect::<Vec<_>>() {
        let answer = call.await.expect("no panic");
        full += usize::from(matches!(answer, Err(Fault::Unavailable(text)) if text.contains("too many")));
    }
    assert_eq!(full, 5000 - 4096);
    server.signal("-CONT");
}

#[tokio::test]
async fn new_sends_wait_for_replicas_also_when_repeated() {
    let server = Server::start(&["--repl-diskless-sync-delay", "0"]);
    let router = connected(&server).await;
    let safe = |count| Safe::Replicas { count, within: Duration::from_millis(200) };
    let write = || vec![set("a", "1"), set("b", "1")];
    assert!(router.many_then_wait(write(), safe(0)).await.iter().all(Result::is_ok));
    assert_eq!(
        router.many_then_wait(write(), safe(1)).await,
        [Err(Fault::NotReplicated), Err(Fault::NotReplicated)]
    );
    let replica = Server::start(&["--replicaof", "127.0.0.1", &server.port.to_string()]);
    replica.until(cmd("INFO").arg("replication"), |info| info.contains("master_link_status:up"));
    let patient = Safe::Replicas { count: 1, within: Duration::from_secs(2) };
    assert!(router.many_then_wait(write(), patient).await.iter().all(Result::is_ok));
    replica.signal("-STOP");
    let (place, command) = set("c", "1");
    assert!(router.call(Lane::Hot, place, command).await.is_ok());
    // Nothing is written on this connection, but what another wrote is waited for.
    let repeated = router.many_then_wait(vec![get("c")], safe(1)).await;
    assert_eq!(repeated, [Err(Fault::NotReplicated)]);
    replica.signal("-CONT");
    assert!(router.many_then_wait(vec![get("c")], patient).await.iter().all(Result::is_ok));
}

#[tokio::test]
async fn an_old_server_refuses_to_wait_for_its_disk() {
    let server = Server::start(&[]);
    let router = connected(&server).await;
    let safe = Safe::Disk { replicas: 0, within: Duration::from_millis(200) };
    let answers = router.many_then_wait(vec![set("a", "1")], safe).await;
    // Redis 7.0 does not know WAITAOF; a later one refuses it without an AOF.
    assert!(matches!(answers.as_slice(), [Err(Fault::Refused(_))]), "{answers:?}");
}
