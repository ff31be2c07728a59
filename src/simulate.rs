//! What command line and admin API ask of the pipeline without sending anything: explain a request, run the files' own tests, measure coverage, suggest routes.

pub mod case;
pub mod coverage;
pub mod explain;
pub mod suggest;
