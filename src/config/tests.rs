mod stores;

use std::io::Write;

use tempfile::NamedTempFile;

use super::*;

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a temporary file");
    file.write_all(text.as_bytes()).expect("written");
    file
}

/// Loads the default file under these files and variables.
fn load(files: &[&str], variables: &[(&str, &str)]) -> Result<Config, Invalid> {
    let files: Vec<_> = files.iter().map(|text| file(text)).collect();
    let paths: Vec<_> = files.iter().map(|file| file.path().to_owned()).collect();
    Config::load(&paths, variables.iter().map(|(name, text)| (name.into(), text.into())))
}

/// Why one file is refused, with the file's own name replaced by FILE.
fn refusal(text: &str) -> String {
    let file = file(text);
    let invalid = Config::load(&[file.path().to_owned()], []).expect_err(text);
    invalid.to_string().replace(&file.path().display().to_string(), "FILE")
}

/// Why one variable is refused.
fn variable_refusal(name: &str, text: &str) -> String {
    load(&[], &[(name, text)]).expect_err(name).to_string()
}

#[test]
fn the_default_file_is_valid_and_says_what_the_manual_promises() {
    let config = load(&[], &[]).expect("the default file");
    assert_eq!(config.edge.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.store.url.to_string(), "embedded:store");
    assert_eq!(config.dispatch.lease.as_secs(), 30);
    assert_eq!(config.relay.url, "outbox:outbox");
    let demo = &config.brands[&"demo".parse::<Name>().expect("a name")];
    assert_eq!(demo.consent, crate::model::ConsentRule::Presumed);
}

#[test]
fn later_files_override_earlier_ones_and_variables_override_both() {
    let files = ["[edge]\nthreads = 1\nmax_target = 3000", "[edge]\nthreads = 2", "[edge]"];
    let config = load(&files, &[]).expect("valid");
    assert_eq!((config.edge.threads, config.edge.max_target, config.edge.max_head), (2, 3000, 16384));
    let config = load(&files, &[("VIGIE__EDGE__THREADS", "3"), ("VIGIE_EDGE_THREADS", "9")]).expect("valid");
    assert_eq!((config.edge.threads, config.edge.max_target), (3, 3000));
}

#[test]
fn variables_become_what_their_key_is() {
    let config = load(
        &[],
        &[
            ("VIGIE__EDGE__LISTEN", "[::1]:0"),
            ("VIGIE__DISPATCH__RETRY__MAX_ATTEMPTS", " 3 "),
            ("VIGIE__DATA__DIR", "/var/lib/vigie"),
            ("vigie__log__format", "json"),
            ("VIGIE__RELAY__USER", "1234"),
            ("VIGIE__RELAY__PASSWORD", "007"),
            ("VIGIE__RELAY__CA", "/etc/ca.pem"),
            ("VIGIE__BRANDS__ACME__FROM", "a@acme.example"),
            ("VIGIE__BRANDS__ACME__TRACKING_URL", "https://t.acme.example"),
            ("VIGIE__BRANDS__ACME__LANGUAGE", "fr"),
        ],
    )
    .expect("valid");
    assert_eq!(config.edge.listen.to_string(), "[::1]:0");
    assert_eq!(config.dispatch.retry.max_attempts, 3);
    assert_eq!(config.log.format, LogFormat::Json);
    assert_eq!((config.relay.user.as_str(), config.relay.password.expose()), ("1234", "007"));
    assert_eq!(config.relay.ca, Some("/etc/ca.pem".into()));
    assert_eq!(config.brands.len(), 2);
}

