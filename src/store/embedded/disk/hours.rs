//! In which hours of the week a person is seen.

use crate::model::{Hours, RecipientId};
use crate::store::StoreError;

use super::super::time::{Millis, timestamp};
use super::{Disk, Kind, Step, damage, key};

impl Disk {
    /// In which hours a person was seen.
    pub(in crate::store::embedded) fn hours(&self, who: RecipientId) -> Result<Option<Hours>, StoreError> {
        let record = self.records.get(key(Kind::Hours, &[&who.0]));
        let record = record.map_err(|error| damage::reading(&self.directory, &error))?;
        Ok(record.and_then(|record| Hours::read(&record)))
    }
}

impl Step<'_> {
    /// One more hour in which a person was seen. Steps are written one after the other, so nothing comes between.
    pub(super) fn hour(&mut self, who: RecipientId, at: Millis) {
        let mut hours = self.disk.hours(who).ok().flatten().unwrap_or(Hours::EMPTY);
        if hours.seen(timestamp(at)) {
            self.batch.insert(&self.disk.records, key(Kind::Hours, &[&who.0]), hours.write());
        }
    }
}
