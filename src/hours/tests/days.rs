//! Holidays, and what is not one.

use std::collections::BTreeSet;

use jiff::ToSpan;
use jiff::civil::{Date, Weekday, date};

use super::super::{Country, easter};
use super::*;

/// What somebody else's program has.
const THEIRS: &str = include_str!("holidays.txt");

fn country(code: &str) -> Country {
    code.to_owned().try_into().expect("a country")
}

fn year(code: &str, year: i16) -> BTreeSet<Date> {
    let (country, first) = (country(code), date(year, 1, 1));
    let days = first.series(1.day()).take_while(|day| day.year() == year);
    days.filter(|day| country.on(*day).is_some()).collect()
}

#[test]
fn holidays_are_those_that_others_know() {
    for line in THEIRS.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split(' ');
        let (code, number) = (words.next().expect("a country"), words.next().expect("a year"));
        let theirs: BTreeSet<Date> =
            words.map(|day| format!("{number}-{day}").parse().expect("a day")).collect();
        let mut ours = year(code, number.parse().expect("a year"));
        ours.retain(|day| day.weekday() != Weekday::Sunday);
        if code == "NL" {
            // No day off for everybody but every five years; theirs knows it only then.
            ours.retain(|day| theirs.contains(day) || (day.month(), day.day()) != (5, 5));
        }
        assert_eq!(ours, theirs, "{line}");
    }
}

/// As <https://www.gov.uk/bank-holidays> has them.
#[test]
fn england_has_days_in_lieu() {
    let expected =
        |days: &[(i8, i8)], year| days.iter().map(|(month, day)| date(year, *month, *day)).collect();
    let of = |number| -> BTreeSet<Date> {
        let mut days = year("GB-ENG", number);
        days.retain(|day| !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday));
        days
    };
    let days = [(1, 1), (4, 3), (4, 6), (5, 4), (5, 25), (8, 31), (12, 25), (12, 28)];
    assert_eq!(of(2026), expected(&days, 2026));
    let days = [(1, 1), (3, 26), (3, 29), (5, 3), (5, 31), (8, 30), (12, 27), (12, 28)];
    assert_eq!(of(2027), expected(&days, 2027));
    let days = [(1, 3), (4, 14), (4, 17), (5, 1), (5, 29), (8, 28), (12, 25), (12, 26)];
    assert_eq!(of(2028), expected(&days, 2028));
}

#[test]
fn easter_is_when_the_church_says() {
    for (year, month, day) in [
        (1818, 3, 22),
        (1943, 4, 25),
        (1954, 4, 18),
        (1981, 4, 19),
        (2000, 4, 23),
        (2024, 3, 31),
        (2025, 4, 20),
        (2026, 4, 5),
        (2027, 3, 28),
        (2038, 4, 25),
        (2049, 4, 18),
        (2076, 4, 19),
        (2285, 3, 22),
    ] {
        assert_eq!(easter::sunday(year), Some(date(year, month, day)));
    }
}

#[test]
fn easter_monday_is_quiet_until_tuesday() {
    quiet(&office(), "2026-04-06T10:00:00Z", "Europe/Paris", "2026-04-07T06:00:00Z");
    quiet(&office(), "2027-03-29T10:00:00Z", "Europe/Paris", "2027-03-30T06:00:00Z");
    open(&office(), "2027-04-05T10:00:00Z", "Europe/Paris");
}

#[test]
fn a_holiday_is_the_recipients_day() {
    // 2 a.m. on the 15th in Paris; still the 14th in Guadeloupe.
    let hours = timetable(
        "open = [{ days = \"mon-sun\", from = \"00:00\", to = \"24:00\" }]\nholidays = { country = \"FR\" }",
    );
    let now = "2026-07-15T00:00:00Z";
    open(&hours, now, "Europe/Paris");
    quiet(&hours, now, "America/Guadeloupe", "2026-07-15T04:00:00Z");
}

#[test]
fn an_opening_comes_whatever_is_closed() {
    let mondays = date(2026, 11, 23).series(7.days()).take(Timetable::MOST_DATES);
    let dates: Vec<_> = mondays.map(|day| format!("\"{day}\"")).collect();
    let hours = timetable(&format!(
        "open = [{{ days = \"mon\", from = \"08:00\", to = \"20:00\" }}]\nholidays = {{ country = \"GB-ENG\", dates = [{}] }}",
        dates.join(", ")
    ));
    quiet(&hours, "2026-11-23T10:00:00Z", "Europe/Paris", "2028-10-23T06:00:00Z");
}

#[test]
fn what_cannot_be_is_refused_with_what_can() {
    let refused = |text: &str| {
        let text = format!("zone = \"Europe/Paris\"\n{text}");
        toml::from_str::<Timetable>(&text).expect_err("refused").message().to_owned()
    };
    let window =
        |days, from| refused(&format!("open = [{{ days = \"{days}\", from = \"{from}\", to = \"24:00\" }}]"));
    for days in ["mon-fry", "", "mon-", "-", "mon,,tue", "weekdays"] {
        assert!(window(days, "08:00").starts_with("days such as \"mon-fri\""), "{days:?}");
    }
    for from in ["8", "25:00", "08:60", "8 am", "24:01", "", "08:00+01:00", "T08:00"] {
        assert!(window("mon", from).starts_with("a time such as"), "{from:?}");
    }
    for day in ["24-12", "2026-12", "12-32", "02-30", "", "2026-02-29", "20261224"] {
        let said = refused(&format!("open = []\nholidays = {{ dates = [\"{day}\"] }}"));
        assert!(said.starts_with("a day such as"), "{day:?}: {said}");
    }
    let said = refused("open = []\nholidays = { country = \"fr\" }");
    assert!(said.starts_with("one of BE, CH, DE, ES, FR, GB-ENG, IT, LU, NL;"), "{said}");
    for zone in ["Paris", "", "+01:00", "Etc/Unknown", "CEST5"] {
        assert!(Zone::named(zone).is_err(), "{zone:?}");
    }
    assert_eq!(Zone::named("europe/paris").expect("a zone").name(), "Europe/Paris");
}

#[test]
fn days_are_lists_and_ranges() {
    let on = |text: &str| {
        let days = Days::try_from(text.to_owned()).expect("days");
        let week = date(2026, 11, 23).series(1.day()).take(7);
        week.map(|day| if days.has(day.weekday()) { 'x' } else { '.' }).collect::<String>()
    };
    assert_eq!(on("mon-fri"), "xxxxx..");
    assert_eq!(on("Sat"), ".....x.");
    assert_eq!(on("mon, wed,fri-sun"), "x.x.xxx");
    assert_eq!(on("sat-mon"), "x....xx");
    assert_eq!(on("mon-sun"), "xxxxxxx");
}
