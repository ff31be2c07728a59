//! Answers questions about requests without sending anything.
//!
//! It explains a request, runs the files' own tests, measures coverage, and suggests routes. It compares what two states let agents
//! do, and decides recorded requests again.

pub mod case;
pub mod coverage;
pub mod described;
pub mod diff;
pub mod explain;
pub mod replay;
pub mod suggest;
