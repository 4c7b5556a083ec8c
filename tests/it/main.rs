//! Integration tests: one binary, one module for each topic.

mod api;
mod store;
