//! Time as the store keeps it: whole milliseconds since 1970 in eight bytes.

use std::time::Duration;

use jiff::Timestamp;

/// Milliseconds since 1970.
pub(in crate::store) type Millis = i64;

/// A moment nothing comes before; for a due moment: at once.
pub(in crate::store) const EVER: Millis = Millis::MIN;
/// A moment that never comes; for a deadline or a timer: none.
pub(in crate::store) const NEVER: Millis = Millis::MAX;

/// The first whole millisecond that is not before `at`, so that nothing happens early.
pub(in crate::store) fn millis(at: Timestamp) -> Millis {
    let whole = at.as_millisecond();
    whole + Millis::from(at.as_nanosecond() > i128::from(whole) * 1_000_000)
}

/// The moment as the rest of the gateway writes it.
pub(in crate::store) fn timestamp(at: Millis) -> Timestamp {
    Timestamp::from_millisecond(at).unwrap_or(if at < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// A span in milliseconds.
pub(in crate::store) fn span(duration: Duration) -> Millis {
    Millis::try_from(duration.as_millis()).unwrap_or(NEVER)
}
