//! vigie.
//!
//! # Layers
//!
//! Imports only point downwards: a module may use the rows above its own, and of its own row what the last column
//! says. `tests/it/layers.rs` reads this table and fails on any other import.
//!
//! | layer | modules | within the layer |
//! | --- | --- | --- |
//! | 0: words | `clock` `config` `model` `redact` `secrets` `telemetry` `token` | each other |
//! | 1: doors to the outside | `intake` `relay` `render` `store` | nothing |
//! | 2: decisions | `classify` `flow` `dispatch` `pipeline` | those to the left |
//! | 3: edges | `api` `edge` `ops` `watch` | nothing |
//! | 4: composition | `app` | nothing |
//! | 5: command line | `cli` | nothing |
//! | 6: program | `main` | nothing |

pub mod cli;
pub mod clock;
pub mod config;
pub mod model;
pub mod redact;
pub mod secrets;
pub mod store;
pub mod telemetry;
pub mod token;
