//! Integration tests: one binary, one module for each topic.
//! The integration tests: one binary, a module per topic.

mod api;
mod cli;
mod demo;
mod edge;
mod journey;
mod kill;
mod layers;
mod readme;
mod relay;
mod store;
mod support;
