//! What the gateway listens to without being called: producers who push sends through Redis ([`stream`]) or drop
//! files into folders ([`folder`]), and mailboxes whose owners agreed to be watched ([`imap`]).

pub mod folder;
pub mod imap;
pub mod stream;
