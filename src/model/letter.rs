//! A finished mail on its way to a relay.

use std::fmt;

/// Envelope and bytes of one mail. `Debug` shows neither address nor content.
#[derive(Clone, PartialEq, Eq)]
pub struct Letter {
    /// Envelope sender: an address without angle brackets, CR or LF.
    pub from: String,
    /// Envelope recipient: an address without angle brackets, CR or LF.
    pub to: String,
    /// The complete message, CRLF line ends only, no bare CR or LF, not dot-stuffed.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Letter({} bytes)", self.bytes.len())
    }
}
