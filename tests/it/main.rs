//! Integration tests: one binary, one module per topic.

mod relay;
mod support;
mod edge;
