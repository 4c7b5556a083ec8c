//! Limits: what must not be zero, what must be large enough, and which limit must not exceed which.

use std::time::Duration;

use super::{Problem, refuse_if};
use crate::config::Config;

/// The smallest head hyper can be told to take (its first read buffer).
const SMALLEST_HEAD: usize = 8192;

/// The smallest request target that holds a token with a short destination.
const SMALLEST_TARGET: usize = 2048;

/// The smallest body or line that holds a send.
const SMALLEST_BODY: usize = 1024;

/// The largest body of a mail server's report: the queue must have room for one.
const LARGEST_REPORT: u64 = 1024 * 1024;

/// More than that, and somebody's clock is simply wrong.
const MOST_AHEAD: Duration = Duration::from_mins(1);

/// More queues than any machine has cores for.
const MOST_SHARDS: usize = 256;

/// More threads than any machine has cores for.
const MOST_THREADS: usize = 1024;

/// More replicas than anybody waits for.
const MOST_REPLICAS: usize = 5;

/// More letters than anybody gets for one visit. A function of Redis answers six values for each, and Lua hands over some
/// thousands at most.
const MOST_CLAIMS: usize = 256;

/// More mailboxes than one gateway has sockets for.
const MOST_MAILBOXES: usize = 1_000_000;

/// More series than a dashboard shows: eight for each, and for each brand.
const MOST_CAMPAIGNS: usize = 1000;

/// What is known of people's hours goes round in a week.
const LONGEST_BEST_HOUR: Duration = Duration::from_hours(7 * 24);

/// A producer that is kept waiting longer gives up, and asks again.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Counts that must be at least something for vigie to do anything at all.
pub(super) fn at_least(config: &Config, problems: &mut Vec<Problem>) {
    let Config { edge, api, signals, intake, presence, store, dispatch, watch, .. } = config;
    let counts = [
        ("edge.max_connections", edge.max_connections as u64, 1),
        ("edge.max_connections_per_address", edge.max_connections_per_address as u64, 1),
        ("edge.max_target", edge.max_target as u64, SMALLEST_TARGET as u64),
        ("edge.max_head", edge.max_head as u64, SMALLEST_HEAD as u64),
        ("api.max_body", api.max_body as u64, SMALLEST_BODY as u64),
        ("api.max_line", api.max_line as u64, SMALLEST_BODY as u64),
        ("api.batch", api.batch as u64, 1),
        ("api.max_requests", api.max_requests as u64, 1),
        ("signals.queue", signals.queue as u64, 1),
        ("signals.queue_bytes", signals.queue_bytes as u64, LARGEST_REPORT),
        ("intake.capacity", intake.capacity as u64, 1),
        ("intake.shards", intake.shards as u64, 1),
        ("presence.max_online", presence.max_online as u64, 1),
        ("store.max_waiting", store.max_waiting, 1),
        ("store.cache_mib", store.cache_mib, 1),
        ("dispatch.max_in_flight", dispatch.max_in_flight as u64, 1),
        ("dispatch.claims_per_touch", dispatch.claims_per_touch as u64, 1),
        ("dispatch.retry.max_attempts", u64::from(dispatch.retry.max_attempts), 1),
        ("watch.logins", watch.logins as u64, 1),
        ("watch.logins_per_server", watch.logins_per_server as u64, 1),
        ("watch.max_mailboxes", watch.max_mailboxes as u64, 1),
    ];
    for (key, value, least) in counts {
        refuse_if(value < least, problems, || format!("`{key}` ({value}) must be at least {least}"));
    }
}

/// Durations of which zero would mean "never" or "always".
pub(super) fn not_zero(config: &Config, problems: &mut Vec<Problem>) {
    let Config { edge, signals, presence, store, dispatch, watch, .. } = config;
    let durations = [
        ("edge.header_timeout", edge.header_timeout),
        ("edge.request_timeout", edge.request_timeout),
        ("signals.max_age", signals.max_age),
        ("signals.server_max_age", signals.server_max_age),
        ("signals.signature_max_age", signals.signature_max_age),
        ("presence.window", presence.window),
        ("store.enqueue_wait_timeout", store.enqueue_wait_timeout),
        ("dispatch.retry.first", dispatch.retry.first),
        ("watch.renew", watch.renew),
        ("watch.connect", watch.connect),
        ("watch.step", watch.step),
        ("watch.first", watch.first),
    ];
    for (key, value) in durations {
        refuse_if(value == Duration::ZERO, problems, || format!("`{key}` must be longer than nothing"));
    }
}

/// Pairs of which the first must not exceed the second.
pub(super) fn ordered(config: &Config, problems: &mut Vec<Problem>) {
    let Config { edge, ops, intake, store, dispatch, watch, .. } = config;
    let counts = [
        ("ops.campaigns", ops.campaigns, "1000, more than a dashboard shows", MOST_CAMPAIGNS),
        ("edge.threads", edge.threads, "1024, more than machines have cores", MOST_THREADS),
        ("edge.max_target", edge.max_target, "`edge.max_head`, which contains it", edge.max_head),
        (
            "edge.max_connections_per_address",
            edge.max_connections_per_address,
            "`edge.max_connections`",
            edge.max_connections,
        ),
        ("intake.shards", intake.shards, "256, more than machines have cores", MOST_SHARDS),
        ("intake.shards", intake.shards, "`intake.capacity`, which they divide", intake.capacity),
        (
            "store.enqueue_wait",
            store.enqueue_wait.into(),
            "5, more replicas than anybody waits for",
            MOST_REPLICAS,
        ),
        (
            "dispatch.claims_per_touch",
            dispatch.claims_per_touch,
            "256, more letters than anybody wants for one visit",
            MOST_CLAIMS,
        ),
        ("watch.logins_per_server", watch.logins_per_server, "`watch.logins`", watch.logins),
        (
            "watch.max_mailboxes",
            watch.max_mailboxes,
            "1000000, more than one gateway can watch",
            MOST_MAILBOXES,
        ),
    ];
    for (key, value, limit, most) in counts {
        refuse_if(value > most, problems, || format!("`{key}` ({value}) must not exceed {limit} ({most})"));
    }
    let durations = [
        ("edge.header_timeout", edge.header_timeout, "edge.request_timeout", edge.request_timeout),
        ("dispatch.retry.first", dispatch.retry.first, "dispatch.retry.longest", dispatch.retry.longest),
        ("watch.first", watch.first, "watch.longest", watch.longest),
    ];
    for (key, value, other, most) in durations {
        refuse_if(value > most, problems, || {
            format!("`{key}` ({value:?}) must not be longer than `{other}` ({most:?})")
        });
    }
    let best_hour = dispatch.best_hour;
    refuse_if(best_hour > LONGEST_BEST_HOUR, problems, || {
        format!("`dispatch.best_hour` ({best_hour:?}) must not be longer than a week: {LONGEST_BEST_HOUR:?}")
    });
    let wait = store.enqueue_wait_timeout;
    refuse_if(wait > LONGEST_WAIT, problems, || {
        format!(
            "`store.enqueue_wait_timeout` ({wait:?}) must not be longer than {LONGEST_WAIT:?}: producers give up"
        )
    });
}

/// What others' clocks may be ahead of ours.
pub(super) fn clocks(config: &Config, problems: &mut Vec<Problem>) {
    let ahead = config.signals.max_ahead;
    refuse_if(ahead > MOST_AHEAD, problems, || {
        format!(
            "`signals.max_ahead` ({ahead:?}) must not be longer than {MOST_AHEAD:?}: set the clock that is wrong"
        )
    });
}
