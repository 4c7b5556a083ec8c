//! Mails that come back: told by callers, brought by a mail server, refused by the relay; and who gets no more mail.

mod api;
mod command;
mod lmtp;
mod report;
mod servers;
