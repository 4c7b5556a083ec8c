//! 02:00. The brands' systems drop their files.

use super::Day;
use super::cast::Brand;
use super::feeds::{Sums, drop_feed, feed, next_month, spoil};
use super::refs;

pub async fn passes(day: &mut Day) {
    let (people, until) = (refs(&day.people), next_month());
    for brand in Brand::BOTH {
        let sound = feed(&day.town, brand, &people, until);
        let cases = sound.lines().count() as u64 - 1;
        let mut spoilt = sound.clone();
        spoil(brand, &mut spoilt);
        let refused = spoilt.lines().count() as u64 - 1 - cases;
        let sums = drop_feed(&day.town, brand, "night", &spoilt).await;
        assert_eq!(sums, Sums { lines: cases + refused, accepted: cases, same: 0, refused });
        let again = drop_feed(&day.town, brand, "night-again", &sound).await;
        assert_eq!(again, Sums { lines: cases, accepted: 0, same: cases, refused: 0 }, "nothing changes");
        assert_eq!((day.town.sends(brand, "waiting"), day.town.cases(brand, "open")), (cases, cases));
        day.fed.push(sums);
    }
    day.town.books_balance();
}
