//! What an operator does to a Redis before gateways use it, with the program and real servers: `vigie redis`, `vigie
//! check`, and what a start refuses.

use std::process::Output;

use tempfile::TempDir;
use tokio::process::Command;
use vigie::store::redis::library;
use vigie::store::redis::rights::{Holder, rules};

use crate::support::redis::{Options, Program, RedisCluster, RedisServer, Shape};

/// A password that must never be shown.
const PASSWORD: &str = "swordfish4711";

/// What the program did.
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Said {
    /// That it ended with this code, and never showed the password.
    fn exits(self, code: i32) -> Said {
        let Said { code: actual, out, err } = &self;
        assert_eq!(*actual, code, "{out}{err}");
        assert!(!out.contains(PASSWORD) && !err.contains(PASSWORD), "{out}{err}");
        self
    }

    /// That a line begins with the mark and contains the text.
    fn says(self, mark: &str, text: &str) -> Said {
        let found = self.out.lines().any(|line| line.starts_with(mark) && line.contains(text));
        assert!(found, "{mark} … {text}:\n{}{}", self.out, self.err);
        self
    }

    fn never_says(self, text: &str) -> Said {
        assert!(!self.out.contains(text), "{text}:\n{}", self.out);
        self
    }
}

/// Runs the program with these words and variables, in a directory of its own.
async fn vigie(words: &[&str], variables: &[(&str, &str)]) -> Said {
    let home = TempDir::new().expect("a temporary directory");
    let mut command = Command::new(env!("CARGO_BIN_EXE_vigie"));
    command
        .args(words)
        .current_dir(home.path())
        .env_clear()
        .envs(variables.iter().copied())
        .kill_on_drop(true);
    let Output { status, stdout, stderr } = command.output().await.expect("the program runs");
    let [out, err] = [stdout, stderr].map(|bytes| String::from_utf8(bytes).expect("UTF-8"));
    Said { code: status.code().expect("no signal"), out, err }
}

async fn on(url: &str, words: &[&str]) -> Said {
    vigie(words, &[("VIGIE__STORE__URL", url)]).await
}

/// As the user that `vigie redis acl` describes.
async fn as_user(server: &RedisServer, user: &str, words: &[&str]) -> Said {
    let url = server.url();
    let login = [("VIGIE__STORE__USER", user), ("VIGIE__STORE__PASSWORD", PASSWORD)];
    vigie(words, &[[("VIGIE__STORE__URL", url.as_str())].as_slice(), &login].concat()).await
}

/// Makes a user of these rules.
async fn make_user(server: &RedisServer, user: &str, rules: &str) {
    let password = format!(">{PASSWORD}");
    let words = ["ACL", "SETUSER", user, "on", &password].into_iter().chain(rules.split(' '));
    server.ask(&words.collect::<Vec<_>>()).await.expect("rules that Redis understands");
}

#[tokio::test]
async fn a_redis_is_ready_once_the_functions_are_installed() {
    let server = RedisServer::start(Options::default().and(&["--appendfsync", "everysec"])).await;
    let name = &library().name;
    let found = on(&server.url(), &["redis", "check"]).await.exits(78);
    found
        .says("FAULT", "are not loaded: run `vigie redis install`")
        .says("warn", "appendfsync is everysec")
        .says("warn", "it has no replica")
        .says("warn", "logs in as `default`");
    let installed = on(&server.url(), &["redis", "install"]).await.exits(0);
    installed.says("127.0.0.1:", &format!("the functions {name} loaded"));
    let again = on(&server.url(), &["redis", "install", "--prune"]).await.exits(0);
    again.says("127.0.0.1:", "were there").never_says("removed");
    on(&server.url(), &["redis", "check"]).await.exits(0).says("ok", name).never_says("FAULT");
    let elsewhere = on("embedded:store", &["redis", "check", "--url", &server.url()]).await;
    elsewhere.exits(0).says("ok", name);
}

#[tokio::test]
async fn functions_of_other_versions_stay_until_they_are_pruned() {
    let server = RedisServer::start(Options::default()).await;
    let old = "#!lua name=vigie_00000000\nredis.register_function('vigie_00000000_x', function() end)";
    let other = "#!lua name=other_one\nredis.register_function('other_one_x', function() end)";
    for library in [old, other] {
        server.ask(&["FUNCTION", "LOAD", library]).await.expect("a library");
    }
    on(&server.url(), &["redis", "install"]).await.exits(0).never_says("removed");
    let pruned = on(&server.url(), &["redis", "install", "--prune"]).await.exits(0);
    pruned.says("127.0.0.1:", "vigie_00000000 of another version are removed").never_says("other_");
    server.ask(&["FUNCTION", "DELETE", "other_one"]).await.expect("it is still there");
}

#[tokio::test]
async fn a_replica_is_refused_by_the_name_of_its_primary() {
    let primary = RedisServer::start(Options::default()).await;
    let port = primary.port().to_string();
    let replica = RedisServer::start(Options::default().and(&["--replicaof", "127.0.0.1", &port])).await;
    let sentence = format!("name its primary, 127.0.0.1:{port},");
    on(&replica.url(), &["redis", "check"]).await.exits(78).says("FAULT", &sentence);
    assert!(on(&replica.url(), &["serve"]).await.exits(78).err.contains(&sentence));
}

