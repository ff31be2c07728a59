//! The proxy edge from outside: agents in front, upstreams behind.

mod answer;
mod authority;
mod broken;
mod chain;
mod connect;
mod drain;
mod exchanges;
mod failure;
mod headers;
mod hold;
mod hostile;
mod hostile_upstream;
mod limit;
mod listener;
mod load;
mod names;
mod passage;
mod replay;
mod restart;
mod rig;
mod stranger;
mod stream;
mod websocket;
