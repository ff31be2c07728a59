//! Holds the values that every folder shares. No I/O, no policy, no foreign formats.

pub mod action;
pub mod agent;
pub mod aws_endpoint;
pub mod changes;
pub mod clock;
pub mod credential;
pub mod durability;
pub mod glob;
pub mod halt;
pub mod header_value;
pub mod hex;
pub mod media_type;
pub mod on_leak;
pub mod on_reflect;
pub mod secret;
pub mod show;
pub mod table;
pub mod target;
pub mod template;
pub mod value;
pub mod vocabulary;
