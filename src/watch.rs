//! What the gateway listens to without being called: producers who push sends through Redis ([`stream`]), and
//! mailboxes whose owners agreed to be watched ([`imap`]).

pub mod imap;
pub mod stream;
