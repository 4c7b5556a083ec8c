//! The page that says what came of it.

use std::fmt::Write as _;
use std::time::Duration;

use super::machine::Machine;
use super::targets::{Row, Target, promised, told};
use super::{Done, Results};
use crate::report::shown;

const HEAD: &str = "\
# Results

Written by `vigie-load results`, which ran the commands below one after the other; nothing here is typed by hand.
`just load` builds what it needs and runs it. Everything (gateway, generator, sink, Redis, the other side) shares one
machine, so the ratios say more than the figures. Latencies are open loop, from the planned moment of each request
(no coordinated omission).
";

/// Said where the machine was not ours alone.
const DISTURBED: &str = "
**Others used this machine while it was measured** (see the commands): absolute figures and everything about peaks and
overload are worse than they are on a machine that does nothing else.
";

/// Up to this share of the processors is what a machine that does nothing else uses.
const IDLE: f64 = 0.1;

/// The whole page.
pub(super) fn write(machine: &Machine, results: &Results, took: Duration) -> String {
    let mut page = HEAD.to_owned();
    if results.in_order().any(|done| done.others > IDLE) {
        page.push_str(DISTURBED);
    }
    // Writing into a String cannot fail.
    let _ = writeln!(page, "\n| | |\n| --- | --- |");
    for (name, value) in &machine.facts {
        let _ = writeln!(page, "| {name} | {} |", value.replace('|', " "));
    }
    let _ = writeln!(page, "| all of it took | {:.0} s |", took.as_secs_f64());
    let _ = writeln!(page, "\n## Targets\n\n| figure | measured | target | met |\n| --- | --- | --- | --- |");
    for row in promised(results) {
        let _ =
            writeln!(page, "| {} | {} | {} | {} |", row.what, measured(&row), target(row.target), met(&row));
    }
    let _ = writeln!(page, "\n## More figures\n\n| figure | measured |\n| --- | --- |");
    for row in told(results) {
        let _ = writeln!(page, "| {} | {} |", row.what, measured(&row));
    }
    let _ = writeln!(
        page,
        "\n## Commands\n\n| command | took | others used just before | ended |\n| --- | --- | --- | --- |"
    );
    for Done { command, took, others, succeeded, .. } in results.in_order() {
        let (took, others) = (took.as_secs_f64(), others * 100.0);
        let ended = if *succeeded { "well" } else { "with an error" };
        let _ = writeln!(page, "| `{command}` | {took:.0} s | {others:.0} % | {ended} |");
    }
    let _ = writeln!(page, "\n## What they said\n");
    for Done { command, said, .. } in results.in_order() {
        let _ = writeln!(page, "```text\n$ {command}\n{said}```\n");
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

fn measured(row: &Row) -> String {
    row.value.map_or_else(
        || "no figure".to_owned(),
        |value| format!("{} {}", shown(value), row.unit).trim().to_owned(),
    )
}

fn target(target: Target) -> String {
    match target {
        Target::None => String::new(),
        Target::AtLeast(least) => format!("≥ {least}"),
        Target::AtMost(most) => format!("≤ {most}"),
    }
}

fn met(row: &Row) -> &'static str {
    match (row.value.and_then(|value| row.target.met(value)), row.target) {
        (_, Target::None) => "",
        (Some(true), _) => "yes",
        (Some(false), _) => "**no**",
        (None, _) => "not measured",
    }
}
