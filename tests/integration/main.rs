//! One binary for all tests from outside; its folders mirror `src/`.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test that cannot go on must fail"
)]
#![expect(
    clippy::too_many_lines,
    reason = "a table of cases is read from top to bottom"
)]

mod admin;
mod architecture;
mod attacks;
mod auth;
mod cli;
mod config;
mod connector;
mod dashboard;
mod egress;
mod expression;
mod import;
mod journal;
mod kill_switch;
mod leaks;
mod limit;
mod mask;
mod model;
mod pipeline;
mod policy;
mod proxy;
mod roster;
mod sink;
mod store;
mod support;
mod telemetry;
mod vault;
mod words;
