//! How often one person is written to.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Name;
use crate::clock::after;

/// At most so many mails to one person within a span, wherever the span begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// How many, at least one.
    pub at_most: u32,
    /// Within how long.
    pub within: Duration,
}

/// The budgets of every person: what all brands together may send them, and each brand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Budgets {
    /// All brands together.
    pub together: Vec<Budget>,
    /// One brand alone.
    pub brands: BTreeMap<Name, Vec<Budget>>,
}

impl Budgets {
    /// Those of this brand alone.
    pub fn of(&self, brand: &Name) -> &[Budget] {
        self.brands.get(brand).map(Vec::as_slice).unwrap_or_default()
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Budget> {
        self.together.iter().chain(self.brands.values().flatten())
    }
}

/// A mail that a person got, or may have got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// When.
    pub at: Timestamp,
    /// Whose; not known of mails sent before brands were remembered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brand: Option<Name>,
}

impl Budget {
    /// How many of these mails count at `now`; the oldest first.
    pub fn used<'a>(&self, mails: impl Iterator<Item = &'a Contact>, now: Timestamp) -> usize {
        mails.filter(|mail| now < after(mail.at, self.within)).count()
    }

    /// When a mail more than these fits, if they have used it up at any time; the oldest first.
    fn frees_at<'a>(&self, mails: impl DoubleEndedIterator<Item = &'a Contact>) -> Option<Timestamp> {
        let nth = mails.rev().nth(self.at_most.saturating_sub(1) as usize)?;
        Some(after(nth.at, self.within))
    }
}

impl Budgets {
    /// When the budgets of all brands together have, or had, room for a mail to somebody who got these; none if they
    /// always had.
    pub fn together_free_at(&self, contacts: &[Contact]) -> Option<Timestamp> {
        self.together.iter().filter_map(|budget| budget.frees_at(contacts.iter())).max()
    }

    /// The same for a mail of this brand: its own budgets and those of all together.
    pub fn free_at(&self, contacts: &[Contact], brand: &Name) -> Option<Timestamp> {
        let its = || contacts.iter().filter(|mail| mail.brand.as_ref() == Some(brand));
        let own = self.of(brand).iter().filter_map(|budget| budget.frees_at(its())).max();
        own.max(self.together_free_at(contacts))
    }
}
