//! What the topics share.

pub mod sink;
