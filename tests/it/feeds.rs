//! Feeds: through the API, by the command, and from watched folders.

mod api;
mod bounded;
mod command;
mod dying;
mod folder;
mod rig;
