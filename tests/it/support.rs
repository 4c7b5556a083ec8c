//! The real servers the tests run against.
//!
//! Each `start()` brings up a server of its own on a free port of 127.0.0.1, in
//! a temporary directory of its own, so tests may run side by side and none
//! touches a server of the machine. Dropping the value stops the server, with
//! every process it started, and removes the directory.
//!
//! They run by the machine's clock: not for tests with tokio's time paused.
//!
//! `tests/install` installs the programs; a missing one is a failure, never a
//! skipped test.

pub mod browser;
pub mod crowd;
pub mod dovecot;
pub mod exim;
pub mod gateway;
pub mod http;
pub mod imap;
pub mod letter;
pub mod metrics;
pub mod ports;
pub mod postfix;
pub mod presumed;
pub mod process;
pub mod prometheus;
pub mod redis;
pub mod sink;
pub mod tap;
pub mod user;
pub mod wait;
pub mod watcher;

mod maildir;
mod server;
