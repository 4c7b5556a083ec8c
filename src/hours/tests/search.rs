//! The next opening against a walk through all minutes.

use jiff::SignedDuration;
use jiff::civil::DateTime;
use proptest::prelude::*;

use super::*;

const ZONES: [&str; 12] = [
    "Europe/Paris",
    "Europe/London",
    "America/New_York",
    "America/Asuncion",
    "America/St_Johns",
    "Africa/Cairo",
    "Africa/Casablanca",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "Asia/Beirut",
    "Asia/Kathmandu",
    "UTC",
];

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// Days by bits from Monday on, first and last minute of the day.
type Plain = (u8, u32, u32);

/// The minutes of an hour in which windows begin and end.
const GRID: u32 = 15;

fn plain() -> impl Strategy<Value = Plain> {
    (1..128_u8, 0..96_u32, 1..=96_u32).prop_filter_map("it ends after it begins", |(days, from, length)| {
        let to = (from + length).min(96);
        (from < to).then_some((days, from * GRID, to * GRID))
    })
}

fn written(windows: &[Plain], holidays: bool) -> Timetable {
    const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let time = |minute: u32| format!("{:02}:{:02}", minute / 60, minute % 60);
    let window = |(days, from, to): &Plain| {
        let days: Vec<_> = (0..7).filter(|bit| days & 1 << bit != 0).map(|bit| NAMES[bit]).collect();
        let (days, from, to) = (days.join(","), time(*from), time(*to));
        format!("{{ days = \"{days}\", from = \"{from}\", to = \"{to}\" }}")
    };
    let open: Vec<_> = windows.iter().map(window).collect();
    let holidays = if holidays { "holidays = { country = \"FR\" }" } else { "" };
    timetable(&format!("open = [{}]\n{holidays}", open.join(", ")))
}

/// Whether a clock that shows this says open; the long way.
fn plainly_open(windows: &[Plain], holidays: bool, shown: DateTime) -> bool {
    let minute = u32::try_from(i32::from(shown.hour()) * 60 + i32::from(shown.minute())).expect("positive");
    let day = 1 << (shown.weekday().to_monday_one_offset() - 1);
    let closed = holidays && office().holidays.country.expect("it has one").on(shown.date()).is_some();
    !closed && windows.iter().any(|(days, from, to)| days & day != 0 && (*from..*to).contains(&minute))
}

/// Near a change of the clock, if the zone has any, at a full minute.
fn near_a_change(zone: &TimeZone, start: Timestamp, minutes: i64) -> Timestamp {
    let change = zone.following(start).next().map_or(start, |change| change.timestamp());
    let minute = Timestamp::from_second(change.as_second() / 60 * 60).expect("a moment");
    minute + SignedDuration::from_mins(minutes)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn what_comes_next_is_the_first_open_minute(
        zone_at in 0..ZONES.len(),
        start in 1_420_070_400_i64..2_200_000_000,
        near in any::<bool>(),
        minutes in -1500_i64..1500,
        windows in prop::collection::vec(plain(), 1..4),
        holidays in any::<bool>(),
    ) {
        let zone = zone(ZONES[zone_at]);
        let start = Timestamp::from_second(start / 60 * 60).expect("a moment");
        let now = if near { near_a_change(&zone, start, minutes) } else { start };
        let hours = written(&windows, holidays);
        let open = |at: Timestamp| plainly_open(&windows, holidays, zone.to_datetime(at));
        match hours.at(now, &zone) {
            Verdict::Open => prop_assert!(open(now), "{now} in {}", ZONES[zone_at]),
            Verdict::Quiet { until, .. } => {
                let mut first = now;
                while !open(first) {
                    first += MINUTE;
                }
                prop_assert_eq!(until, first, "at {} in {}", now, ZONES[zone_at]);
                prop_assert_eq!(hours.at(until, &zone), Verdict::Open);
            }
        }
    }

    #[test]
    fn a_turn_is_open_and_within_the_spread(
        zone_at in 0..ZONES.len(),
        start in 1_420_070_400_i64..2_200_000_000,
        minutes in -1500_i64..1500,
        window in plain(),
        share in 0.0..1.0_f64,
    ) {
        let zone = zone(ZONES[zone_at]);
        let start = Timestamp::from_second(start / 60 * 60).expect("a moment");
        let hours = written(&[window], false);
        let now = near_a_change(&zone, start, minutes);
        let Verdict::Quiet { until: opening, .. } = hours.at(now, &zone) else { return Ok(()) };
        if let Some(turn) = hours.turn(now, share, opening, &zone) {
            let waits = turn.duration_since(opening);
            prop_assert!(waits > SignedDuration::ZERO && waits < SignedDuration::from_mins(30), "{waits}");
            prop_assert_eq!(hours.turn(now, share, turn, &zone), None, "then it goes");
        } else {
            prop_assert!(share < 0.000_001, "the first only");
        }
    }
}