#[test]
fn a_variable_can_set_a_list() {
    let hash = format!("sha256:{}", "ab".repeat(32));
    let keys = format!(r#"[{{ id = "k1", hash = "{hash}", role = "signals" }}]"#);
    let config = load(&[], &[("VIGIE__API__KEYS", &keys)]).expect("valid");
    assert_eq!((config.api.keys.len(), config.api.keys[0].role), (1, Role::Signals));
    assert!(load(&[], &[("VIGIE__API__KEYS", "")]).expect("valid").api.keys.is_empty());
    let refused = variable_refusal("VIGIE__API__KEYS", "[oops");
    assert!(refused.ends_with("expected a list, as in TOML or separated by commas"), "{refused}");
}

#[test]
fn networks_and_secrets_of_servers_are_read_and_not_shown() {
    let variables = [
        ("VIGIE__SIGNALS__WEBMAIL_ADDRESSES", "10.0.0.0/8, 2001:db8::1"),
        ("VIGIE__SIGNALS__IGNORE__USERS", "backup@example.test"),
        ("VIGIE__SIGNALS__WEBMAIL_SECRET", "424242"),
    ];
    let config = load(&[], &variables).expect("valid");
    assert_eq!((config.signals.webmail_addresses.len(), config.signals.ignore.users.len()), (2, 1));
    assert_eq!(config.signals.webmail_secret.expose(), "424242");
    assert!(!format!("{config:?}").contains("424242"));
    assert!(!refusal("[signals]\nstalwart_secret = 424242").contains("424242"));
    let refused = refusal("[signals]\nwebmail_addresses = [\"10.0.0.0/33\"]");
    assert!(refused.contains("signals.webmail_addresses") && refused.contains("10.0.0.0/33"), "{refused}");
}

#[test]
fn a_partner_can_be_made_of_variables() {
    let config = load(
        &[],
        &[
            ("VIGIE__PARTNERS__NEWS__TRACKING_URL", "https://t.news.example"),
            ("VIGIE__PARTNERS__NEWS__HASHED_PIXEL", "true"),
            ("VIGIE__PARTNERS__NEWS__QUOTA_PER_DAY", "7"),
            ("VIGIE__PARTNERS__NEWS__PURPOSES", "statistics"),
            ("VIGIE__EDGE__TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.7"),
            ("VIGIE__EDGE__PROXY_PROTOCOL", "v2"),
        ],
    )
    .expect("valid");
    let news = &config.partners[&"news".parse::<Name>().expect("a name")];
    assert!(news.hashed_pixel && !news.tells_presence());
    assert_eq!((news.quota_per_second, news.quota_per_day), (100, 7));
    assert_eq!(config.edge.trusted_proxies.len(), 2);
    assert_eq!(config.edge.proxy_protocol, ProxyProtocol::V2);
    let refused = variable_refusal("VIGIE__EDGE__TRUSTED_PROXIES", "lb.example");
    assert!(refused.contains("a network such as"), "{refused}");
}

#[test]
fn a_table_may_have_a_relay_of_its_own() {
    let variables = [
        ("VIGIE__RELAY__URL", "smtp://everybodys.example"),
        ("VIGIE__RELAY__USER", "u"),
        ("VIGIE__RELAY__PASSWORD", "424242"),
        ("VIGIE__BRANDS__DEMO__RELAY__URL", "smtp://own.example"),
        ("VIGIE__BRANDS__DEMO__RELAY__CONNECTIONS", "3"),
    ];
    let config = load(&[], &variables).expect("valid");
    let demo = &config.brands[&"demo".parse::<Name>().expect("a name")];
    let relay = demo.relay(&config.relay);
    assert_eq!((relay.url.as_str(), relay.connections, relay.user.as_str()), ("smtp://own.example", 3, ""));
    let refused = refusal("[brands.demo.relay]\nconnections = 300");
    assert!(refused.starts_with("`brands.demo.relay.connections` (300) must not exceed"), "{refused}");
    let refused = refusal("[brands.demo.relay]\nuser = \"u\"");
    assert!(
        refused.starts_with("`brands.demo.relay.user` and `brands.demo.relay.password` belong"),
        "{refused}"
    );
    let refused = refusal("[brands.demo.relay]\nurll = \"u\"");
    assert!(refused.contains("did you mean `brands.demo.relay.url`?"), "{refused}");
}

#[test]
fn limits_can_be_made_of_variables() {
    let variables = [
        ("VIGIE__BRANDS__DEMO__LIMITS__RATE_PER_SECOND", "2.5"),
        ("VIGIE__BRANDS__DEMO__LIMITS__PER_DAY", "500"),
        ("VIGIE__BRANDS__DEMO__WARMUP__FROM", "2026-11-01"),
        ("VIGIE__BRANDS__DEMO__WARMUP__FIRST_DAY", "50"),
        ("VIGIE__BRANDS__DEMO__WARMUP__DAYS", "30"),
        ("VIGIE__LIMITS__DOMAINS__GMAIL__PER_DAY", "900"),
    ];
    let config = load(&[], &variables).expect("valid");
    let demo = &config.brands[&"demo".parse::<Name>().expect("a name")];
    assert_eq!(demo.limits.and_then(|limits| limits.per_day), Some(500));
    assert_eq!(demo.warmup.map(|warmup| (warmup.first_day, warmup.days)), Some((50, Some(30))));
    let gmail = config.limits.domains[&"gmail".parse::<Name>().expect("a name")];
    assert_eq!((gmail.per_day, gmail.rate_per_second), (Some(900), None));
    let refused = refusal("[brands.demo.warmup]\nfrom = \"soon\"\nfirst_day = 5\ndays = 3");
    assert!(refused.contains("a date such as \"2026-11-01\""), "{refused}");
}

#[test]
fn a_short_window_shortens_the_refresh() {
    let config = load(&[], &[("VIGIE__PRESENCE__WINDOW", "2s")]).expect("valid");
    assert_eq!(config.presence.refresh.as_millis(), 500);
    assert_eq!(config.signals.max_age.as_secs(), 2);
    assert_eq!(load(&[], &[]).expect("valid").presence.refresh.as_secs(), 15);
}

#[test]
fn brand_names_may_have_dots_and_dashes_in_files() {
    let rest = "from = \"a@acme.example\"\ntracking_url = \"https://t.acme.example\"\nlanguage = \"fr\"";
    let config = load(&[&format!("[brands.\"acme.fr-2\"]\n{rest}")], &[]).expect("valid");
    let name = "acme.fr-2".parse::<Name>().expect("a name");
    assert_eq!(config.brands[&name].consent, crate::model::ConsentRule::Required);
    assert_eq!(
        refusal(&format!("[brands.\"Acme.FR\"]\n{rest}")),
        "`brands.\"Acme.FR\"` in the file FILE is a table: expected a name that is 1 to 64 of a-z, 0-9, '.', '_' \
         and '-', starting with a letter or digit"
    );
}

#[test]
fn unknown_keys_are_refused_with_their_place_and_a_hint() {
    let cases = [
        (
            "[edge]\nlisten_on = \"x\"",
            "unknown key `edge.listen_on` in the file FILE: did you mean `edge.listen`?",
        ),
        ("[egde]\nlisten = 1", "unknown key `egde` in the file FILE: did you mean `edge`?"),
        ("zebra = 1", "unknown key `zebra` in the file FILE"),
        (
            "[relay.timeouts]\ngreating = \"1s\"",
            "unknown key `relay.timeouts.greating` in the file FILE: did you mean `relay.timeouts.greeting`?",
        ),
        (
            "[brands.demo]\nfrm = \"x\"",
            "unknown key `brands.demo.frm` in the file FILE: did you mean `brands.demo.from`?",
        ),
    ];
    for (text, sentence) in cases {
        assert_eq!(refusal(text), sentence);
    }
    assert_eq!(
        variable_refusal("VIGIE__EDGE__LISTN", "x"),
        "unknown key `edge.listn` in the variable VIGIE__EDGE__LISTN: did you mean `edge.listen`?"
    );
    assert_eq!(variable_refusal("VIGIE__", "x"), "unknown key `` in the variable VIGIE__");
}

#[test]
fn wrong_values_are_refused_with_what_is_expected() {
    let duration = "a duration such as \"90s\", \"3m\", \"12h\" or \"30d\"";
    let address = "an address and port such as \"127.0.0.1:8080\" or \"[::1]:8080\"";
    let cases = [
        ("[edge]\nlisten = \"here\"", "`edge.listen` in the file FILE is \"here\"", address),
        ("[edge]\nlisten = 8080", "`edge.listen` in the file FILE is 8080", address),
        ("[edge]\nlisten.x = 1", "`edge.listen` in the file FILE is a table", address),
        ("[edge]\nthreads = \"2\"", "`edge.threads` in the file FILE is \"2\"", "a whole number, 0 or more"),
        ("[edge]\nthreads = true", "`edge.threads` in the file FILE is true", "a whole number, 0 or more"),
        ("[edge]\nthreads = -1", "`edge.threads` in the file FILE is -1", "a whole number, 0 or more"),
        ("[edge]\nthreads = 1.5", "`edge.threads` in the file FILE is 1.5", "a whole number, 0 or more"),
        (
            "[relay]\nmax_mails = 5000000000",
            "`relay.max_mails` in the file FILE is 5000000000",
            "a whole number from 0 to 4294967295",
        ),
        ("[presence]\nwindow = \"90\"", "`presence.window` in the file FILE is \"90\"", duration),
        ("[presence]\nwindow = 90", "`presence.window` in the file FILE is 90", duration),
        ("[log]\nformat = \"xml\"", "`log.format` in the file FILE is \"xml\"", "`text` or `json`"),
        ("edge = 5", "`edge` in the file FILE is 5", "a table"),
        ("[api]\nkeys = 5", "`api.keys` in the file FILE is 5", "a list"),
        ("[[api.keys]]\nid = 5", "`api.keys.0.id` in the file FILE is 5", "text in quotes"),
    ];
    for (text, found, expected) in cases {
        assert_eq!(refusal(text), format!("{found}: expected {expected}"));
    }
    assert_eq!(
        variable_refusal("VIGIE__EDGE__THREADS", "many"),
        "`edge.threads` in the variable VIGIE__EDGE__THREADS is \"many\": expected a whole number"
    );
}

#[test]
fn missing_keys_and_files_are_named() {
    assert_eq!(
        refusal("[brands.acme]\nfrom = \"a@acme.example\""),
        "`brands.acme.tracking_url` is missing: add it to the table in the file FILE"
    );
    let missing = Config::load(&["/nowhere/vigie.toml".into()], []).expect_err("no such file").to_string();
    assert!(missing.starts_with("cannot read the configuration file /nowhere/vigie.toml: "), "{missing}");
}

#[test]
fn syntax_errors_name_the_place_and_not_the_text() {
    let refused = refusal("[relay]\npassword = hunter2 oops\n");
    assert!(refused.starts_with("the file FILE is not valid TOML at line 2, column"), "{refused}");
    assert!(!refused.contains("hunter2"), "{refused}");
}

#[test]
fn secrets_are_never_repeated() {
    for text in ["[relay]\npassword = 424242", "[relay]\npassword = [\"424242\"]", "[store]\nurl = 424242"] {
        let refused = refusal(text);
        assert!(refused.contains(" in the file FILE is not usable: expected text in quotes"), "{refused}");
        assert!(!refused.contains("424242"), "{refused}");
    }
    let config =
        load(&[], &[("VIGIE__RELAY__PASSWORD", "424242"), ("VIGIE__RELAY__USER", "u")]).expect("valid");
    assert!(!format!("{config:?}").contains("424242"));
}
