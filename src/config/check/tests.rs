mod feeds;
mod flows;
mod hours;
mod verdicts;

use sha2::Digest;

use super::relay::slowest_transaction;
use super::*;
use crate::config::Invalid;

/// The default configuration after `change`, checked.
fn problems_after(change: impl FnOnce(&mut Config)) -> Vec<String> {
    let mut config = Config::load(&[], []).expect("the default file");
    change(&mut config);
    problems(&config).iter().map(ToString::to_string).collect()
}

/// That exactly one problem is found and its sentence starts like this.
fn one(start: &str, change: impl FnOnce(&mut Config)) {
    let found = problems_after(change);
    assert!(
        matches!(found.as_slice(), [only] if only.starts_with(start)),
        "expected {start:?}, found {found:?}"
    );
}

fn none(change: impl FnOnce(&mut Config)) {
    assert_eq!(problems_after(change), Vec::<String>::new());
}

fn key(id: &str, role: crate::config::Role, brand: Option<&str>) -> crate::config::ApiKey {
    let hash = format!("sha256:{}", const_hex::encode(<[u8; 32]>::from(sha2::Sha256::digest(id))));
    crate::config::ApiKey {
        id: id.into(),
        hash,
        role,
        brand: brand.map(|name| name.parse().expect("a name")),
    }
}

fn demo(config: &mut Config) -> &mut Brand {
    config.brands.values_mut().next().expect("the sample brand")
}

#[test]
fn the_default_has_no_problem() {
    none(|_| {});
}

#[test]
fn listeners_need_ports_of_their_own() {
    one("`edge.listen` (127.0.0.1:8081) and `api.listen`", |c| c.edge.listen = c.api.listen);
    one("`api.listen` (127.0.0.1:8081) and `ops.listen` (0.0.0.0:8081)", |c| {
        c.ops.listen = "0.0.0.0:8081".parse().expect("an address");
    });
    none(|c| c.edge.listen = "127.0.0.2:8081".parse().expect("an address"));
    none(|c| {
        let free = "127.0.0.1:0".parse().expect("an address");
        (c.edge.listen, c.api.listen, c.ops.listen) = (free, free, free);
    });
}

#[test]
fn an_attempt_outlives_every_step_of_the_relay() {
    assert_eq!(
        slowest_transaction(&Config::load(&[], []).expect("the default file").relay.timeouts),
        Duration::from_secs(670),
        "the figure the default file tells"
    );
    one("`dispatch.attempt_timeout` (670s) must be longer than 670s", |c| {
        c.dispatch.attempt_timeout = Duration::from_secs(670);
    });
    one("`dispatch.attempt_timeout` (720s)", |c| c.relay.timeouts.command = Duration::from_mins(5));
    one("`dispatch.drain`", |c| c.dispatch.drain = Duration::from_hours(1));
}

#[test]
fn leases_and_finished_sends_live_long_enough() {
    one("`dispatch.lease` (2s) must be at least 3s", |c| c.dispatch.lease = Duration::from_secs(2));
    one("`store.keep_finished` (82800s)", |c| c.store.keep_finished = Duration::from_hours(23));
    one("`store.keep_cases` (2591999s) must not be shorter", |c| {
        c.store.keep_cases = Duration::from_secs(2_591_999)
    });
}

#[test]
fn what_servers_report_has_room_and_a_moment() {
    one("`signals.queue` (0) must be at least 1", |c| c.signals.queue = 0);
    one("`signals.queue_bytes` (1048575) must be at least 1048576", |c| c.signals.queue_bytes = 1_048_575);
    one("`signals.server_max_age` must be longer", |c| c.signals.server_max_age = Duration::ZERO);
    one("`signals.max_ahead` (61s) must not be longer than 60s", |c| {
        c.signals.max_ahead = Duration::from_secs(61);
    });
}

#[test]
fn limits_of_nothing_are_refused() {
    one("`edge.max_connections_per_address` (0) must be at least 1", |c| {
        c.edge.max_connections_per_address = 0;
    });
    one("`edge.max_head` (4096) must be at least 8192", |c| c.edge.max_head = 4096);
    one("`relay.timeouts.greeting` must be longer than nothing", |c| {
        c.relay.timeouts.greeting = Duration::ZERO;
    });
    one("`store.max_waiting` (0)", |c| c.store.max_waiting = 0);
    none(|c| (c.presence.min_gap, c.presence.scan_grace) = (Duration::ZERO, Duration::ZERO));
}

