//! Defines refusals. The agent reads coarse reasons, never a policy's condition or an internal error.
//!
//! A [`Refusal`] says why; [`RefusedExchange`] joins that once with the request that is refused.

mod answer;
mod code;
mod sentence;

use std::borrow::Cow;
use std::sync::Arc;

use serde::Serialize;

pub use answer::Native;
pub use code::Code;

use crate::approval::Approval;
use crate::model::clock;

/// Set on every answer, the upstream's too.
pub const REQUEST_ID: &str = "tollgate-request-id";

/// Set on every refusal: the code.
pub const CODE: &str = "tollgate-code";

/// Set on every answer: `allow`, `deny`, `require_approval`.
pub const DECISION: &str = "tollgate-decision";

/// Set on an answer whose request lost headers that nothing declares: their names.
pub const DROPPED_HEADERS: &str = "tollgate-dropped-headers";

/// Seconds after which an agent may try again what a limit refused.
const RETRY_SECONDS: &str = "1";

/// Why a request is refused. A stage that refuses knows no more than this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The reason, from a closed list.
    pub code: Code,
    /// One sentence for the agent.
    pub detail: Cow<'static, str>,
    /// What to do instead, from a policy or for an operator.
    pub suggest: Option<Box<str>>,
    /// The question that was not answered with yes.
    pub approval: Option<Box<Question>>,
}

/// A refusal joined with the exchange that it ends: what the agent reads, and what is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedExchange {
    /// The reason and its sentence.
    pub refusal: Refusal,
    /// Id of the exchange, a ULID.
    pub request_id: Box<str>,
    /// The first action's full name, where it is known.
    pub action: Option<String>,
    /// How the client of this API reads errors; `None` for problem+json.
    pub native: Option<Arc<Native>>,
}

/// Where an agent can see what becomes of a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Question {
    /// ULID, as records and answers name it.
    pub id: String,
    /// At the gateway's own host.
    pub url: String,
    /// Until when it can be answered, or until when the answer counts. RFC 3339, UTC.
    pub expires_at: String,
}

impl From<&Approval> for Question {
    fn from(approval: &Approval) -> Self {
        Self {
            id: approval.id.clone(),
            url: format!("http://tollgate.internal/approvals/{}", approval.id),
            expires_at: clock::stamp(approval.expires_at),
        }
    }
}

// === impl Refusal ===

impl Refusal {
    /// Refuses with a sentence that says more than the code's own.
    #[must_use]
    pub fn because(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            detail: detail.into(),
            ..Self::from(code)
        }
    }

    /// Names the question that was not answered with yes.
    pub(crate) fn about(code: Code, approval: &Approval) -> Self {
        Self {
            approval: Some(Box::new(approval.into())),
            ..Self::from(code)
        }
    }
}

impl From<Code> for Refusal {
    /// Refuses with the code's own sentence.
    fn from(code: Code) -> Self {
        Self {
            code,
            detail: code.sentence().into(),
            suggest: None,
            approval: None,
        }
    }
}

// === impl RefusedExchange ===

impl RefusedExchange {
    /// Joins a refusal with an exchange of which no more is known than its id: nothing has been judged.
    #[must_use]
    pub fn unjudged(refusal: impl Into<Refusal>, request_id: &str) -> Self {
        Self {
            refusal: refusal.into(),
            request_id: request_id.into(),
            action: None,
            native: None,
        }
    }

    /// Returns the reason of the refusal.
    #[must_use]
    pub fn code(&self) -> Code {
        self.refusal.code
    }
}
