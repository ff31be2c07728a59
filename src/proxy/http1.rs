//! Speaks HTTP/1.1 with agents: each request is read here from its first byte, judged, sent on and answered, one after the other.
//!
//! INVARIANT: every byte of both sides has one reading. A connection goes on only after an exchange that ended exactly where it should.

mod agent;
mod answer;
mod attempt;
mod body;
mod connect;
mod duplex;
mod flight;
mod lane;
mod open;
mod progress;
mod request;
mod response_head;
mod revocation;
mod send;
mod shape;
mod source;
mod spell;

pub(super) use connect::Upstreams;
pub(super) use lane::Lane;
