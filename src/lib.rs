//! Lists the modules of Tollgate, an egress gateway for AI agents, by rung; each may use only those below it.
//!
//! ARCHITECTURE.md tells the story; `tests/integration/architecture.rs` enforces the ladder.

// Edges: clients call them.
pub mod admin;
pub mod cli;
pub mod dashboard;
pub mod proxy;

// What the edges ask of the pipeline without sending anything.
pub mod simulate;

// Verbs: what happens to a request, in order. The only folder that knows more than one noun.
pub mod pipeline;

// Connectors and policies of one moment, compiled.
pub mod snapshot;

// What others know of an API, as a connector file.
pub mod import;

// Records of the journal, taken elsewhere.
pub mod sink;

// The gateway's own requests, under the rules of egress.
pub mod outbound;

// Nouns: none imports another.
pub mod approval;
pub mod auth;
pub mod connector;
pub mod egress;
pub mod journal;
pub mod kill_switch;
pub mod limit;
pub mod mask;
pub mod policy;
pub mod roster;
pub mod vault;

// Ground.
pub mod config;
pub mod expression;
pub mod model;
pub mod store;
pub mod telemetry;
