//! What is kept of a person, a mail, an address and a domain.

use std::time::Duration;

use super::Moment;
use super::last::Last;

/// A mail shown in so many networks within [`SHARED_WITHIN`] was passed on.
pub(super) const SHARED_BY: usize = 3;

/// See [`SHARED_BY`].
pub(super) const SHARED_WITHIN: Duration = Duration::from_hours(24);

/// Mails to a domain before it is said to be under a scanner.
pub(super) const ENOUGH_MAILS: u32 = 20;

/// Mails to a domain after which the counts are halved, so that old days are forgotten.
pub(super) const MANY_MAILS: u32 = 1000;

/// A person.
#[derive(Debug, Default)]
pub(super) struct Person {
    /// Networks they were seen in, the newest first; zero is none.
    pub(super) networks: [u32; 4],
    pub(super) at_work: Moment,
    pub(super) opened: bool,
    pub(super) domain: u64,
}

/// A mail.
#[derive(Debug, Default)]
pub(super) struct Mail {
    pub(super) condemned: Moment,
    /// It was opened sooner than people do.
    pub(super) early: bool,
    /// The links that were followed last.
    pub(super) links: Last<u64, 8>,
    /// The networks it was shown in last.
    pub(super) networks: Last<u32, SHARED_BY>,
}

/// An address.
#[derive(Debug, Default)]
pub(super) struct Address {
    pub(super) condemned: Moment,
    /// The people who were seen from it last.
    pub(super) people: Last<[u8; 16], 8>,
}

/// A domain.
#[derive(Debug, Default)]
pub(super) struct Domain {
    pub(super) mails: u32,
    pub(super) opened_early: u32,
}
