mod days;
mod nights;
mod search;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().expect("a moment")
}

fn zone(name: &str) -> TimeZone {
    Zone::named(name).expect("a zone").clock().clone()
}

fn timetable(text: &str) -> Timetable {
    toml::from_str(&format!("zone = \"Europe/Paris\"\n{text}")).expect("a timetable")
}

/// Open every day from a time to a time.
fn daily(from: &str, to: &str) -> Timetable {
    timetable(&format!("open = [{{ days = \"mon-sun\", from = \"{from}\", to = \"{to}\" }}]"))
}

/// The sample's: weekdays 8 to 20, Saturdays 9 to 13, French holidays.
fn office() -> Timetable {
    timetable(
        "open = [{ days = \"mon-fri\", from = \"08:00\", to = \"20:00\" }, { days = \"sat\", from = \"09:00\", to = \
         \"13:00\" }]\nholidays = { country = \"FR\", dates = [\"2026-12-24\", \"12-31\"] }",
    )
}

/// Until when it is quiet; none if it is open.
fn until(hours: &Timetable, now: &str, name: &str) -> Option<Timestamp> {
    match hours.at(at(now), &zone(name)) {
        Verdict::Open => None,
        Verdict::Quiet { until, .. } => Some(until),
    }
}

#[track_caller]
fn quiet(hours: &Timetable, now: &str, name: &str, opening: &str) {
    assert_eq!(until(hours, now, name), Some(at(opening)), "at {now} in {name}");
}

#[track_caller]
fn open(hours: &Timetable, now: &str, name: &str) {
    assert_eq!(until(hours, now, name), None, "at {now} in {name}");
}

#[test]
fn the_recipients_clock_decides() {
    let hours = office();
    open(&hours, "2026-11-23T07:00:00Z", "Europe/Paris");
    quiet(&hours, "2026-11-23T06:59:59.999Z", "Europe/Paris", "2026-11-23T07:00:00Z");
    quiet(&hours, "2026-11-23T07:00:00Z", "America/New_York", "2026-11-23T13:00:00Z");
    open(&hours, "2026-11-23T18:59:59.999Z", "Europe/Paris");
    quiet(&hours, "2026-11-23T19:00:00Z", "Europe/Paris", "2026-11-24T07:00:00Z");
    quiet(&hours, "2026-11-28T12:00:00Z", "Europe/Paris", "2026-11-30T07:00:00Z");
}

#[test]
fn quiet_says_why() {
    let why = |now| match office().at(at(now), &zone("Europe/Paris")) {
        Verdict::Open => "open".to_owned(),
        Verdict::Quiet { why, .. } => why.to_string(),
    };
    assert_eq!(why("2026-11-23T02:00:00Z"), "outside the brand's hours");
    assert_eq!(why("2026-07-14T10:00:00Z"), "a holiday (Fête nationale)");
    assert_eq!(why("2026-12-24T10:00:00Z"), "a holiday of the brand");
    assert_eq!(why("2027-12-24T10:00:00Z"), "open");
    assert_eq!(why("2027-12-31T10:00:00Z"), "a holiday of the brand");
}

#[test]
fn closed_days_in_a_row_are_stepped_over() {
    // Thursday evening; Friday is Christmas, Saturday closed (no window in the afternoon), Sunday closed.
    quiet(&office(), "2026-12-23T19:00:00Z", "Europe/Paris", "2026-12-26T08:00:00Z");
    quiet(&office(), "2026-12-26T12:00:00Z", "Europe/Paris", "2026-12-28T07:00:00Z");
}

#[test]
fn windows_that_meet_at_midnight_are_one() {
    let hours = timetable(
        "open = [{ days = \"fri\", from = \"22:00\", to = \"24:00\" }, { days = \"sat\", from = \"00:00\", to = \"02:00\" }]",
    );
    open(&hours, "2026-11-27T22:59:59.999Z", "Europe/Paris");
    open(&hours, "2026-11-27T23:00:00Z", "Europe/Paris");
    quiet(&hours, "2026-11-28T01:00:00Z", "Europe/Paris", "2026-12-04T21:00:00Z");
    let turn = |deadline| hours.turn(at(deadline), 0.99, at("2026-11-27T23:01:00Z"), &zone("Europe/Paris"));
    assert_eq!(turn("2026-11-27T22:59:00Z"), None, "it was open then");
    assert_eq!(turn("2026-11-27T20:00:00Z"), None, "it opened an hour ago");
}

#[test]
fn turns_are_spread_after_the_opening_and_within_the_window() {
    let (hours, paris) = (office(), zone("Europe/Paris"));
    let turn = |deadline, share, now| hours.turn(at(deadline), share, at(now), &paris);
    let (night, opening) = ("2026-11-24T01:00:00Z", "2026-11-24T07:00:00Z");
    assert_eq!(turn(night, 0.5, opening), Some(at("2026-11-24T07:15:00Z")));
    assert_eq!(turn(night, 0.5, "2026-11-24T07:14:59Z"), Some(at("2026-11-24T07:15:00Z")));
    assert_eq!(turn(night, 0.5, "2026-11-24T07:15:00Z"), None, "it has come");
    assert_eq!(turn(night, 0.0, opening), None, "somebody is the first");
    assert_eq!(turn("2026-11-24T07:05:00Z", 0.5, "2026-11-24T07:06:00Z"), None, "it was open then");
    assert_eq!(turn(night, 0.5, "2026-11-24T06:00:00Z"), None, "it is quiet");
    let short = daily("08:00", "08:10");
    let turn = short.turn(at(night), 0.999, at(opening), &paris).expect("a turn");
    assert!(turn < at("2026-11-24T07:10:00Z"), "the window would have closed: {turn}");
}
