//! The next opening, and the last: found by looking at the moments at which quiet can turn to open.
//!
//! Those are the beginnings of windows, and the instants at which clocks are changed. A beginning that is left out by a
//! change has no instant of its own, since the change is the first at which a clock stands behind it; one that comes twice
//! has two. A change at midnight can bring the end of a day back after the beginning of the next, so neighbouring days
//! are always looked at.

use jiff::civil::Date;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use super::Timetable;
use super::window::Window;

/// An opening comes within so many days: a timetable is open on one day of each week, but for the 15 or so holidays of a
/// year and [`MOST_DATES`](Timetable::MOST_DATES) of the brand's own, and should all of these fall on that day, that makes
/// 145 weeks.
pub(super) const HORIZON: usize = 1100;

/// The least that clocks here tell apart.
const TICK: SignedDuration = SignedDuration::from_millis(1);

impl Timetable {
    /// The first instant from `now` on that is open; the end of time if no day before the [`HORIZON`] is.
    pub(super) fn next(&self, now: Timestamp, zone: &TimeZone) -> Timestamp {
        let today = zone.to_datetime(now).date();
        let (mut day, mut first, mut more) = (today.yesterday().unwrap_or(today), Timestamp::MAX, HORIZON);
        while more > 0 {
            let openings = self.openings(day, zone).map(|(opening, _)| opening);
            first = openings.filter(|opening| *opening >= now).fold(first, Timestamp::min);
            // One more day than the first that is open.
            more = if first < Timestamp::MAX { more.min(2) - 1 } else { more - 1 };
            let Ok(next) = day.tomorrow() else { break };
            day = next;
        }
        let last = day.to_zoned(zone.clone()).map_or(now, |day| day.timestamp());
        let changes = zone.following(now).map(|change| change.timestamp());
        let mut changes = changes.take_while(|change| *change < first.min(last));
        changes.find(|change| self.is_open(*change, zone)).unwrap_or(first)
    }

    /// Since when it is open, if it is and was quiet before, and the window that began then.
    pub(super) fn opened<'a>(
        &'a self,
        now: Timestamp,
        zone: &'a TimeZone,
    ) -> Option<(Timestamp, &'a Window)> {
        let shown = zone.to_datetime(now);
        let window = self.window(shown).filter(|_| self.is_open(now, zone))?;
        // A change is before `now` if it is at `now`.
        let just_after = now.checked_add(TICK).unwrap_or(now);
        let change = zone.preceding(just_after).next().map(|change| (change.timestamp(), window));
        let today = [shown.date(), shown.date().yesterday().unwrap_or(shown.date())];
        let starts = today.into_iter().flat_map(|day| self.openings(day, zone)).chain(change);
        let was_quiet = |at: Timestamp| at.checked_sub(TICK).is_ok_and(|before| !self.is_open(before, zone));
        let starts = starts.filter(|(start, _)| *start <= now && was_quiet(*start));
        starts.max_by_key(|(start, _)| *start)
    }

    /// The instants at which a clock shows the beginning of one of this day's windows.
    fn openings<'a>(
        &'a self,
        day: Date,
        zone: &'a TimeZone,
    ) -> impl Iterator<Item = (Timestamp, &'a Window)> {
        let open = self.open.iter().filter(move |window| window.days.has(day.weekday()));
        let mut open = open.peekable();
        let closed = open.peek().is_some() && self.holidays.on(day).is_some();
        open.filter(move |_| !closed).flat_map(move |window| {
            let shown = window.from.time().map(|time| day.to_datetime(time));
            let both = shown.map_or([None; 2], |shown| match zone.to_ambiguous_timestamp(shown).offset() {
                AmbiguousOffset::Unambiguous { offset } => [Some((offset, shown)), None],
                AmbiguousOffset::Gap { .. } => [None; 2],
                AmbiguousOffset::Fold { before, after } => [Some((before, shown)), Some((after, shown))],
            });
            let instants = both.into_iter().flatten();
            instants.filter_map(move |(offset, shown)| Some((offset.to_timestamp(shown).ok()?, window)))
        })
    }
}