#[tokio::test]
async fn a_redis_that_is_not_there_exits_69() {
    let server = RedisServer::start(Options::default()).await;
    let url = server.url();
    drop(server);
    for words in [&["redis", "check"][..], &["redis", "install"], &["serve"]] {
        let err = on(&url, words).await.exits(69).err;
        assert!(err.lines().count() == 1 && err.contains("127.0.0.1:"), "{err}");
    }
    on(&url, &["check"]).await.exits(69).says("FAULT store", "127.0.0.1:");
}

#[tokio::test]
async fn a_wrong_password_is_a_wrong_configuration_and_not_shown() {
    let server = RedisServer::start(Options::default().password(PASSWORD)).await;
    let plain = format!("redis://127.0.0.1:{}", server.port());
    let inside = format!("redis://:{PASSWORD}x@127.0.0.1:{}", server.port());
    for url in [plain, inside] {
        for words in [&["redis", "check"][..], &["serve"], &["check"]] {
            let said = on(&url, words).await.exits(78);
            assert!((said.out + &said.err).contains("VIGIE__STORE__PASSWORD"), "{url}");
        }
    }
}

#[tokio::test]
async fn the_printed_users_can_do_their_work_and_nothing_else_on_redis_7_0() {
    users_have_what_they_need(Program::Redis, Holder::Gateway).await;
}

#[tokio::test]
async fn the_printed_users_can_do_their_work_and_nothing_else_on_valkey() {
    users_have_what_they_need(Program::Valkey, Holder::GatewaySince72).await;
}

async fn users_have_what_they_need(program: Program, gateway: Holder) {
    let server = RedisServer::start(Options::default().run(program)).await;
    make_user(&server, "deploy", &rules(Holder::Deployment)).await;
    make_user(&server, "vigie", &rules(gateway)).await;
    let denied = as_user(&server, "vigie", &["redis", "install"]).await.exits(78);
    assert!(denied.err.contains("`vigie redis acl` prints the rights"), "{}", denied.err);
    as_user(&server, "deploy", &["redis", "install", "--prune"]).await.exits(0);
    let found = as_user(&server, "vigie", &["redis", "check"]).await.exits(0);
    found.says("ok", "the user may do what they do").never_says("`default`");
    as_user(&server, "vigie", &["check"]).await.exits(0).says("ok    store", "the functions are loaded");
    make_user(&server, "vigie", "-zadd -wait").await;
    let found = as_user(&server, "vigie", &["redis", "check"]).await.exits(78);
    found.says("FAULT", "the user may not use zadd, wait on vigie's keys");
    make_user(&server, "vigie", "+zadd +wait resetkeys ~other:*").await;
    as_user(&server, "vigie", &["redis", "check"]).await.exits(78).says("FAULT", "zadd");
}

#[tokio::test]
async fn the_acl_lines_are_ready_for_the_configured_password() {
    let printed =
        vigie(&["redis", "acl"], &[("VIGIE__STORE__URL", "redis://h"), ("VIGIE__STORE__PASSWORD", PASSWORD)]);
    let printed = printed.await.exits(0);
    let ready =
        printed.out.lines().find(|line| line.starts_with("user vigie on #")).expect("a line for an ACL file");
    let server = RedisServer::start(Options::default()).await;
    let words = ready.split(' ').skip(1);
    let words: Vec<&str> = ["ACL", "SETUSER"].into_iter().chain(words).collect();
    server.ask(&words).await.expect("a line that Redis understands");
    on(&server.url(), &["redis", "install"]).await.exits(0);
    as_user(&server, "vigie", &["redis", "check"]).await.exits(0);
    let empty = vigie(&["redis", "acl"], &[]).await.exits(0);
    empty.says("user vigie on #SHA256_OF_ITS_PASSWORD", "-@all").says("user vigie-deploy", "+function|load");
}

#[tokio::test]
async fn every_primary_of_a_cluster_is_looked_at_and_gets_the_functions() {
    let cluster = RedisCluster::start(Shape::default(), Options::default()).await;
    let primaries = cluster.primaries().await.len();
    let installed = on(&cluster.url(), &["redis", "install"]).await.exits(0);
    assert_eq!(installed.out.lines().count(), primaries, "{}", installed.out);
    let found = on(&cluster.url(), &["redis", "check"]).await.exits(0);
    assert_eq!(found.out.lines().filter(|line| line.starts_with("ok")).count(), primaries, "{}", found.out);
    let one = cluster.servers()[0].url();
    on(&one, &["redis", "check"])
        .await
        .exits(78)
        .says("FAULT", "begin `store.url` with \"redis+cluster://\"");
    let alone = RedisServer::start(Options::default()).await;
    let url = alone.url().replace("redis://", "redis+cluster://");
    on(&url, &["redis", "check"]).await.exits(78).says("FAULT", "it is not part of a cluster");
}

#[tokio::test]
async fn a_wrong_url_is_a_wrong_command_line_and_not_repeated() {
    for url in ["redis://u:swordfish4711@a,b", "swordfish4711", "embedded:x"] {
        let said = vigie(&["redis", "check", "--url", url], &[]).await.exits(64);
        assert!(said.err.contains("--url"), "{}", said.err);
    }
    let said = on("embedded:store", &["redis", "install"]).await.exits(64);
    assert!(said.err.contains("store.url"), "{}", said.err);
}
