//! `[classify]` and `[providers]`.

use super::*;

#[test]
fn verdicts_have_thresholds_that_can_be_met() {
    one("`classify.fire_threshold` (1.5) must be between 0 and 1", |c| c.classify.fire_threshold = 1.5);
    one("`classify.online_threshold` (0.9) must not exceed `classify.fire_threshold` (0.8)", |c| {
        c.classify.online_threshold = 0.9;
    });
    one("`classify.apple_privacy` must be \"off\" or \"weak\"", |c| {
        c.classify.apple_privacy = crate::config::Ahead::Fire;
    });
    one("`classify.remember` (0)", |c| c.classify.remember = 0);
    one("`classify.burst_links` (1)", |c| c.classify.burst_links = 1);
    one("`classify.window_probable` (90000s) must not be longer than 86400s", |c| {
        c.classify.window_probable = Duration::from_hours(25);
    });
    none(|c| (c.classify.hint_ttl, c.classify.window_open) = (Duration::ZERO, Duration::ZERO));
}

#[test]
fn providers_are_few_and_have_domains_of_their_own() {
    let add = |c: &mut Config, name: &str, domain: &str| {
        c.providers.insert(name.parse().expect("a name"), vec![domain.to_owned()]);
    };
    one("`providers.other` is the name of all", |c| add(c, "other", "other.example"));
    one("`providers.mine` lists \"me@mine.example\", which is no domain", |c| {
        add(c, "mine", "me@mine.example")
    });
    one("`providers.mine` lists \"Gmail.com\", which `providers.gmail` lists", |c| {
        add(c, "mine", "Gmail.com")
    });
    one("`providers` has 33 names", |c| {
        for n in c.providers.len()..33 {
            add(c, &format!("p{n}"), &format!("p{n}.example"));
        }
    });
}
