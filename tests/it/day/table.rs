//! The day in a table for whoever manages collections: in words, a column for each brand.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::books::Story;
use super::callcentre::Line;
use super::cast::{Brand, Case, Person, Role};
use super::{Day, End};
use crate::support::gateway::Gateway;
use crate::support::metrics::Metrics;

/// Where it is kept, beside being printed.
const FILE: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/day-of-two-brands.txt");

#[expect(clippy::print_stdout, reason = "the table is for whoever reads what the test says")]
pub fn print(day: &Day, story: &Story, called: &BTreeMap<String, Line>) {
    let metrics = day.town.gateways.each_ref().map(Gateway::metrics);
    let [azur, boreal] =
        Brand::BOTH.map(|brand| Column { day, story, called, metrics: &metrics, brand }.rows());
    let mut table = line("A day of two brands", "Azur", "Boreal");
    for ((what, azur), (_, boreal)) in azur.iter().zip(&boreal) {
        table += &line(what, azur, boreal);
    }
    let twice: Vec<&Person> = day.people.iter().filter(|person| person.cases.len() > 1).collect();
    let mails = twice.iter().flat_map(|person| &person.cases).filter(|case| sent(story, case)).count();
    writeln!(table, "\n{} people owe to both brands; they got {mails} mails.", twice.len()).expect("text");
    println!("\n{table}");
    std::fs::write(FILE, &table).expect("cargo has made the directory");
}

fn line(what: &str, azur: &str, boreal: &str) -> String {
    format!("{what:<54}{azur:>9}{boreal:>9}\n")
}

fn sent(story: &Story, case: &Case) -> bool {
    story.sends.get(&case.letter()).is_some_and(|end| end.state == "sent")
}

/// One brand's part of the table.
struct Column<'a> {
    day: &'a Day,
    story: &'a Story,
    called: &'a BTreeMap<String, Line>,
    /// Of each gateway.
    metrics: &'a [Metrics; 2],
    brand: Brand,
}

impl Column<'_> {
    fn rows(&self) -> Vec<(&'static str, String)> {
        let (fed, town) = (self.day.fed[self.brand as usize], &self.day.town);
        let open = town.cases(self.brand, "open");
        let (written, closed) = self.open_and_closed();
        let none = |role| role == Role::Gone;
        let numbers = [
            ("Lines in the night's file", fed.lines),
            ("  of these refused: torn, or without an address", fed.refused),
            ("Cases opened", fed.accepted),
            ("Mails sent", town.sends(self.brand, "sent")),
            ("  the moment the person was seen", self.at_once()),
            ("  in turn, while many were there", town.sends(self.brand, "sent") - self.at_once()),
            ("  came back: the mailbox is gone", self.day.cases(self.brand, none).len() as u64),
            ("Mails refused at once: there is no such mailbox", town.sends(self.brand, "failed")),
            ("Payment links followed", self.count("vigie_payment_clicks_total")),
            ("Paid", self.ended(End::Settled("paid"))),
            ("Agreed on a plan", self.ended(End::Settled("plan"))),
            ("Disputed", self.ended(End::Settled("dispute"))),
            ("To the call centre: the deadline passed", self.ended(End::HandedOff("deadline"))),
            ("To the call centre: no mailbox", self.ended(End::HandedOff("suppressed: hard bounce"))),
            ("To the call centre: complained", self.ended(End::HandedOff("suppressed: complaint"))),
            ("  of all these had opened our mail", self.opened_and_called()),
            ("Still open, written to", written),
            ("Still open, not seen yet, or asleep", open - written),
            ("Cases that nobody can account for", fed.accepted - open - closed),
        ];
        let mut rows: Vec<_> = numbers.map(|(what, number)| (what, number.to_string())).into();
        rows.insert(5, ("    half of these within", self.median()));
        rows
    }

    /// Cases that ended so.
    fn ended(&self, so: End) -> u64 {
        let (state, reason) = match so {
            End::Open => ("open", ""),
            End::Settled(why) => ("settled", why),
            End::HandedOff(why) => ("handed_off", why),
        };
        let is = |case: &&Case| {
            let closed = self.story.closed.get(&case.name);
            closed.is_some_and(|closed| closed.state == state && closed.reason == reason)
        };
        self.day.cases(self.brand, |_| true).iter().filter(is).count() as u64
    }

    /// Cases in the call centre's file whose people opened a mail.
    fn opened_and_called(&self) -> u64 {
        let opened = |case: &&Case| self.called.get(&case.name).is_some_and(|line| line.opens > 0);
        self.day.cases(self.brand, |_| true).iter().filter(opened).count() as u64
    }

    /// How many open cases were written to, and how many are closed.
    fn open_and_closed(&self) -> (u64, u64) {
        let cases = self.day.cases(self.brand, |_| true);
        let (closed, open): (Vec<_>, Vec<_>) =
            cases.into_iter().partition(|case| self.story.closed.contains_key(&case.name));
        (open.iter().filter(|case| sent(self.story, case)).count() as u64, closed.len() as u64)
    }

    /// Mails that somebody's visit released itself.
    fn at_once(&self) -> u64 {
        self.count("vigie_signal_to_accepted_seconds_count")
    }

    /// What both gateways counted of this brand.
    fn count(&self, name: &str) -> u64 {
        self.metrics.iter().map(|metrics| metrics.count(name, &[&self.brand.label()])).sum()
    }

    /// The bound of the histogram's bucket in which half of these mails are.
    fn median(&self) -> String {
        let mut buckets: BTreeMap<u64, u64> = BTreeMap::new();
        for line in self.metrics.iter().flat_map(|metrics| metrics.text.lines()) {
            if let Some((micros, count)) = bucket(line, &self.brand.label()) {
                *buckets.entry(micros).or_default() += count;
            }
        }
        let half = self.at_once().div_ceil(2);
        let bound = buckets.iter().find(|(_, count)| **count >= half).map(|(micros, _)| *micros);
        bound.map_or("-".into(), |micros| format!("{} ms", micros.div_ceil(1000)))
    }
}

/// A bucket's upper bound in microseconds and what is in it and below.
fn bucket(line: &str, label: &str) -> Option<(u64, u64)> {
    let rest = line.strip_prefix("vigie_signal_to_accepted_seconds_bucket{")?;
    let (labels, count) = rest.rsplit_once("} ")?;
    let bound: f64 = labels.split("le=\"").nth(1)?.split('"').next()?.parse().ok()?;
    let micros = std::time::Duration::try_from_secs_f64(bound).ok()?.as_micros();
    labels.contains(label).then_some((u64::try_from(micros).ok()?, count.parse().ok()?))
}
