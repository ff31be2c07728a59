//! The command line from outside.

mod schema;
