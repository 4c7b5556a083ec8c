//! The private API and the operations listener, over real sockets, with the embedded store behind them.

mod bad;
mod bulk;
mod carried;
pub(crate) mod client;
mod document;
pub(crate) mod house;
mod keys;
mod life;
mod mailboxes;
mod ops;
mod people;
mod pressure;
mod tokens;
