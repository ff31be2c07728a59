//! Returns the agent's own session from a relay, with the reason why the exchange was ended.

use std::sync::Arc;

use parking_lot::Mutex;
use pingora::protocols::http::ServerSession;
use pingora::{Error, ErrorType};

use crate::pipeline::refuse::RefusedExchange;

/// Names the error that ends an exchange whose permit was revoked.
pub(super) const REVOKED: &str = "the permit was revoked";

/// The reason of an error: the upstream refuses the token, and the request goes again with another one.
pub(super) const TOKEN_REFUSED: &str = "the upstream refuses the token";

/// The values that a removed relay returns.
#[derive(Clone, Default)]
pub(super) struct Slot(pub(super) Arc<Mutex<Returned>>);

#[derive(Default)]
pub(super) struct Returned {
    /// The agent's own session.
    pub(super) agent: Option<ServerSession>,
    /// The reason why the exchange was ended.
    pub(super) refusal: Option<RefusedExchange>,
}

impl Slot {
    /// Keeps why an exchange ends, for its answer and its record.
    pub(super) fn end(&self, refusal: RefusedExchange) -> Box<Error> {
        self.0.lock().refusal = Some(refusal);
        Error::new(ErrorType::Custom(REVOKED))
    }
}
