//! What command line and admin API ask of the pipeline without sending anything: explain a request, run the files' own tests.

pub mod case;
pub mod explain;
