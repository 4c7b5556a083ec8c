//! Limits, warm-ups and brakes.

use super::{demo, none, one};
use crate::config::{Config, FlowLimits, Warmup};

fn limits(text: &str) -> FlowLimits {
    toml::from_str(text).expect("limits")
}

fn domain(c: &mut Config, name: &str, text: &str) {
    c.limits.domains.insert(name.parse().expect("a name"), limits(text));
}

#[test]
fn limits_are_of_what_exists_and_limit_something() {
    none(|c| domain(c, "gmail", "rate_per_second = 10"));
    none(|c| domain(c, "slow.test", "per_day = 500"));
    none(|c| demo(c).limits = Some(limits("rate_per_second = 0.5\nper_day = 500")));
    one("`limits.domains.\"gmial\"` is neither", |c| domain(c, "gmial", "per_day = 500"));
    one("`limits.domains.\"gmail\"` limits nothing", |c| domain(c, "gmail", ""));
    one("`brands.demo.limits.per_day` must be at least 1", |c| demo(c).limits = Some(limits("per_day = 0")));
}

#[test]
fn a_warm_up_grows_and_ends() {
    let warm = |c: &mut Config, text: &str| {
        let warmup: Warmup = toml::from_str(&format!("from = \"2026-11-01\"\n{text}")).expect("a warm-up");
        demo(c).warmup = Some(warmup);
    };
    none(|c| warm(c, "first_day = 50\ndays = 30"));
    none(|c| warm(c, "first_day = 50\ngrowth = 2\nuntil_per_day = 5000"));
    none(|c| warm(c, "first_day = 50\ngrowth = 1\ndays = 3"));
    one("`brands.demo.warmup` never ends: give it", |c| warm(c, "first_day = 50"));
    one("`brands.demo.warmup` never ends: with a growth of 1", |c| {
        warm(c, "first_day = 50\ngrowth = 1.0\nuntil_per_day = 60");
    });
    one("`brands.demo.warmup.growth` (0.5) must be 1 to 10", |c| {
        warm(c, "first_day = 50\ngrowth = 0.5\ndays = 30")
    });
    one("`brands.demo.warmup.first_day`", |c| warm(c, "first_day = 0\ndays = 30"));
    one("`brands.demo.warmup.until_per_day` must be more", |c| warm(c, "first_day = 50\nuntil_per_day = 50"));
    one("`brands.demo.warmup.days` must be", |c| warm(c, "first_day = 50\ndays = 1000"));
}

#[test]
fn brakes_let_go_and_are_in_order() {
    one("`brakes.hold` (0ns) must be", |c| c.brakes.hold = std::time::Duration::ZERO);
    one("`brakes.complaints_slow` (0.5) must not exceed", |c| c.brakes.complaints_slow = 0.5);
    one("`brakes.bounces_slow` (5) and", |c| (c.brakes.bounces_slow, c.brakes.bounces_pause) = (5.0, 0.0));
    one("`brakes.min_mails` must", |c| c.brakes.min_mails = 0);
    none(|c| (c.brakes.complaints_slow, c.brakes.complaints_pause) = (0.0, 0.0));
}

#[test]
fn no_brand_has_the_name_of_domains() {
    one("`brands.domain` cannot be", |c| {
        let demo = demo(c).clone();
        c.brands.insert("domain".parse().expect("a name"), demo);
    });
}
