//! How mailboxes are watched without their servers taking offence.

use std::time::Duration;

use super::{Problem, refuse_if};
use crate::config::Config;

/// A mail server may end an `IDLE` after half an hour (RFC 2177, section 3).
const LONGEST_RENEWAL: Duration = Duration::from_mins(29);

/// Refused logins that come more often lock accounts.
const SHORTEST_REFUSAL: Duration = Duration::from_mins(1);

/// All of `[watch]`.
pub(super) fn all(config: &Config, problems: &mut Vec<Problem>) {
    let watch = &config.watch;
    refuse_if(watch.renew > LONGEST_RENEWAL, problems, || {
        format!(
            "`watch.renew` ({:?}) must not be longer than {LONGEST_RENEWAL:?}: mail servers end what is silent longer",
            watch.renew
        )
    });
    refuse_if(watch.refused < SHORTEST_REFUSAL, problems, || {
        format!(
            "`watch.refused` ({:?}) must be at least {SHORTEST_REFUSAL:?}: mail servers lock accounts that are tried often",
            watch.refused
        )
    });
    refuse_if(watch.ports.is_empty() || watch.ports.contains(&0), problems, || {
        "`watch.ports` must name at least one port, and none of them 0".to_owned()
    });
}
