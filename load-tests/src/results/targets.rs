//! What vigie is to reach, and where each figure is found.

use super::Results;

/// One line of the page.
pub(super) struct Row {
    pub(super) what: &'static str,
    /// None if its step failed or was left out.
    pub(super) value: Option<f64>,
    pub(super) unit: &'static str,
    pub(super) target: Target,
}

/// How far a figure is to get.
#[derive(Debug, Clone, Copy)]
pub(super) enum Target {
    /// It is only told.
    None,
    AtLeast(f64),
    AtMost(f64),
}

use Target::{AtLeast, AtMost};

impl Target {
    /// Whether a value gets there; unknown of what has no target.
    pub(super) fn met(self, value: f64) -> Option<bool> {
        match self {
            Self::None => None,
            AtLeast(least) => Some(value >= least),
            AtMost(most) => Some(value <= most),
        }
    }
}

/// The name under which `fires` tells its latencies.
const FIRE: &str = "pixel planned → 250";

fn row(what: &'static str, value: Option<f64>, unit: &'static str, target: Target) -> Row {
    Row { what, value, unit, target }
}

/// What there are targets for.
pub(super) fn promised(all: &Results) -> Vec<Row> {
    let ratio = |one: Option<f64>, other: Option<f64>| Some(one? / other?);
    let beyond = Some(())
        .and_then(|()| Some(all.latency("far", FIRE, "p50")? - all.figure("far", "round trip to the sink")?));
    let sustained = |step| all.figure(step, "sustained fires");
    let mut rows = vec![
        row(
            "pixels per second of one thread, vigie / nginx `empty_gif`",
            all.figure("pixels", "vigie / nginx requests"),
            "",
            AtLeast(1.0),
        ),
        row(
            "processor per pixel, vigie / nginx `empty_gif`",
            all.figure("pixels", "vigie / nginx processor per request"),
            "",
            AtMost(1.0),
        ),
        row("pixel → 250 at 1000/s, p50", all.latency("near", FIRE, "p50"), "ms", AtMost(0.4)),
        row("pixel → 250 at 1000/s, p99", all.latency("near", FIRE, "p99"), "ms", AtMost(3.0)),
        row("pixel → 250 at 1000/s, p50 beyond the round trip, relay 20 ms away", beyond, "ms", AtMost(0.4)),
        row("fires per second, embedded store", sustained("peak"), "/s", AtLeast(5000.0)),
        row("fires per second, Redis", sustained("peak-redis"), "/s", AtLeast(5000.0)),
        row(
            "p50 at 500/s, Node / vigie, both on Redis",
            all.figure("compare", "node / vigie p50"),
            "",
            AtLeast(10.0),
        ),
        row(
            "fires per second, vigie / Node, both on Redis",
            ratio(sustained("peak-redis"), sustained("peak-node")),
            "",
            AtLeast(10.0),
        ),
    ];
    rows.extend(overload(all));
    rows
}

fn overload(all: &Results) -> [Row; 7] {
    let figure = |name| all.figure("overload", name);
    [
        row(
            "goodput at twice the peak, share of the peak",
            figure("share of the peak at 2 times"),
            "",
            AtLeast(0.9),
        ),
        row(
            "goodput at ten times the peak, share of the peak",
            figure("share of the peak at 10 times"),
            "",
            AtLeast(0.9),
        ),
        row(
            "until p99 is below twice the normal after twice the peak",
            figure("recovered after 2 times within"),
            "s",
            AtMost(5.0),
        ),
        row(
            "until p99 is below twice the normal after ten times the peak",
            figure("recovered after 10 times within"),
            "s",
            AtMost(5.0),
        ),
        row(
            "pixels refused or unanswered in overload",
            figure("pixels refused or unanswered"),
            "",
            AtMost(0.0),
        ),
        row("sends unaccounted for after overload", figure("conservation gap"), "", AtMost(0.0)),
        row("peak memory in overload", figure("peak memory"), "MB", Target::None),
    ]
}

/// What is told besides.
pub(super) fn told(all: &Results) -> Vec<Row> {
    let mut rows = ours(all);
    rows.extend(besides(all));
    rows.extend(sizes(all));
    rows
}

