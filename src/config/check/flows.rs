//! Limits, warm-ups and brakes; and names that flows need for themselves.

use std::time::Duration;

use super::{Problem, refuse_if};
use crate::config::{Brand, Config, FlowLimits, Warmup};
use crate::model::{DOMAINS, Name};

/// Less growth than this a day is none.
const LEAST_GROWTH: f64 = 1.0;

/// More growth than this a day is no warm-up.
const MOST_GROWTH: f64 = 10.0;

/// The longest warm-up anybody waits for, in days.
const LONGEST_WARMUP: u32 = 365;

/// The limits of domains.
pub(super) fn domains(config: &Config, problems: &mut Vec<Problem>) {
    for (domain, limits) in &config.limits.domains {
        let key = format!("limits.domains.\"{domain}\"");
        let known = domain.as_str().contains('.') || config.providers.contains_key(domain);
        refuse_if(!known, problems, || {
            format!("`{key}` is neither a domain such as \"gmail.com\" nor a name of [providers]")
        });
        some(&key, *limits, problems);
    }
}

/// A brand's limits and its warm-up; `at` stands before each key in a sentence.
pub(super) fn of_brand(at: &str, brand: &Brand, problems: &mut Vec<Problem>) {
    if let Some(limits) = brand.limits {
        some(&format!("{at}limits"), limits, problems);
    }
    if let Some(warmup) = &brand.warmup {
        ends(&format!("{at}warmup"), warmup, problems);
    }
}

fn some(key: &str, limits: FlowLimits, problems: &mut Vec<Problem>) {
    refuse_if(limits == FlowLimits::default(), problems, || {
        format!("`{key}` limits nothing: give it `rate_per_second`, `per_day` or both")
    });
    refuse_if(limits.per_day == Some(0), problems, || {
        format!("`{key}.per_day` must be at least 1; to stop a flow, pause it")
    });
}

fn ends(key: &str, warmup: &Warmup, problems: &mut Vec<Problem>) {
    let Warmup { first_day, growth, until_per_day, days, .. } = *warmup;
    refuse_if(first_day == 0, problems, || format!("`{key}.first_day` must be at least 1"));
    refuse_if(!(LEAST_GROWTH..=MOST_GROWTH).contains(&growth), problems, || {
        format!(
            "`{key}.growth` ({growth}) must be {LEAST_GROWTH} to {MOST_GROWTH}: so many times as many each day"
        )
    });
    refuse_if(until_per_day.is_none() && days.is_none(), problems, || {
        format!("`{key}` never ends: give it `until_per_day`, `days` or both")
    });
    refuse_if(days.is_some_and(|days| !(1..=LONGEST_WARMUP).contains(&days)), problems, || {
        format!("`{key}.days` must be 1 to {LONGEST_WARMUP}")
    });
    refuse_if(until_per_day.is_some_and(|until| until <= first_day), problems, || {
        format!("`{key}.until_per_day` must be more than `{key}.first_day` ({first_day})")
    });
    let stands = growth <= LEAST_GROWTH && days.is_none() && until_per_day.is_some();
    refuse_if(stands, problems, || format!("`{key}` never ends: with a growth of {growth} it needs `days`"));
}

/// Brakes that would stop everything, or never let go.
pub(super) fn brakes(config: &Config, problems: &mut Vec<Problem>) {
    let brakes = &config.brakes;
    let spans = [
        ("throttled_within", brakes.throttled_within),
        ("pause", brakes.pause),
        ("doubling", brakes.doubling),
        ("release", brakes.release),
        ("hold", brakes.hold),
    ];
    for (key, span) in spans {
        let fits = (Duration::from_secs(1)..=Duration::from_hours(24)).contains(&span);
        refuse_if(!fits, problems, || format!("`brakes.{key}` ({span:?}) must be \"1s\" to \"1d\""));
    }
    let shares = [
        ("complaints", brakes.complaints_slow, brakes.complaints_pause),
        ("bounces", brakes.bounces_slow, brakes.bounces_pause),
    ];
    for (what, slow, pause) in shares {
        let fits = (0.0..=1.0).contains(&slow) && (0.0..=1.0).contains(&pause);
        refuse_if(!fits, problems, || {
            format!(
                "`brakes.{what}_slow` ({slow}) and `brakes.{what}_pause` ({pause}) must be shares, 0 to 1"
            )
        });
        refuse_if(pause > 0.0 && slow > pause, problems, || {
            format!("`brakes.{what}_slow` ({slow}) must not exceed `brakes.{what}_pause` ({pause})")
        });
    }
    for (key, least) in [
        ("min_mails", brakes.min_mails),
        ("min_complaints", brakes.min_complaints),
        ("min_bounces", brakes.min_bounces),
    ] {
        refuse_if(least == 0, problems, || format!("`brakes.{key}` must be at least 1"));
    }
}

/// Recipients' domains are flows under a brand's name that no brand may have.
pub(super) fn no_brand_is_called_domain(config: &Config, problems: &mut Vec<Problem>) {
    for name in config.brands.keys() {
        is_not_called_domain("brands.", name, problems);
    }
}

/// See [`no_brand_is_called_domain`]; `at` stands before the name in the sentence.
pub(super) fn is_not_called_domain(at: &str, name: &Name, problems: &mut Vec<Problem>) {
    refuse_if(name.as_str() == DOMAINS, problems, || {
        format!(
            "`{at}{DOMAINS}` cannot be: /v1/flows/{DOMAINS} slows recipients' domains; choose another name"
        )
    });
}
