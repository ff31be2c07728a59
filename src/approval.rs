//! Holds requests that need an operator's approval until an operator answers; identical requests share one question.
//!
//! INVARIANT: one approval lets one request go, unless the operator gave it for a time. INVARIANT: every approval is bound to a
//! fingerprint, so to exactly what the operator was shown; one for a time to a likeness, where only what no parameter says may
//! differ in the body.

mod fingerprint;
mod lasting;
mod pending;
mod resolve_error;
mod service;
mod waiter;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde_json::{Value as Json, json};

use crate::model::clock;

pub use fingerprint::{Fingerprint, Fingerprinter};
pub use resolve_error::ResolveError;
pub use service::{ApprovalService, Submission};
pub use waiter::Waiter;

/// Bounds and durations of approvals.
#[derive(Debug, Clone, Copy)]
pub struct ApprovalSettings {
    /// Requests that may wait at once.
    pub pending_approvals: usize,
    /// Requests of one agent that may wait at once.
    pub pending_approvals_per_agent: usize,
    /// How long a question can be answered.
    pub expires: Duration,
    /// How long a yes lets the same request pass after it was given.
    pub grant: Duration,
    /// How long the same request is refused without asking after a no.
    pub refusal: Duration,
}

/// Signal that a waiting request gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaiterSignal {
    /// No operator has answered yet.
    Wait,
    /// An operator has answered: submit the request again.
    Answered,
    /// The gateway is shutting down.
    Closed,
}

/// A request as an operator sees it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ApprovalRequest {
    /// Of the request as it would be sent.
    pub fingerprint: Fingerprint,
    /// The key under which a denial is remembered.
    #[serde(skip)]
    pub subject: Fingerprint,
    /// What a request has in common with those that an approval for a time lets pass; `None` where nothing says what is alike.
    #[serde(skip)]
    pub likeness: Option<Fingerprint>,
    /// Name of the agent that sent the request.
    pub agent: String,
    /// Id of the connector whose API is called.
    pub connector: String,
    /// Id of the credential that would be put on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
    /// As it would be sent.
    pub method: String,
    /// Host and port that the request goes to.
    pub host: String,
    /// Path, and query where there is one; secret parameters are left out here and below.
    pub target: String,
    /// Name and value of every header that would be sent, except framing, headers that retries change, and credentials.
    pub headers: Vec<(String, String)>,
    /// Name, risk, parameters of each action, as the journal shows them.
    pub actions: Json,
    /// The first action's name.
    pub action: String,
    /// The policies and permissions that ask.
    pub by: Vec<String>,
    /// The reasons of the policies that ask.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The body as it would be sent, JSON laid out; absent if there is none or it is not text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Reasons to open the request before approving it; empty if a list shows everything.
    pub partial: Vec<&'static str>,
    /// Length of the body.
    pub body_bytes: usize,
    /// SHA-256 of the body, hexadecimal; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_sha256: Option<String>,
    /// The first request that asked.
    pub request_id: String,
}

/// An operator's decision on a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalVerdict {
    /// It may go, once.
    Approve,
    /// The request is refused, and so are its retries for a while.
    Deny,
}

/// How far a question has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalStatus {
    /// No operator has answered yet.
    Pending,
    /// Yes, and the request has not gone yet.
    Approved,
    /// Yes, and the request went.
    Used,
    /// An operator refused the request.
    Denied,
    /// No operator answered in time, or no request used the approval.
    Expired,
}

/// An operator's answer, with its author and time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Resolution {
    /// Whether the request was approved or denied.
    pub verdict: ApprovalVerdict,
    /// Name of the operator.
    pub by: String,
    /// When the operator answered; RFC 3339 in JSON.
    #[serde(serialize_with = "moment")]
    pub at: SystemTime,
    /// Until when requests alike pass without asking, or when that was ended; absent for an approval of one request.
    #[serde(
        serialize_with = "maybe_moment",
        skip_serializing_if = "Option::is_none"
    )]
    pub until: Option<SystemTime>,
    /// Name of the operator who ended an approval for a time before its time was over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<String>,
}

/// A question and what became of it, at one moment. Serialised as the admin API shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Approval {
    /// ULID that commands and the admin API use.
    pub id: String,
    /// The request that the operator decides on.
    #[serde(flatten)]
    pub request: Arc<ApprovalRequest>,
    /// How far it has come.
    pub status: ApprovalStatus,
    /// When it was asked first.
    #[serde(serialize_with = "moment")]
    pub opened_at: SystemTime,
    /// Until when it can be answered; after an answer, until when that counts.
    #[serde(serialize_with = "moment")]
    pub expires_at: SystemTime,
    /// The operator's answer; `None` while the question is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<Resolution>,
    /// Requests that wait for it now.
    pub waiting: usize,
}

impl Approval {
    /// Returns the entry of a list: what is asked, by whom, why, and whether the request must be opened before it is approved.
    ///
    /// Where `open_first` is false, this is everything that would be sent; parameters are as the journal shows them.
    #[must_use]
    pub fn summary(&self) -> Json {
        let request = &self.request;
        json!({
            "id": self.id,
            "status": self.status,
            "agent": request.agent,
            "connector": request.connector,
            "action": request.action,
            "actions": request.actions,
            "method": request.method,
            "host": request.host,
            "target": request.target,
            "by": request.by,
            "reason": request.reason,
            "partial": request.partial,
            "open_first": !request.partial.is_empty(),
            "opened_at": clock::stamp(self.opened_at),
            "expires_at": clock::stamp(self.expires_at),
            "until": self.answer.as_ref().and_then(|answer| answer.until).map(clock::stamp),
            "ended_by": self.answer.as_ref().and_then(|answer| answer.ended_by.as_ref()),
            "waiting": self.waiting,
        })
    }
}

fn maybe_moment<S: serde::Serializer>(
    time: &Option<SystemTime>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => moment(time, serializer),
        None => serializer.serialize_none(),
    }
}

fn moment<S: serde::Serializer>(at: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&clock::stamp(*at))
}
