use super::*;

/// `INFO` of a Redis 7.0.15 from Debian 12, started with `--appendonly yes` and nothing else.
const REDIS_7_0: &str = include_str!("tests/redis-7.0.15.txt");

/// As much of other servers' `INFO` as is looked at, by hand.
fn server(lines: &[&str]) -> String {
    let good = [
        "# Server",
        "redis_version:7.2.4",
        "role:master",
        "connected_slaves:1",
        "cluster_enabled:0",
        "aof_enabled:1",
        "aof_last_write_status:ok",
        "maxmemory:1000000",
        "maxmemory_policy:noeviction",
    ];
    [good.as_slice(), lines].concat().join("\r\n")
}

fn found(info: &str, appendfsync: Option<&str>, user: Option<&str>, wanted: Wanted) -> Vec<Finding> {
    let [appendfsync, user] = [appendfsync, user].map(|text| text.map(str::to_owned));
    judge(&Answers { info: Some(info.to_owned()), appendfsync, user }, wanted)
}

const ALONE: Wanted = Wanted { cluster: false, replicas: 0 };

/// That a good server with these lines has exactly one fault of this weight, whose sentence starts like this.
fn one(severity: Severity, start: &str, lines: &[&str], wanted: Wanted) {
    let found = found(&server(lines), Some("always"), Some("vigie"), wanted);
    assert!(
        matches!(found.as_slice(), [only] if only.severity == severity && only.sentence.starts_with(start)),
        "{start:?}: {found:?}"
    );
}

#[test]
fn a_server_that_is_set_up_well_has_no_findings() {
    assert_eq!(found(&server(&[]), Some("always"), Some("vigie"), ALONE), []);
    assert_eq!(
        found(&server(&["server_name:valkey", "valkey_version:8.0.1"]), Some("always"), None, ALONE),
        []
    );
    let cluster = Wanted { cluster: true, replicas: 1 };
    assert_eq!(found(&server(&["cluster_enabled:1"]), Some("always"), Some("vigie"), cluster), []);
}

#[test]
fn a_real_server_out_of_the_box_is_warned_of() {
    let found = found(REDIS_7_0, Some("everysec"), Some("default"), ALONE);
    assert!(found.iter().all(|finding| finding.severity == Severity::Warn), "{found:?}");
    let starts = ["appendfsync is everysec", "it has no replica", "maxmemory is not set", "vigie logs in as"];
    assert_eq!(found.len(), starts.len(), "{found:?}");
    for (finding, start) in found.iter().zip(starts) {
        assert!(finding.sentence.starts_with(start), "{finding:?}");
    }
}

#[test]
fn a_server_that_loses_sends_is_refused() {
    let refuse = |start: &str, lines: &[&str]| one(Severity::LosesSends, start, lines, ALONE);
    refuse("appendonly is off", &["aof_enabled:0"]);
    refuse("maxmemory-policy is allkeys-lru", &["maxmemory_policy:allkeys-lru"]);
    refuse("maxmemory-policy is volatile-ttl", &["maxmemory_policy:volatile-ttl"]);
}

#[test]
fn a_server_that_cannot_do_the_work_is_unusable_whatever_is_accepted() {
    let refuse = |start: &str, lines: &[&str]| one(Severity::Unusable, start, lines, ALONE);
    refuse("version 6.2.14 has no functions", &["redis_version:6.2.14"]);
    refuse("version  has no functions", &["redis_version:"]);
    let replica = ["role:slave", "master_host:10.0.0.1", "master_port:6380"];
    refuse("it is a replica and takes no sends: name its primary, 10.0.0.1:6380,", &replica);
}

#[test]
fn one_server_is_no_cluster_and_a_cluster_is_not_one_server() {
    one(Severity::Unusable, "it is part of a cluster", &["cluster_enabled:1"], ALONE);
    one(Severity::Unusable, "it is not part of a cluster", &[], Wanted { cluster: true, replicas: 0 });
}

#[test]
fn what_an_accident_would_cost_is_a_warning() {
    let warn = |start: &str, lines: &[&str]| one(Severity::Warn, start, lines, ALONE);
    warn("it has no replica", &["connected_slaves:0"]);
    warn("maxmemory is not set", &["maxmemory:0"]);
    warn("it cannot write", &["aof_last_write_status:err"]);
    let two = Wanted { cluster: false, replicas: 2 };
    one(Severity::Warn, "`store.enqueue_wait` is 2, but it has 1 replicas now", &[], two);
    for (appendfsync, start) in [
        (Some("everysec"), "appendfsync is everysec"),
        (Some("no"), "appendfsync is no"),
        (None, "the user may not ask for appendfsync"),
    ] {
        let found = found(&server(&[]), appendfsync, Some("vigie"), ALONE);
        assert!(matches!(found.as_slice(), [only] if only.sentence.starts_with(start)), "{found:?}");
    }
}

#[test]
fn a_user_who_may_not_ask_cannot_be_sure() {
    let found = judge(&Answers::default(), ALONE);
    assert!(matches!(found.as_slice(), [only] if only.severity == Severity::Unusable), "{found:?}");
}
