//! *Campaigns*: what became of what was asked for.

use super::{BRAND, CAMPAIGN, grown, rate, store_grown, store_rate};
use crate::dashboard::{Choice, Dashboard, Row};
use crate::panel::{Alarm, Panel, Shape};

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        name: "campaigns",
        title: "Campaigns",
        description: "From the feed to the settled case: what was accepted, what went out, who paid, and who goes to the call centre.",
        choices: &[Choice::Brand, Choice::Campaign],
        rows: vec![funnel(), waiting(), campaigns(), cases(), feeds()],
    }
}

fn funnel() -> Row {
    Row {
        title: "In the time that is shown",
        panels: vec![
            Panel::new("How many sends were accepted?", Shape::Bars, "short")
                .says("Acknowledged to producers: compare with what they say they pushed.")
                .shows("{{brand}}", store_grown("brand", "brand", "vigie_sends_accepted_total", BRAND)),
            Panel::new("How many went out?", Shape::Bars, "short")
                .says("A relay took them.")
                .shows("{{brand}}", store_grown("brand", "brand, outcome", "vigie_sends_finished_total", &format!("outcome=\"sent\", {BRAND}"))),
            Panel::new("How many were opened, how many clicked?", Shape::Bars, "short")
                .says("Letters of cases, as often as people opened them or followed a link. Machines are not counted.")
                .shows("{{brand}} {{what}}", grown("brand, what", "vigie_letters_seen_total", BRAND)),
            Panel::new("How many followed the payment link?", Shape::Bars, "short")
                .says("People; scanners and scripts are not counted.")
                .shows("{{brand}}", grown("brand", "vigie_payment_clicks_total", BRAND))
                .wide(12),
            Panel::new("How did all the others end?", Shape::Bars, "short")
                .says("Sends by their final state: failed, uncertain, cancelled (settled, mostly), handed off to the call centre, dropped.")
                .shows("{{outcome}}", store_grown("outcome", "brand, outcome", "vigie_sends_finished_total", &format!("outcome!=\"sent\", {BRAND}")))
                .wide(12),
        ],
    }
}

fn waiting() -> Row {
    Row {
        title: "What waits",
        panels: vec![
            Panel::new("What waits, by brand?", Shape::Stacked, "short")
                .says("Sends that wait for their recipient, their hour, their flow or their turn. GET /v1/sends/ID says of each why.")
                .shows("{{brand}}", format!("max by (brand) (vigie_sends{{state=\"waiting\", {BRAND}}})")).wide(12),
            Panel::new("How fast do sends come in and go out?", Shape::Lines, "short")
                .says("Accepted and ended, a second. What comes in and does not go out waits.")
                .shows("accepted", store_rate("", "brand", "vigie_sends_accepted_total", BRAND))
                .shows("ended", store_rate("", "brand, outcome", "vigie_sends_finished_total", BRAND))
                .wide(12),
            Panel::new("How old is what waits?", Shape::Stacked, "short")
                .says("Live sends by the UTC day of their acceptance: today (day), the six days before (week), the 23 before these (month), before (older). Older growing: sends without a deadline, of people who are not seen.")
                .shows("{{age}}", format!("sum by (age) (max by (brand, age) (vigie_sends_open_by_age{{{BRAND}}}))"))
                .wide(12),
            Panel::new("Which deadlines come when?", Shape::Bars, "short")
                .says("Live sends by the UTC day of their deadline: over (overdue), today (day), the six days after (week), the 23 after these (month), later, none. What is overdue is held back: by a pause, a limit, or the contact budget.")
                .shows("{{within}}", format!("sum by (within) (max by (brand, within) (vigie_sends_deadline_ahead{{{BRAND}}}))"))
                .wide(12),
            Panel::new("Is every send accounted for?", Shape::Number, "short")
                .says("Accepted sends minus the sum over all states. Anything but 0 is a bug of vigie: keep the store as it is, and tell us.")
                .shows("{{brand}}", format!("max by (brand) (abs(vigie_conservation_gap{{{BRAND}}}))"))
                .alarmed(Alarm::Above(1.0))
                .wide(24),
        ],
    }
}

