//! What happened is told outside: to receivers of webhooks that are slow, gone or hostile, and to listeners that come back.

mod gateways;
pub mod house;
mod killed;
mod listening;
mod outbox;
pub mod receiver;
mod webhooks;