#[test]
fn limits_inside_limits_are_ordered() {
    one("`ops.campaigns` (1001) must not exceed 1000", |c| c.ops.campaigns = 1001);
    one("`edge.max_target` (20000) must not exceed `edge.max_head`", |c| c.edge.max_target = 20_000);
    one("`intake.shards` (257)", |c| c.intake.shards = 257);
    one("`relay.connections` (300) must not exceed `dispatch.max_in_flight`", |c| c.relay.connections = 300);
    one("`edge.header_timeout` (20s) must not be longer than `edge.request_timeout`", |c| {
        c.edge.header_timeout = Duration::from_secs(20);
    });
    one("`relay.idle` (600s)", |c| c.relay.idle = Duration::from_mins(10));
    one("`dispatch.retry.first`", |c| c.dispatch.retry.first = Duration::from_hours(2));
}

#[test]
fn urls_of_unknown_kinds_are_refused() {
    for bad in ["", "mail.example", "http://mail.example", "smtp:", "smtp://", "outbox:"] {
        one("`relay.url` must", |c| c.relay.url = bad.into());
    }
    for bad in ["smtp://h?tls=maybe", "smtp://h?x=1"] {
        one("`relay.url` takes no query but", |c| c.relay.url = bad.into());
    }
    one("`relay.url` asks for TLS", |c| c.relay.url = "smtps://h?tls=none".into());
    for good in
        ["smtp://h", "smtp://h:25?tls=none", "smtps://[::1]:465", "outbox:/tmp/x", "smtp://h?tls=required"]
    {
        none(|c| c.relay.url = good.into());
    }
}

#[test]
fn passwords_do_not_travel_in_clear_or_in_urls() {
    let login = |c: &mut Config, url: &str| {
        c.relay.url = url.into();
        c.relay.user = "u".into();
        c.relay.password = crate::redact::Secret::new("p");
    };
    one("`relay.url` with tls=none would send", |c| login(c, "smtp://mail.example?tls=none"));
    none(|c| login(c, "smtp://127.0.0.1?tls=none"));
    none(|c| login(c, "smtp://mail.example?tls=required"));
    one("`relay.user` and `relay.password` belong together", |c| c.relay.user = "u".into());
    let found = problems_after(|c| c.relay.url = "smtp://u:hunter2@mail.example".into());
    assert!(found.len() == 1 && !found[0].contains("hunter2"), "{found:?}");
}

#[test]
fn a_store_is_told_once_who_logs_in_and_only_a_redis_is() {
    let to = |c: &mut Config, url: &str| c.store.url = crate::config::StoreUrl::parse(url).expect(url);
    let secret = || crate::redact::Secret::new("hunter2");
    one("`store.user` and `store.password` are for Redis", |c| c.store.password = secret());
    one("`store.enqueue_wait` counts replicas", |c| c.store.enqueue_wait = 1);
    one("`store.enqueue_wait` (6) must not exceed 5", |c| {
        to(c, "redis://h");
        c.store.enqueue_wait = 6;
    });
    one("`store.enqueue_wait_timeout` (60s)", |c| c.store.enqueue_wait_timeout = Duration::from_mins(1));
    one("`store.url` and `store.user` or `store.password` both", |c| {
        to(c, "redis://u:p@h");
        c.store.password = secret();
    });
    one("`store.url` or `store.user` names a user without", |c| to(c, "redis+cluster://u@h"));
    one("`store.url` or `store.user` names a user without", |c| {
        to(c, "redis://h");
        c.store.user = "u".into();
    });
    for good in ["redis://h", "rediss://u:p@h:1/2", "redis+cluster://:p@a,b"] {
        none(|c| to(c, good));
    }
    none(|c| {
        to(c, "redis://h");
        (c.store.user, c.store.password, c.store.enqueue_wait) = ("u".into(), secret(), 2);
    });
}

#[test]
fn brands_write_from_mailboxes_and_link_to_web_addresses() {
    for bad in ["", "Demo", "a@", "Demo <a@b", "a@b.example\r\nBcc: x@y.example"] {
        one("`brands.demo.from` must be a mailbox", |c| demo(c).from = bad.into());
    }
    for bad in [
        "",
        "t.example",
        "ftp://t.example",
        "http://",
        "https://t.example/",
        "https://t.example?x",
        "https://t.example/#",
        "https://u@t.example",
        " https://t.example",
    ] {
        one("`brands.demo.tracking_url` must be an http or https address", |c| {
            demo(c).tracking_url = bad.into();
        });
    }
    none(|c| demo(c).tracking_url = "https://t.example/mail".into());
    one("`brands.demo.payment_url`", |c| demo(c).payment_url = "https://p.example/?x=1".into());
    none(|c| demo(c).payment_url = String::new());
    one("`brands.demo.domain`", |c| demo(c).domain = "no domain".into());
    one("`brands.demo.reply_to`", |c| demo(c).reply_to = "nobody".into());
    one("`brands.demo.return_path`", |c| demo(c).return_path = "Demo <a@b.example>".into());
    one("`brands.demo.language`", |c| demo(c).language = "français".into());
    none(|c| demo(c).language = "pt-BR".into());
}

