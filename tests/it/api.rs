//! The private API and the operations listener, over real sockets, with the embedded store behind them.

mod bad;
mod bulk;
mod client;
mod document;
mod house;
mod keys;
mod life;
mod ops;
mod people;
mod pressure;
mod tokens;
