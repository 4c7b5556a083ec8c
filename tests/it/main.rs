//! Integration tests: one binary, one module for each topic.

mod api;
mod bounces;
mod brands;
mod cli;
mod day;
mod demo;
mod dkim;
mod edge;
mod events;
mod feeds;
mod handoff;
mod journey;
mod kill;
mod layers;
mod payment;
mod readme;
mod redis;
mod redis_producers;
mod redis_setup;
mod relay;
mod rules;
mod signals;
mod store;
mod support;
mod watch_imap;
mod watching;