#[test]
fn api_keys_are_well_formed_and_belong_to_a_brand() {
    use crate::config::Role::{Operator, Producer, Signals};
    none(|c| {
        c.api.keys =
            vec![key("a", Producer, Some("demo")), key("bb", Signals, None), key("ccc", Operator, None)];
    });
    one("`api.keys` has the producer \"a\" without", |c| c.api.keys = vec![key("a", Producer, None)]);
    one("`api.keys` has the producer \"a\" for the brand `acme`", |c| {
        c.api.keys = vec![key("a", Producer, Some("acme"))];
    });
    one("`api.keys` has \"a\" with a `brand`", |c| c.api.keys = vec![key("a", Signals, Some("demo"))]);
    one("`api.keys` has the id \"a b\"", |c| c.api.keys = vec![key("a b", Signals, None)]);
    one("`api.keys` has for \"a\" a hash", |c| {
        c.api.keys = vec![crate::config::ApiKey { hash: "sha256:ABC".into(), ..key("a", Signals, None) }];
    });
    let twice = problems_after(|c| c.api.keys = vec![key("a", Signals, None), key("a", Signals, None)]);
    assert_eq!(twice.len(), 2, "the id and the key: {twice:?}");
}

#[test]
fn origins_and_headers_are_as_browsers_and_proxies_send_them() {
    for bad in [
        "",
        "*",
        "portal.example",
        "https://portal.example/",
        "https://Portal.example",
        "https://portal.example:443",
        "https://portal.example/x",
        "https://u@portal.example",
        "file:///x",
        "null",
    ] {
        one("`edge.origins` has", |c| c.edge.origins = vec![bad.into()]);
    }
    none(|c| c.edge.origins = vec!["https://portal.example".into(), "http://127.0.0.1:8090".into()]);
    one("`edge.client_ip_header` (\"\")", |c| c.edge.client_ip_header = String::new());
    one("`edge.client_ip_header` (\"X: y\")", |c| c.edge.client_ip_header = "X: y".into());
}

#[test]
fn partners_have_a_place_a_purpose_and_a_quota() {
    let partner = |more: &str| -> crate::config::Partner {
        let text = format!("tracking_url = \"https://t.news.example\"\n{more}");
        toml::from_str(&text).expect("a partner")
    };
    let with = |c: &mut Config, partner| {
        c.partners.insert("news".parse().expect("a name"), partner);
    };
    none(|c| with(c, partner("")));
    none(|c| with(c, partner("purposes = [\"presence\", \"statistics\"]\nhashed_pixel = true")));
    one("`partners.news.purposes` must", |c| with(c, partner("purposes = []")));
    one("`partners.news.quota_per_second` must", |c| with(c, partner("quota_per_second = 0")));
    one("`partners.news.quota_per_day` must", |c| with(c, partner("quota_per_day = 0")));
    one("`partners.news.tracking_url` must", |c| {
        with(c, crate::config::Partner { tracking_url: "https://t.news.example/".into(), ..partner("") });
    });
    one("`brands.partner` cannot be", |c| {
        let demo = demo(c).clone();
        c.brands.insert("partner".parse().expect("a name"), demo);
    });
}

#[test]
fn mail_servers_are_watched_with_care() {
    one("`watch.renew` (1800s)", |c| c.watch.renew = Duration::from_mins(30));
    one("`watch.refused` (30s) must be at least 60s", |c| c.watch.refused = Duration::from_secs(30));
    one("`watch.first` (600s) must not be longer than `watch.longest`", |c| {
        c.watch.first = Duration::from_mins(10);
    });
    one("`watch.logins_per_server` (33) must not exceed `watch.logins`", |c| c.watch.logins_per_server = 33);
    one("`watch.ports` must name", |c| c.watch.ports = vec![]);
    one("`watch.ports` must name", |c| c.watch.ports = vec![993, 0]);
    one("`watch.max_mailboxes` (0) must be at least 1", |c| c.watch.max_mailboxes = 0);
    none(|c| (c.watch.allow_private, c.watch.imap) = (true, false));
}

#[test]
fn all_problems_are_told_at_once() {
    let variables = [("VIGIE__EDGE__MAX_CONNECTIONS", "0"), ("VIGIE__STORE__ENQUEUE_WAIT", "1")];
    let refused = Config::load(&[], variables.map(|(name, text)| (name.into(), text.into())))
        .expect_err("two problems");
    assert!(matches!(&refused, Invalid::Relations(problems) if problems.len() == 3), "{refused}");
    assert_eq!(refused.to_string().lines().count(), 3);
}
