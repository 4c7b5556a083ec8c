//! *Delivery*: what relays and mailbox providers say.

use super::{BRAND, grown, rate};
use crate::dashboard::{Choice, Dashboard, Row};
use crate::panel::{Alarm, Panel, Shape};

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        name: "delivery",
        title: "Delivery",
        description: "What relays answer, what comes back, what is slowed down and by whom.",
        choices: &[Choice::Brand],
        rows: vec![relays(), back(), told()],
    }
}

fn relays() -> Row {
    Row {
        title: "Relays",
        panels: vec![
            Panel::new("What do relays answer?", Shape::Stacked, "reqps")
                .says("Transactions by how they ended. 4yz: not now. 5yz: never. unknown: nobody can know whether the relay took the mail.")
                .shows("{{relay}} {{reply}}", rate("relay, reply", "vigie_relay_transactions_total", ""))
                .wide(12),
            Panel::new("What share do relays take?", Shape::Lines, "percentunit")
                .says("250 of all. Below nine tenths over ten minutes somebody should look at the relay's log.")
                .shows(
                    "{{relay}}",
                    format!(
                        "{} / {}",
                        rate("relay", "vigie_relay_transactions_total", "reply=\"250\""),
                        rate("relay", "vigie_relay_transactions_total", "")
                    ),
                )
                .alarmed(Alarm::Below(0.9))
                .wide(12),
            Panel::new("How many connections are in use?", Shape::Lines, "short")
                .says("Open and busy connections. Busy at relay.connections for minutes: the relay is slower than the sends come.")
                .shows("{{relay}} {{state}}", "sum by (relay, state) (vigie_relay_connections)")
                .wide(12),
            Panel::new("In which state is each relay?", Shape::Table, "short")
                .says("Gateways by what they last heard of it. respite: it said that it cannot take mail now. unreachable: no connection came about. One mail at a time finds out whether that is over, so it stays until the next one goes.")
                .shows("{{relay}} {{state}}", "sum by (relay, state) (vigie_relay_state) > 0")
                .wide(12),
        ],
    }
}

fn back() -> Row {
    Row {
        title: "What comes back, and what brakes",
        panels: vec![
            Panel::new("What comes back?", Shape::Lines, "short")
                .says("Hard: there is no such mailbox. Soft: not now. Complaint: somebody called it spam. In the time that is shown.")
                .shows("{{brand}} {{kind}}", grown("brand, kind", "vigie_bounces_total", BRAND)),
            Panel::new("What share of mails bounces hard?", Shape::Lines, "percentunit")
                .says("Above 2 % mailbox providers begin to refuse us: stop the flow and look at the feed.")
                .shows(
                    "hard",
                    format!(
                        "sum(increase(vigie_bounces_total{{kind=\"hard\", {BRAND}}}[1h])) / sum(max by (brand) (increase(vigie_sends_finished_total{{outcome=\"sent\", {BRAND}}}[1h])))"
                    ),
                )
                .alarmed(Alarm::Above(0.02)),
            Panel::new("What was braked, and why?", Shape::Table, "short")
                .says("Brakes this hour: a domain that said we are too many, complaints, bounces. GET /v1/flows says what is slowed or paused now.")
                .shows("{{why}} {{result}}", "sum by (why, result) (increase(vigie_brakes_total[1h])) > 0 or sum by (why, result) (vigie_brakes_total) * 0"),
            Panel::new("What do we hold back ourselves?", Shape::Stacked, "short")
                .says("Claims that went back to waiting in the time that is shown: quiet hours, pauses, limits, turns after a night. None is an attempt.")
                .shows("{{why}}", grown("why", "vigie_sends_held_total", "")),
            Panel::new("Who unsubscribes?", Shape::Lines, "short")
                .says("Unsubscriptions in the time that is shown. Lost: somebody was told that they unsubscribed and is not.")
                .shows("{{outcome}}", grown("outcome", "vigie_unsubscribes_total", "")),
            Panel::new("What went to which provider?", Shape::Stacked, "mps")
                .says("Mails that relays took, by mailbox provider.")
                .shows("{{provider}}", rate("provider", "vigie_sends_delivered_total", "")),
        ],
    }
}

fn told() -> Row {
    Row {
        title: "What is told outside",
        panels: vec![
            Panel::new("Do webhooks arrive?", Shape::Stacked, "reqps")
                .says("Events posted to brands' receivers, by what came of it. left_out, gone and missed are lost to the receiver until they are replayed.")
                .shows("{{brand}} {{result}}", rate("brand, result", "vigie_webhook_deliveries_total", BRAND)),
            Panel::new("How far are receivers behind?", Shape::Lines, "s")
                .says("Age of the oldest event that waits for a receiver.")
                .shows("{{brand}} {{webhook}}", format!("max by (brand, webhook) (vigie_webhook_behind_seconds{{{BRAND}}})"))
                .alarmed(Alarm::Above(600.0)),
            Panel::new("What do mail servers report back?", Shape::Bars, "short")
                .says("Mails brought as bounces, in the time that is shown. Unverified rising while hard and soft stand still: set the brand's verp.")
                .shows("{{what}}", grown("what", "vigie_bounce_mails_total", "")),
        ],
    }
}
