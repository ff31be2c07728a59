//! Returns the agent's own session from a relay, with the reason why the exchange was ended.

use std::sync::Arc;

use parking_lot::Mutex;
use pingora::protocols::http::ServerSession;
use pingora::{Error, ErrorType};

use crate::pipeline::refuse::RefusedExchange;

/// Names the error that ends an exchange whose permit does not stand any more.
pub(super) const VOID: &str = "the permit has become void";

/// The values that a removed relay returns.
#[derive(Clone, Default)]
pub(super) struct Slot(pub(super) Arc<Mutex<Returned>>);

#[derive(Default)]
pub(super) struct Returned {
    /// The agent's own session.
    pub(super) agent: Option<ServerSession>,
    /// The reason why the exchange was ended.
    pub(super) void: Option<RefusedExchange>,
}

impl Slot {
    /// Keeps why an exchange ends, for its answer and its record.
    pub(super) fn end(&self, refusal: RefusedExchange) -> Box<Error> {
        self.0.lock().void = Some(refusal);
        Error::new(ErrorType::Custom(VOID))
    }
}
