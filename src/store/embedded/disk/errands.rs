//! Errands: notes by name.

use crate::store::StoreError;

use super::{Disk, Kind, Step, damage, key};

impl Disk {
    /// An errand's last note.
    pub(in crate::store::embedded) fn errand(&self, errand: &str) -> Result<Option<String>, StoreError> {
        let note = self.records.get(key(Kind::Errand, &[errand.as_bytes()]));
        let note = note.map_err(|error| damage::reading(&self.directory, &error))?;
        Ok(note.map(|note| String::from_utf8_lossy(&note).into_owned()))
    }
}

impl Step<'_> {
    /// How far an errand got.
    pub(in crate::store::embedded) fn errand(&mut self, errand: &str, note: &str) {
        self.batch.insert(&self.disk.records, key(Kind::Errand, &[errand.as_bytes()]), note);
    }
}