/// What is told of those who wait, are online, or are known.
fn sizes(all: &Results) -> Vec<Row> {
    let tell = |what, step, name| row(what, all.figure(step, name), "bytes", Target::None);
    vec![
        tell("memory for each send that waits, embedded store", "enqueue", "resident per waiting send"),
        tell("disk for each send that waits, embedded store", "enqueue", "on disk per waiting send"),
        tell("Redis for each send that waits", "enqueue-redis", "in Redis per waiting send"),
        tell("memory for each person online, embedded store", "present", "resident per person"),
        tell("Redis for each person online", "present-redis", "in Redis per person"),
        tell("Redis for each person with a consent", "known-redis", "in Redis per person"),
    ]
}

/// What is told of vigie's own way from pixel to 250.
fn ours(all: &Results) -> Vec<Row> {
    let tell = |what, value, unit| row(what, value, unit, Target::None);
    vec![
        tell("pixels per second, vigie, one thread", all.figure("pixels", "vigie requests"), "/s"),
        tell("pixels per second, nginx, one process", all.figure("pixels", "nginx requests"), "/s"),
        tell(
            "pixel planned → answered at 20 000/s, p50",
            all.latency("latency", "pixel planned → answered", "p50"),
            "ms",
        ),
        tell("the same, p99", all.latency("latency", "pixel planned → answered", "p99"), "ms"),
        tell("the same, p99.9", all.latency("latency", "pixel planned → answered", "p99.9"), "ms"),
        tell("pixel → 250 at 1000/s, signed with RSA-2048, p50", all.latency("signed", FIRE, "p50"), "ms"),
        tell("pixel → 250 at 1000/s, signed with RSA-2048, p99", all.latency("signed", FIRE, "p99"), "ms"),
        tell("pixel → 250 at 1000/s on Redis, p50", all.latency("redis", FIRE, "p50"), "ms"),
        tell("pixel → 250 at 1000/s on Redis, p99", all.latency("redis", FIRE, "p99"), "ms"),
        tell("pixel → 250 at 1000/s, relay 20 ms away, p99", all.latency("far", FIRE, "p99"), "ms"),
        tell("pixel → 250 at 300/s, relay takes 200 ms, p50", all.latency("slow", FIRE, "p50"), "ms"),
        tell(
            "pixel → 250 at 500/s, relay defers every tenth, p50",
            all.latency("deferring", FIRE, "p50"),
            "ms",
        ),
        tell("round trips per mail", all.figure("near", "round trips per mail"), ""),
    ]
}

/// What is told of those it is compared to, and of the way in.
fn besides(all: &Results) -> Vec<Row> {
    let tell = |what, value, unit| row(what, value, unit, Target::None);
    vec![
        tell("Node: p50 at 500/s", all.latency("compare", "node", "p50"), "ms"),
        tell("vigie on Redis: p50 at 500/s", all.latency("compare", "vigie", "p50"), "ms"),
        tell("Node: fires per second", all.figure("peak-node", "sustained fires"), "/s"),
        tell("letters per second to the sink, vigie's relay", all.figure("relays", "vigie letters"), "/s"),
        tell(
            "letters per second to the sink, lettre's pool as it comes",
            all.figure("relays", "lettre letters"),
            "/s",
        ),
        tell(
            "letters per second to the sink, smtp-source",
            all.figure("relays", "smtp-source letters"),
            "/s",
        ),
        tell("one letter, vigie's relay, p50", all.latency("relays", "vigie, each letter", "p50"), "ms"),
        tell(
            "one letter, lettre's pool as it comes, p50",
            all.latency("relays", "lettre, each letter", "p50"),
            "ms",
        ),
        tell("durable sends per second, embedded store", all.figure("enqueue", "durable sends"), "/s"),
        tell("durable sends per second, Redis", all.figure("enqueue-redis", "durable sends"), "/s"),
        tell("lines per second of `vigie import`", all.figure("import", "lines"), "/s"),
        tell("signals shed at ten times the peak", all.figure("overload", "signals shed at 10 times"), ""),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_met_from_its_side() {
        assert_eq!(AtLeast(5.0).met(4.9), Some(false));
        assert_eq!(AtMost(5.0).met(5.0), Some(true));
        assert_eq!(Target::None.met(1.0), None);
    }
}
