//! Answers questions about requests without sending anything: explains a request, runs the files' own tests, measures coverage,
//! suggests routes.

pub mod case;
pub mod coverage;
pub mod explain;
pub mod suggest;
