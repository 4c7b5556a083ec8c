//! *Live*: who is online, what fires, how fast.

use super::{BRAND, quantile, rate, store_rate};
use crate::dashboard::{Choice, Dashboard, Row};
use crate::panel::{Alarm, Panel, Shape};

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        name: "live",
        title: "Live",
        description: "Who is in their mailbox now, what goes out to them, and how fast.",
        choices: &[Choice::Brand],
        rows: vec![now(), people(), speed()],
    }
}

fn now() -> Row {
    Row {
        title: "Right now",
        panels: vec![
            Panel::new("How many people are in their mailbox?", Shape::Number, "short")
                .says("Seen within presence.window. All gateways on one store see the same people. 0 for longer than usual at this hour: signals do not arrive.")
                .shows("online", "max(vigie_presence_online)")
                .wide(6),
            Panel::new("How many mails go out a second?", Shape::Number, "mps")
                .says("Mails that a relay took.")
                .shows("mails/s", store_rate("", "brand, outcome", "vigie_sends_finished_total", &format!("outcome=\"sent\", {BRAND}")))
                .wide(6),
            Panel::new("How long from a signal to the relay's 250?", Shape::Number, "s")
                .says("99 of 100 mails that a signal released were faster than this. Above 10 ms plus the relay's round trip something is in the way: see Gateway.")
                .shows("p99", quantile(0.99, "vigie_signal_to_accepted_seconds", BRAND))
                .alarmed(Alarm::Above(0.01))
                .wide(6),
            Panel::new("How many sends wait for their recipient?", Shape::Number, "short")
                .says("Accepted, and neither under way nor ended.")
                .shows("waiting", format!("sum(max by (brand) (vigie_sends{{state=\"waiting\", {BRAND}}}))"))
                .wide(6),
        ],
    }
}

fn people() -> Row {
    Row {
        title: "People",
        panels: vec![
            Panel::new("What do signals say?", Shape::Stacked, "reqps")
                .says("Signals by what they were judged to be. A jump of scanner or bot: somebody crawls our mails. Nothing in business hours: pixels do not reach us.")
                .shows("{{verdict}}", rate("verdict", "vigie_signals_total", "")),
            Panel::new("Where do signals come from?", Shape::Stacked, "reqps")
                .says("Signals by source: pixels, clicks, watched mailboxes, servers, portals, partners.")
                .shows("{{source}}", rate("source", "vigie_signals_total", "")),
            Panel::new("How many people are online over the day?", Shape::Lines, "short")
                .says("The same as above, over time: the shape of a day should repeat.")
                .shows("online", "max(vigie_presence_online)"),
        ],
    }
}

fn speed() -> Row {
    Row {
        title: "Mails",
        panels: vec![
            Panel::new("What goes out, by brand?", Shape::Stacked, "mps")
                .says("Mails a second that a relay took.")
                .shows("{{brand}}", store_rate("brand", "brand, outcome", "vigie_sends_finished_total", &format!("outcome=\"sent\", {BRAND}"))),
            Panel::new("How fast are we, over time?", Shape::Lines, "s")
                .says("Signal received to relay's 250: the median, and what 99 and 99.9 of 100 stay below. The goal: 99 % within 10 ms plus the relay's round trip.")
                .shows("p50", quantile(0.5, "vigie_signal_to_accepted_seconds", BRAND))
                .shows("p99", quantile(0.99, "vigie_signal_to_accepted_seconds", BRAND))
                .shows("p99.9", quantile(0.999, "vigie_signal_to_accepted_seconds", BRAND))
                .alarmed(Alarm::Above(0.01)),
            Panel::new("What share lands while its reader is there?", Shape::Lines, "percentunit")
                .says("Of the mails a relay took in the last hour, those seen within presence.landed_within, by mailbox provider. A fall says that arrival has become slower than people's visits.")
                .shows(
                    "{{provider}}",
                    "sum by (provider) (increase(vigie_sends_landed_online_total[1h])) / sum by (provider) (increase(vigie_sends_delivered_total[1h]))",
                ),
            Panel::new("Where do mails' times lie?", Shape::Heatmap, "s")
                .says("Every mail that a signal released, by how long it took. A second band above the first is something that some mails wait for.")
                .shows("{{le}}", format!("sum by (le) (increase(vigie_signal_to_accepted_seconds_bucket{{{BRAND}}}[$__rate_interval]))"))
                .wide(24),
        ],
    }
}
