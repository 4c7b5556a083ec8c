//! What a server that is trusted says somebody did.

use serde::{Deserialize, Serialize};

/// What somebody did in a mailbox or on a page, in the words of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// Read a mail: it was marked as read, or its body fetched the way readers do.
    Read,
    /// Did something with a mail: moved, copied, flagged, answered or deleted it.
    Act,
    /// Wrote: a draft or a sent mail was stored.
    Write,
    /// Did something on a page: a click in a webmail, a login to a portal.
    Active,
    /// Has a page open and in view.
    Visible,
    /// Logged in to a mail server; mail clients do that by themselves.
    Login,
    /// Their mail client looked around: opened a folder, fetched what is new, idles. It may do so all night.
    Sync,
    /// The mailbox changed, nobody knows by whom.
    Change,
    /// Left: logged out, or hid the page.
    Leave,
}

impl Deed {
    /// Every deed, for tables and labels.
    pub const ALL: [Self; 9] = [
        Self::Read,
        Self::Act,
        Self::Write,
        Self::Active,
        Self::Visible,
        Self::Login,
        Self::Sync,
        Self::Change,
        Self::Leave,
    ];

    /// The word in the API and for labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Act => "act",
            Self::Write => "write",
            Self::Active => "active",
            Self::Visible => "visible",
            Self::Login => "login",
            Self::Sync => "sync",
            Self::Change => "change",
            Self::Leave => "leave",
        }
    }
}
