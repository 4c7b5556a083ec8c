//! Integration tests: one binary, one module per topic.

mod edge;
mod relay;
mod support;
