//! The actors that tests put on: an agent in front of the gateway, an upstream behind it.

pub(crate) mod agent;
pub(crate) mod allocated;
pub(crate) mod browser;
pub(crate) mod certificate;
pub(crate) mod frames;
pub(crate) mod gateway;
pub(crate) mod kv_server;
pub(crate) mod property;
mod reply;
pub(crate) mod token_server;
pub(crate) mod tollgate;
pub(crate) mod upstream;
pub(crate) mod wire;
