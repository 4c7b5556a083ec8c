//! What the gateway listens to without being called: producers who push sends through Redis ([`stream`]).

pub mod stream;
