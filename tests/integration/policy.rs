//! Permissions and policies: what loads, and what is decided.

mod cases;
mod properties;
mod world;
