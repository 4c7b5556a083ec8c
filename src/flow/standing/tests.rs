use std::time::Duration;

use super::*;
use crate::clock::after;
use crate::config::Config;
use crate::model::Ramp;

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

fn noon() -> Timestamp {
    "2026-11-01T12:00:00Z".parse().expect("a moment")
}

/// Two a second to Gmail; the sample brand with these lines.
fn standing(brand: &str) -> Standing {
    let mut config = Config::load(&[], []).expect("the default file");
    let gmail = toml::from_str("rate_per_second = 2").expect("limits");
    config.limits.domains.insert(name("gmail"), gmail);
    let text = format!("{}\n{brand}", config::SAMPLE_BRAND);
    let demo = toml::from_str(&text).expect("a brand");
    let brands = Brands::new(BTreeMap::from([(name("demo"), demo)]), Arc::default());
    Standing::new(brands, &config.limits, &config.providers)
}

fn demo() -> FlowScope {
    FlowScope { brand: name("demo"), campaign: None }
}

const WARMUP: &str = "[warmup]\nfrom = \"2026-11-01\"\nfirst_day = 50\ndays = 5";

#[test]
fn a_brands_limit_is_the_smaller_of_its_own_and_its_warm_ups() {
    let standing = standing(&format!("{WARMUP}\n[limits]\nper_day = 100"));
    let days = [0, 1, 2, 10].map(|day| {
        let limits = standing.in_force(&demo(), None, after(noon(), Duration::from_hours(24 * day)));
        (limits.per_day, limits.per_day_by)
    });
    let (warmup, configured) = (Some(SetBy::Warmup), Some(SetBy::Configuration));
    let expected = [(50, warmup), (75, warmup), (100, configured), (100, configured)];
    assert_eq!(days, expected.map(|(per_day, by)| (Some(per_day), by)));
}

#[test]
fn an_operators_word_takes_their_place() {
    let standing = standing(WARMUP);
    let setting = FlowSetting { per_day: Some(9), by: Some("k1".into()), ..FlowSetting::default() };
    let limits = standing.in_force(&demo(), Some(&setting), noon());
    assert_eq!((limits.per_day, limits.per_day_by), (Some(9), Some(SetBy::Operator)));
    let gmail = FlowScope::domain(&name("gmail"));
    let ramp = |start| Ramp {
        from: noon(),
        until: after(noon(), Duration::from_mins(1)),
        start: Rate::per_second(start).expect("a rate"),
        doubling: 60_000,
    };
    let by = |by: &str, start| {
        let setting = FlowSetting { ramp: Some(ramp(start)), by: Some(by.into()), ..FlowSetting::default() };
        standing.in_force(&gmail, Some(&setting), noon()).rate_by
    };
    assert_eq!(by("k1", 1.0), Some(SetBy::Ramp));
    assert_eq!(by("vigie", 1.0), Some(SetBy::Vigie));
    assert_eq!(by("vigie", 5.0), Some(SetBy::Configuration), "which is slower");
}

#[test]
fn a_send_says_what_limits_it() {
    let mut spec = super::super::tests::spec();
    let standing = standing(WARMUP);
    let rule = |spec: &SendSpec| standing.rule(spec, &Flows::default(), noon()).value;
    assert_eq!(rule(&spec), "brand demo: at most 50 within 24 hours (warm-up)");
    spec.to = crate::redact::Mailbox::new("marie@googlemail.com".into(), None);
    assert!(
        rule(&spec).ends_with("; domain gmail: at most 2 a second (by configuration)"),
        "{}",
        rule(&spec)
    );
    assert!(!standing.is_silent(&name("demo")) && !standing.is_silent(&name("other")));
    assert!(Standing::default().is_silent(&name("demo")));
}
