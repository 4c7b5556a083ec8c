//! Integration tests: one binary, one module per topic.

mod cli;
mod edge;
mod layers;
mod relay;
mod support;
//! Integration tests: one binary, one module for each topic.

mod store;
mod api;
mod demo;
mod journey;
mod kill;
mod readme;
mod support;
