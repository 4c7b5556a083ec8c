//! What the brands' systems drop into the watched folders, and what is reported of it.

use std::fmt::Write as _;
use std::fs;

use jiff::{SignedDuration, Timestamp, tz};
use serde_json::Value;
use vigie::clock::Clock;

use super::cast::{Brand, Case, Person, Role};
use super::town::Town;
use crate::support::wait::{SOON, wait_until};

/// The header lines.
const HEADERS: [&str; 2] = [
    "Dossier;Courriel;Débiteur;Montant dû;Échéance;Référence;Du;Limite\n",
    "case,email,name,amount,due,zone,deadline\n",
];

/// What became of a feed's lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sums {
    pub lines: u64,
    pub accepted: u64,
    pub same: u64,
    pub refused: u64,
}

/// The feed of some people's cases at a brand, whose time ends then.
pub fn feed(town: &Town, brand: Brand, people: &[&Person], deadline: Timestamp) -> String {
    let mut text = HEADERS[brand as usize].to_owned();
    for person in people {
        for case in person.cases.iter().filter(|case| case.brand == brand) {
            text += &line(town, person, case, deadline);
        }
    }
    text
}

/// When cases end that have time.
pub fn next_month() -> Timestamp {
    Clock::system().now() + SignedDuration::from_hours(30 * 24)
}

fn line(town: &Town, Person { role, email, .. }: &Person, case: &Case, deadline: Timestamp) -> String {
    let (name, euros, cents) = (&case.name, case.cents / 100, case.cents % 100);
    match case.brand {
        Brand::Azur => {
            let paris = deadline.to_zoned(tz::TimeZone::get("Europe/Paris").expect("it exists"));
            let until = paris.strftime("%d/%m/%Y %H:%M:%S");
            format!(
                "{name};{email};Éloïse Façade;{euros},{cents:02} €;01/03/2026;LR-{name};02/02/2026;{until}\n"
            )
        }
        Brand::Boreal => {
            let zone = if *role == Role::Asleep { town.night } else { "" };
            format!("{name},{email},\"Doe, Jane\",{euros}.{cents:02},2026-03-01,{zone},{deadline}\n")
        }
    }
}

/// Adds lines that nobody can read: without an address, and torn where the night's transfer broke off.
pub fn spoil(brand: Brand, feed: &mut String) {
    match brand {
        Brand::Azur => {
            feed.push_str("AZ-9;canary at nowhere;X;1,00 €;01/03/2026;LR-9;02/02/2026;\nAZ-99;canary-9@exa");
        }
        Brand::Boreal => writeln!(feed, "BO-9,,Nobody,12.00,2026-03-01,,").expect("text takes text"),
    }
}

/// Drops a feed into the brand's folder, as its system writes it; what was reported of it.
pub async fn drop_feed(town: &Town, brand: Brand, name: &str, text: &str) -> Sums {
    let bytes = match brand {
        Brand::Azur => encoding_rs::WINDOWS_1252.encode(text).0.into_owned(),
        Brand::Boreal => text.as_bytes().to_vec(),
    };
    let folder = town.feeds(brand);
    let draft = folder.join(format!("{name}.part"));
    fs::write(&draft, bytes).expect("the gateways made the folder");
    fs::rename(draft, folder.join(format!("{name}.csv"))).expect("on the same disk");
    let sheet = folder.join(format!("processed/{name}.csv.report.json"));
    let what = format!("the feed {name} of {} is imported", brand.name());
    let sheet = wait_until(&what, SOON * 2, async || fs::read_to_string(&sheet).ok()).await;
    let sheet: Value = serde_json::from_str(&sheet).expect("it is put there whole");
    let sum = |name: &str| sheet["report"][name].as_u64().expect("a number");
    Sums { lines: sum("lines"), accepted: sum("accepted"), same: sum("same"), refused: sum("rejected") }
}
