//! Live sends by day: when they were accepted, and when their deadlines come.

use std::collections::BTreeMap;

use crate::model::Name;
use crate::store::Open;
use crate::store::days::{Day, Days, day, deadline_on};

use super::{Entry, Millis};

/// The days of each brand that has live sends.
#[derive(Debug, Default)]
pub(super) struct Calendar(BTreeMap<Name, Days>);

impl Calendar {
    /// A send of this brand is alive.
    pub(super) fn enter(&mut self, brand: &Name, entry: &Entry) {
        if !self.0.contains_key(brand) {
            self.0.insert(brand.clone(), Days::default());
        }
        let (accepted, deadline) = days(entry);
        self.0.get_mut(brand).expect("it was put there").count(accepted, deadline);
    }

    /// It has ended.
    pub(super) fn leave(&mut self, brand: &Name, entry: &Entry) {
        let Some(days_of_brand) = self.0.get_mut(brand) else { return };
        let (accepted, deadline) = days(entry);
        days_of_brand.uncount(accepted, deadline);
        if days_of_brand.is_empty() {
            self.0.remove(brand);
        }
    }

    /// As operators see it now.
    pub(super) fn on(&self, now: Millis) -> BTreeMap<Name, Open> {
        self.0.iter().map(|(brand, days)| (brand.clone(), days.on(day(now)))).collect()
    }
}

fn days(entry: &Entry) -> (Day, Day) {
    (entry.accepted_on, deadline_on(entry.deadline, entry.accepted_on))
}
