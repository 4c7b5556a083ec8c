//! Integration tests: one binary, one module per topic.

mod demo;
mod journey;
mod kill;
mod readme;
mod support;
