//! Mailboxes watched by IMAP: on a real Dovecot, and on servers that nobody would wish for.

mod changes;
mod crowd;
mod hostile;
mod keeping;
mod rig;
mod scripted;
mod tls;
pub(crate) mod token_server;
pub(crate) mod tokens;
