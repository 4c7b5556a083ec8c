//! Watched mailboxes: sealed bytes by person.

use crate::model::{Mailboxes, RecipientId, Sealed};
use crate::store::StoreError;

use super::{Disk, Kind, Step, key};

impl Disk {
    /// All watched mailboxes.
    pub(in crate::store::embedded) fn mailboxes(&self) -> Result<Mailboxes, StoreError> {
        let mut mailboxes = Mailboxes::new();
        for guard in self.records.prefix([Kind::Mailbox as u8]) {
            let (key, sealed) = self.pair(guard)?;
            mailboxes.insert(RecipientId(self.id(&key[1..])?), Sealed::new(&sealed[..]));
        }
        Ok(mailboxes)
    }
}

impl Step<'_> {
    /// How to get into a person's mailbox, or that it is not watched.
    pub(in crate::store::embedded) fn mailbox(&mut self, who: RecipientId, sealed: Option<&Sealed>) {
        let (records, key) = (&self.disk.records, key(Kind::Mailbox, &[&who.0]));
        match sealed {
            Some(sealed) => self.batch.insert(records, key, sealed.as_bytes()),
            None => self.batch.remove(records, key),
        }
    }
}
