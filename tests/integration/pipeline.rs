//! The way of a request, from an agent's bytes to what an upstream receives and the journal keeps.

mod cards;
mod coded;
mod credentials;
mod egress;
mod escalate;
mod headers;
mod injected;
mod law;
mod live;
mod native;
mod permit_validity;
mod placements;
mod records;
mod refusals;
mod response_secrets;
mod rig;
