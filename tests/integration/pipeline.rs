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
mod minted;
mod minted_changes;
mod minted_schemes;
mod native;
mod permit_validity;
mod placeholders;
mod placements;
mod records;
mod refusals;
mod response_secrets;
mod rig;
mod schemes;
