//! The relay against a scripted SMTP server: three results, never two; one round trip where it can be.

mod break_points;
mod outbox;
mod replies;
mod reuse;
mod rig;
mod secrecy;
mod ways;
