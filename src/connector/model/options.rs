//! Terms: what the routes that a request turns out to be say of the whole exchange.
//!
//! INVARIANT: of several routes the strictest word counts: what one of them does not let pass does not pass.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;

use crate::connector::model::error_shape::framing::Push;
use crate::connector::read::answer::{AnswerParams, AnswerPlace};
use crate::model::action::Parameters;

/// What requests with the gateway's credential, and their answers, may carry although it is not looked into.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Passes {
    /// `Range` and `If-Range`: a part of an answer may be cut so that a mask cannot see what it hides.
    pub range: bool,
    /// `Cookie` and `Set-Cookie`: a session is as good as the credential that it was opened with.
    pub cookies: bool,
}

/// What one route says.
#[derive(Debug, Default)]
pub(crate) struct RouteTerms {
    /// Bytes of a body after decoding; `None` for the gateway's default.
    pub(crate) body_limit: Option<usize>,
    /// How long the answer may be awaited; `None` for the gateway's default.
    pub(crate) first_byte: Option<Duration>,
    /// Goes out without the gateway's credential.
    pub(crate) no_credential: bool,
    /// Stands for opening a WebSocket.
    pub(crate) websocket: bool,
    /// Carries requests that are not read.
    pub(crate) undecoded: bool,
    pub(crate) passes: Passes,
    /// Where the answer holds a credential.
    pub(crate) issues: Vec<AnswerPlace>,
    /// The file says so, or that the answer holds none.
    pub(crate) issues_stated: bool,
    pub(crate) answer: Arc<AnswerParams>,
}

/// What holds for one exchange.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// Every route that applies goes out without the gateway's credential.
    pub without_credential: bool,
    /// What every route that applies lets pass.
    pub passes: Passes,
    /// How long the answer may be awaited, the longest that a route says; `None` for the gateway's default.
    pub first_byte: Option<Duration>,
    /// Where the answer holds credentials.
    pub issues: Vec<AnswerPlace>,
    /// The request comes in parts, which are answered in an envelope: what lies where in it no route says.
    pub in_parts: bool,
    /// Where the body holds a credential of the agent's own: `form:token`. Only agent-owned ones go out.
    pub foreign: Option<String>,
    /// Ids of the JSON-RPC calls that the request holds: what is answered instead of the upstream must name them.
    pub rpc_ids: Vec<serde_json::Value>,
    /// What a report on the push must name; `None` where the request is none.
    pub push: Option<Push>,
    pub(crate) answers: Vec<Arc<AnswerParams>>,
}

impl PartialEq for RouteTerms {
    fn eq(&self, other: &Self) -> bool {
        let Self {
            body_limit,
            first_byte,
            no_credential,
            websocket,
            undecoded,
            passes,
            issues,
            issues_stated,
            answer,
        } = self;
        (*body_limit, *first_byte) == (other.body_limit, other.first_byte)
            && (*no_credential, *websocket) == (other.no_credential, other.websocket)
            && (*undecoded, *issues_stated) == (other.undecoded, other.issues_stated)
            && (*passes, issues) == (other.passes, &other.issues)
            && Arc::ptr_eq(answer, &other.answer)
    }
}

impl RouteTerms {
    /// Returns whether the action is never allowed by a glob or preset.
    pub(crate) fn is_special(&self) -> bool {
        self.websocket || self.undecoded || !self.issues.is_empty()
    }
}

impl Terms {
    /// Joins what the routes that apply say; what no route is for has terms of its own, the defaults.
    pub(crate) fn join(routes: &[&RouteTerms]) -> Self {
        let mut terms = Self::default();
        let all = |says: fn(&RouteTerms) -> bool| {
            !routes.is_empty() && routes.iter().all(|route| says(route))
        };
        terms.without_credential = all(|route| route.no_credential);
        terms.passes = Passes {
            range: all(|route| route.passes.range),
            cookies: all(|route| route.passes.cookies),
        };
        for route in routes {
            terms.first_byte = terms.first_byte.max(route.first_byte);
            for place in &route.issues {
                if !terms.issues.contains(place) {
                    terms.issues.push(place.clone());
                }
            }
            if !route.answer.is_empty() {
                terms.answers.push(Arc::clone(&route.answer));
            }
        }
        terms
    }

    /// Returns whether something of the answer is recorded.
    #[must_use]
    pub fn records_answer(&self) -> bool {
        !self.answers.is_empty()
    }

    /// Returns whether something of the answer's body is recorded.
    #[must_use]
    pub fn reads_answer(&self) -> bool {
        self.answers.iter().any(|answer| answer.reads_body())
    }

    /// Returns what is recorded of an answer; nothing of one that cannot be read.
    #[must_use]
    pub fn answer_params(&self, headers: &HeaderMap, body: &[u8]) -> Parameters {
        let mut params = Parameters::new();
        for answer in &self.answers {
            for param in &answer.read(headers, body) {
                params.set(param.clone());
            }
        }
        params
    }
}