fn campaigns() -> Row {
    Row {
        title: "Campaigns",
        panels: vec![
            Panel::new("What waits, by campaign?", Shape::Stacked, "short")
                .says("Sends that wait, of each brand's largest campaigns; _other are all others, _none have no campaign. One that stands still may be paused: GET /v1/flows.")
                .shows("{{brand}} {{campaign}}", of_campaign("brand, campaign", "state=\"waiting\", "))
                .wide(12),
            Panel::new("How much of each campaign went out?", Shape::Bars, "percentunit")
                .says("Sends that a relay took, of all that were accepted, ever since.")
                .shows(
                    "{{brand}} {{campaign}}",
                    format!(
                        "{} / {}",
                        of_campaign("brand, campaign", "state=\"sent\", "),
                        of_campaign("brand, campaign", "")
                    ),
                )
                .wide(12),
            Panel::new("What became of each campaign's sends?", Shape::Table, "short")
                .says("Sends by campaign and state, ever since; waiting and claimed are alive.")
                .shows("{{brand}} {{campaign}} {{state}}", format!("{} > 0", of_campaign("brand, campaign, state", "")))
                .wide(12),
            Panel::new("How fast do campaigns go out?", Shape::Lines, "short")
                .says("Sends that a relay took, in five minutes. A campaign that falls behind the others, or moves up, is left out for a moment.")
                .shows(
                    "{{brand}} {{campaign}}",
                    format!(
                        "clamp_min(sum by (brand, campaign) (max by (brand, campaign) (delta(vigie_campaign_sends{{state=\"sent\", {CAMPAIGN}}}[5m]))), 0)"
                    ),
                )
                .wide(12),
        ],
    }
}

/// Sends of the campaigns that were chosen, summed up by labels; `over` selects.
fn of_campaign(by: &str, over: &str) -> String {
    format!("sum by ({by}) (max by (brand, campaign, state) (vigie_campaign_sends{{{over}{CAMPAIGN}}}))")
}

fn cases() -> Row {
    Row {
        title: "Cases",
        panels: vec![
            Panel::new("How many cases are open?", Shape::Stacked, "short")
                .says("Cases that are written to by e-mail. Growing from day to day: deadlines are missing.")
                .shows("{{brand}}", format!("max by (brand) (vigie_cases{{state=\"open\", {BRAND}}})")),
            Panel::new("How do cases end?", Shape::Lines, "short")
                .says("Settled and handed off, ever since. Handed off growing faster than settled: more goes to the call centre than is paid.")
                .shows("{{state}}", format!("sum by (state) (max by (brand, state) (vigie_cases{{state!=\"open\", {BRAND}}}))")),
            Panel::new("What share of ended cases was settled?", Shape::Number, "percentunit")
                .says("Settled of all that are closed, by brand, ever since.")
                .shows(
                    "{{brand}}",
                    format!(
                        "max by (brand) (vigie_cases{{state=\"settled\", {BRAND}}}) / (max by (brand) (vigie_cases{{state=\"settled\", {BRAND}}}) + max by (brand) (vigie_cases{{state=\"handed_off\", {BRAND}}}))"
                    ),
                ),
            Panel::new("What goes into the call centre's files?", Shape::Lines, "short")
                .says("Lines, in the time that is shown: cases to be called, and cases not to be called any more.")
                .shows("{{file}}", grown("file", "vigie_handoff_lines_total", BRAND))
                .wide(12),
            Panel::new("How far are the call centre's files behind?", Shape::Number, "s")
                .says("Age of the oldest event that they may lack. Above ten minutes: the disk is full, or handoff.dir may not be written.")
                .shows("behind", "max(vigie_handoff_behind_seconds)")
                .alarmed(Alarm::Above(600.0))
                .wide(12),
        ],
    }
}

fn feeds() -> Row {
    Row {
        title: "Feeds",
        panels: vec![
            Panel::new("What do feeds bring?", Shape::Stacked, "short")
                .says("Lines a second: new, known before, twice in one feed, rejected. Rejected above some percent: the feed has changed.")
                .shows("{{result}}", rate("result", "vigie_import_lines_total", BRAND)),
            Panel::new("How many lines were rejected?", Shape::Bars, "short")
                .says("In the time that is shown. The import's report names each line and what is wrong with it.")
                .shows("{{brand}}", grown("brand", "vigie_import_lines_total", &format!("result=\"rejected\", {BRAND}"))),
            Panel::new("Does a file wait?", Shape::Number, "s")
                .says("Age of the oldest file in a watched folder that is not done with.")
                .shows("{{folder}}", "max by (folder) (vigie_import_oldest_waiting_seconds)")
                .alarmed(Alarm::Above(3600.0)),
        ],
    }
}
