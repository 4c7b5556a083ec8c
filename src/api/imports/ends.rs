//! Both ends of an import: where the feed comes from, and who hears what becomes of it.

use async_trait::async_trait;
use bytes::Bytes;

use crate::feeds::{Form, Refusal, Report};

/// Where a feed comes from.
#[async_trait]
pub trait Source: Send {
    /// What comes next. Nothing is lost if the future is dropped.
    async fn next(&mut self) -> Piece;
}

/// What comes next of a feed.
pub enum Piece {
    /// Bytes.
    Data(Bytes),
    /// Nothing right now: a good moment to deal with what was read.
    Pause,
    /// The end.
    End,
    /// It ends before its end; why.
    Broken(String),
}

/// Who hears what becomes of lines.
#[async_trait]
pub trait Sink: Send {
    /// How the feed is written: before anything else.
    async fn form(&mut self, form: &Form) -> Result<(), Gone>;
    /// A refused line, with what stands in it.
    async fn refused(&mut self, refusal: Refusal) -> Result<(), Gone>;
    /// What became of all lines that are dealt with so far.
    async fn done(&mut self, so_far: &Report) -> Result<(), Gone>;
}

/// Nobody hears any more, and why, if that is worth saying.
#[derive(Debug)]
pub struct Gone(pub String);

/// A feed of which nothing can be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);
