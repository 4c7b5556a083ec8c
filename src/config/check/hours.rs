//! When a brand may write: what no single key of `[hours]` can know.

use super::{Problem, refuse_if};
use crate::config::Brand;
use crate::hours::Timetable;

/// A timetable that is open on one day of each week, whatever that day's holidays: so there always is a next opening.
pub(super) fn of_brand(at: &str, brand: &Brand, problems: &mut Vec<Problem>) {
    let Some(hours) = &brand.hours else { return };
    refuse_if(hours.open.is_empty(), problems, || {
        format!(
            "`{at}hours.open` is empty: the brand could never write; list windows such as {{ days = \"mon-fri\", \
             from = \"08:00\", to = \"20:00\" }}, or leave `hours` out"
        )
    });
    for (number, window) in hours.open.iter().enumerate() {
        refuse_if(window.to <= window.from, problems, || {
            format!(
                "`{at}hours.open.{number}` ends before it begins: a window stays inside its day; for hours past midnight \
                 give two, one until \"24:00\" and one from \"00:00\" of the day after"
            )
        });
    }
    let (dates, most) = (hours.holidays.dates.len(), Timetable::MOST_DATES);
    refuse_if(dates > most, problems, || {
        format!(
            "`{at}hours.holidays.dates` has {dates} days, {most} are the most: drop those that have passed"
        )
    });
}
