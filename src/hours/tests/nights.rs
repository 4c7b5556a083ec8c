//! Nights in which clocks are changed.

use super::*;

#[test]
fn an_hour_that_is_left_out_opens_nothing() {
    // Paris, 29 March 2026: 02:00 becomes 03:00 at 01:00Z.
    let hours = daily("02:30", "04:00");
    quiet(&hours, "2026-03-29T00:59:59.999Z", "Europe/Paris", "2026-03-29T01:00:00Z");
    open(&hours, "2026-03-29T01:00:00Z", "Europe/Paris");
    let gone = daily("02:15", "02:45");
    quiet(&gone, "2026-03-29T00:30:00Z", "Europe/Paris", "2026-03-30T00:15:00Z");
    quiet(&daily("08:00", "20:00"), "2026-03-28T20:00:00Z", "Europe/Paris", "2026-03-29T06:00:00Z");
}

#[test]
fn an_hour_that_comes_twice_is_open_twice() {
    // Paris, 25 October 2026: 03:00 becomes 02:00 at 01:00Z.
    let hours = daily("02:30", "04:00");
    quiet(&hours, "2026-10-25T00:29:00Z", "Europe/Paris", "2026-10-25T00:30:00Z");
    open(&hours, "2026-10-25T00:59:59.999Z", "Europe/Paris");
    quiet(&hours, "2026-10-25T01:00:00Z", "Europe/Paris", "2026-10-25T01:30:00Z");
    let early = daily("01:00", "02:45");
    quiet(&early, "2026-10-25T00:50:00Z", "Europe/Paris", "2026-10-25T01:00:00Z");
    quiet(&daily("08:00", "20:00"), "2026-10-24T19:00:00Z", "Europe/Paris", "2026-10-25T07:00:00Z");
    let turn = early.turn(at("2026-10-25T00:50:00Z"), 0.5, at("2026-10-25T01:05:00Z"), &zone("Europe/Paris"));
    assert_eq!(turn, Some(at("2026-10-25T01:15:00Z")), "it opened again at the change");
}

#[test]
fn a_day_without_midnight_begins_at_one() {
    // Cairo, 24 April 2026: 00:00 becomes 01:00 at 22:00Z of the 23rd.
    let hours = timetable("open = [{ days = \"fri\", from = \"00:00\", to = \"02:00\" }]");
    quiet(&hours, "2026-04-23T20:00:00Z", "Africa/Cairo", "2026-04-23T22:00:00Z");
    quiet(&hours, "2026-04-23T23:00:00Z", "Africa/Cairo", "2026-04-30T21:00:00Z");
    // Asunción, 6 October 2024: 00:00 becomes 01:00 at 04:00Z.
    let sunday = timetable("open = [{ days = \"sun\", from = \"00:00\", to = \"24:00\" }]");
    quiet(&sunday, "2024-10-06T03:59:00Z", "America/Asuncion", "2024-10-06T04:00:00Z");
}

#[test]
fn a_day_may_come_back_after_the_next_has_begun() {
    // Cairo, 30 October 2026: 00:00 becomes 23:00 of the 29th at 21:00Z.
    let thursday = timetable("open = [{ days = \"thu\", from = \"22:00\", to = \"24:00\" }]");
    open(&thursday, "2026-10-29T20:59:59.999Z", "Africa/Cairo");
    open(&thursday, "2026-10-29T21:30:00Z", "Africa/Cairo");
    quiet(&thursday, "2026-10-29T22:00:00Z", "Africa/Cairo", "2026-11-05T20:00:00Z");
    // Asunción, 24 March 2024: 00:00 becomes 23:00 of the 23rd at 03:00Z.
    let saturday = timetable("open = [{ days = \"sat\", from = \"23:15\", to = \"23:45\" }]");
    quiet(&saturday, "2024-03-24T02:50:00Z", "America/Asuncion", "2024-03-24T03:15:00Z");
}

#[test]
fn half_an_hour_is_enough() {
    // Lord Howe, 4 October 2026: 02:00 becomes 02:30 at 15:30Z of the 3rd; 5 April 2026: 02:00 becomes 01:30 at 15:00Z.
    let hours = daily("02:15", "03:00");
    quiet(&hours, "2026-10-03T15:00:00Z", "Australia/Lord_Howe", "2026-10-03T15:30:00Z");
    let twice = daily("01:45", "02:00");
    quiet(&twice, "2026-04-04T14:00:00Z", "Australia/Lord_Howe", "2026-04-04T14:45:00Z");
    quiet(&twice, "2026-04-04T15:00:00Z", "Australia/Lord_Howe", "2026-04-04T15:15:00Z");
}

#[test]
fn a_whole_day_may_be_left_out() {
    // Apia had no 30 December 2011.
    let friday = timetable("open = [{ days = \"fri\", from = \"08:00\", to = \"20:00\" }]");
    quiet(&friday, "2011-12-30T00:00:00Z", "Pacific/Apia", "2012-01-05T18:00:00Z");
}
