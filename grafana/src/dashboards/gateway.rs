//! *Gateway*: the machine itself: edge, store, saturation.

use super::{GATEWAY, quantile, quantile_by, rate};
use crate::dashboard::{Choice, Dashboard, Row};
use crate::panel::{Alarm, Panel, Shape};

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        name: "gateway",
        title: "Gateway",
        description: "Each gateway's edge, store, stages and resources: where a mail's time goes, and what runs short.",
        choices: &[Choice::Gateway],
        rows: vec![edge(), stages(), store(), machine()],
    }
}

fn edge() -> Row {
    Row {
        title: "Edge",
        panels: vec![
            Panel::new("What is asked for?", Shape::Stacked, "reqps")
                .says("Requests on the public listener. open 200 falling to zero: tracking is unreachable.")
                .shows("{{route}} {{status}}", rate("route, status", "vigie_edge_requests_total", GATEWAY)),
            Panel::new("How many connections are open?", Shape::Lines, "short")
                .says("Near edge.max_connections new clients wait in the kernel's backlog.")
                .shows("{{instance}}", format!("sum by (instance) (vigie_edge_connections{{{GATEWAY}}})")),
            Panel::new("What is refused, shed or lost?", Shape::Lines, "reqps")
                .says("Connections closed by us, tokens that say nothing, signals shed for want of room, signals the store did not take. The last two should stand still.")
                .shows("connections: {{reason}}", rate("reason", "vigie_edge_connections_refused_total", GATEWAY))
                .shows("tokens: {{reason}}", rate("reason", "vigie_tokens_refused_total", GATEWAY))
                .shows("shed: {{reason}}", rate("reason", "vigie_signals_shed_total", GATEWAY))
                .shows("lost", rate("", "vigie_signals_lost_total", GATEWAY)),
        ],
    }
}

fn stages() -> Row {
    Row {
        title: "Where a mail's time goes",
        panels: vec![
            Panel::new("How long does each stage take?", Shape::Lines, "s")
                .says("99 of 100 are faster. connect rising alone: too few relay.connections. begin and finish are the store's.")
                .shows("{{stage}}", quantile_by("stage", 0.99, "vigie_stage_seconds", GATEWAY))
                .wide(12),
            Panel::new("How long does a signal wait for the store?", Shape::Lines, "s")
                .says("Between the edge and the touch. The median above 100 ms: the gateway is saturated.")
                .shows("p50", quantile(0.5, "vigie_intake_wait_seconds", GATEWAY))
                .shows("p99", quantile(0.99, "vigie_intake_wait_seconds", GATEWAY))
                .alarmed(Alarm::Above(0.1))
                .wide(12),
            Panel::new("Is anything late?", Shape::Lines, "s")
                .says("How long after their moment due sends, aims, deadlines and ends of leases are dealt with. What is held back by a flow, an hour or a limit is not late. Above 5 s: too many attempts are under way, or the store was away.")
                .shows("p50", quantile(0.5, "vigie_timer_late_seconds", GATEWAY))
                .shows("p99", quantile(0.99, "vigie_timer_late_seconds", GATEWAY))
                .alarmed(Alarm::Above(5.0))
                .wide(12),
            Panel::new("How many attempts are under way?", Shape::Lines, "short")
                .says("At dispatch.max_in_flight for minutes: the relay is stuck. Abandoned ones lost their claim: cancelled, settled, or the lease was over.")
                .shows("under way {{instance}}", format!("sum by (instance) (vigie_attempts_under_way{{{GATEWAY}}})"))
                .shows("abandoned, a second", rate("", "vigie_attempts_abandoned_total", GATEWAY))
                .wide(12),
        ],
    }
}

fn store() -> Row {
    Row {
        title: "Store",
        panels: vec![
            Panel::new("How long does each operation of the store take?", Shape::Lines, "s")
                .says("99 of 100 are faster. touch and begin should stay below a millisecond, 10 ms on a Redis far away.")
                .shows("{{operation}}", quantile_by("operation", 0.99, "vigie_store_seconds", GATEWAY))
                .wide(12),
            Panel::new("How much is the store asked?", Shape::Stacked, "ops")
                .says("Operations a second.")
                .shows("{{operation}}", rate("operation", "vigie_store_seconds_count", GATEWAY))
                .wide(12),
        ],
    }
}

fn machine() -> Row {
    Row {
        title: "Machine",
        panels: vec![
            Panel::new("How much processor time?", Shape::Lines, "percentunit")
                .says("Of one core. A gateway uses several.")
                .shows("{{instance}}", format!("rate(process_cpu_seconds_total{{job=\"vigie\", {GATEWAY}}}[$__rate_interval])")),
            Panel::new("How much memory?", Shape::Lines, "bytes")
                .says("Resident. Bounded by configuration: it rises to a level and stays there.")
                .shows("{{instance}}", format!("process_resident_memory_bytes{{job=\"vigie\", {GATEWAY}}}")),
            Panel::new("How many files and sockets are open?", Shape::Lines, "percentunit")
                .says("Of what the kernel allows this process.")
                .shows(
                    "{{instance}}",
                    format!(
                        "process_open_fds{{job=\"vigie\", {GATEWAY}}} / process_max_fds{{job=\"vigie\", {GATEWAY}}}"
                    ),
                )
                .alarmed(Alarm::Above(0.8)),
        ],
    }
}
