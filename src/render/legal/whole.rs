//! How often values stand in a text as values of their own.
//!
//! A short value is met by accident everywhere: a "0" is in "10,50 €", in a year and in the address of a link. So a number
//! counts only where no other digit goes on with it, and a value of a few letters only as a word, outside of addresses.

use std::ops::Range;

/// Values with fewer letters and digits are looked for as words.
const SHORT: usize = 4;

/// How many places of a [normal](super::visible::normal) text show one of these values, normal as well. Places that overlap
/// are one.
pub(super) fn places<'a>(seen: &str, values: impl Iterator<Item = &'a str>) -> usize {
    let mut found: Vec<Range<usize>> = values.flat_map(|value| whole(seen, value)).collect();
    found.sort_unstable_by_key(|place| (place.start, place.end));
    let mut end = 0;
    let mut new = |place: &Range<usize>| {
        let apart = place.start >= end;
        end = end.max(place.end);
        apart
    };
    found.iter().filter(|place| new(place)).count()
}

/// Where a value stands alone.
fn whole(seen: &str, value: &str) -> Vec<Range<usize>> {
    if value.is_empty() {
        return Vec::new();
    }
    let short = value.chars().filter(|c| c.is_alphanumeric()).count() < SHORT;
    let places = seen.match_indices(value).map(|(start, _)| start..start + value.len());
    let alone = |place: &Range<usize>| {
        let (before, behind) = (&seen[..place.start], &seen[place.end..]);
        let mut earlier = before.chars().rev();
        let mut later = behind.chars();
        let goes_on = joins(value.chars().next(), earlier.next(), earlier.next(), short)
            || joins(value.chars().next_back(), later.next(), later.next(), short);
        !(goes_on || short && is_in_address(before, behind))
    };
    places.filter(alone).collect()
}

/// Whether what is `next` to a value, and what comes `after` that, goes on with the value, which has `edge` there.
fn joins(edge: Option<char>, next: Option<char>, after: Option<char>, short: bool) -> bool {
    let is = |c: Option<char>, what: fn(char) -> bool| c.is_some_and(what);
    // Scripts that write no spaces have no lower case either.
    let in_word = |c: Option<char>| is(c, char::is_lowercase) || is(c, char::is_numeric);
    let digit = is(edge, char::is_numeric);
    let point = matches!(next, Some('.' | ','));
    (digit && (is(next, char::is_numeric) || point && is(after, char::is_numeric)))
        || (short && in_word(edge) && in_word(next))
}

/// Whether the word around a place is the address of a link.
fn is_in_address(before: &str, behind: &str) -> bool {
    let word = before.rsplit(' ').next().unwrap_or_default();
    word.contains("://") || word.is_empty() && behind.starts_with("://")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(seen: &str, value: &str) -> usize {
        places(seen, std::iter::once(value))
    }

    #[test]
    fn a_number_is_no_part_of_another() {
        for elsewhere in ["10,50 €", "in 2026", "0,50", "1.0", "r0", "https://a.example/0?a=0&b"] {
            assert_eq!(count(elsewhere, "0"), 0, "{elsewhere}");
        }
        for shown in ["interest: 0 €.", "€0.", "(0)", "0", "0, 10", "costs 0."] {
            assert_eq!(count(shown, "0"), 1, "{shown}");
        }
        assert_eq!(count("1120,50 € and 1,120.50", "120,50 €"), 0);
        assert_eq!(count("of 120,50 €, then 120,50 €.", "120,50 €"), 2);
        assert_eq!(count("11 march 2026", "1 march 2026"), 0);
    }

    #[test]
    fn a_short_value_is_a_word_and_a_long_one_may_be_glued() {
        assert_eq!((count("tagged", "ag"), count("exemple ag, lyon", "ag")), (0, 1));
        assert_eq!((count("ref.l-7", "l-7"), count("by acmes", "acme")), (1, 1));
        assert_eq!(count("尊敬的王五先生", "王五"), 1, "no script without spaces is refused");
        assert_eq!(count("https://pay.example/?case=a&sig=x", "https://pay.example/?case=a&sig=x"), 1);
    }

    #[test]
    fn places_that_overlap_are_one() {
        assert_eq!(places("¥0 ¥0", ["¥0", "0"].into_iter()), 2);
        assert_eq!(places("0 €", ["0,00 €", "0"].into_iter()), 1);
        assert_eq!(places("nothing", std::iter::empty()), 0);
    }
}
