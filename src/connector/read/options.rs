//! Joins what the routes that a request turns out to be say of the whole exchange.
//!
//! INVARIANT: of several routes the strictest word counts: what one of them does not let pass does not pass.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;

use crate::connector::model::answer::{AnswerParams, AnswerPlace};
use crate::connector::model::error_shape::framing::Push;
use crate::connector::model::options::{Passes, RouteOptions};
use crate::model::action::Parameters;

/// What holds for one exchange.
#[derive(Debug, Clone, Default)]
pub struct ExchangeOptions {
    /// Every route that applies goes out without the gateway's credential.
    pub without_credential: bool,
    /// What every route that applies lets pass.
    pub passes: Passes,
    /// How long the answer may be awaited, the longest that a route says; `None` for the gateway's default.
    pub first_byte: Option<Duration>,
    /// Where the answer holds credentials.
    pub response_secrets: Vec<AnswerPlace>,
    /// The request comes in parts, which are answered in an envelope: what lies where in it no route says.
    pub has_operations: bool,
    /// Where the body holds credentials of the agent's own: `form:token`. Only agent-owned ones go out.
    pub client_credentials: Vec<String>,
    /// Ids of the JSON-RPC calls that the request holds: what is answered instead of the upstream must name them.
    pub rpc_ids: Vec<serde_json::Value>,
    /// What a report on the push must name; `None` where the request is none.
    pub push: Option<Push>,
    pub(crate) answers: Vec<Arc<AnswerParams>>,
}

impl ExchangeOptions {
    /// Joins what the routes that apply say; a request that matches no route has the defaults.
    pub(crate) fn join(routes: &[&RouteOptions]) -> Self {
        let mut options = Self::default();
        let all = |says: fn(&RouteOptions) -> bool| {
            !routes.is_empty() && routes.iter().all(|route| says(route))
        };
        options.without_credential = all(|route| route.no_credential);
        options.passes = Passes {
            range: all(|route| route.passes.range),
            cookies: all(|route| route.passes.cookies),
        };
        for route in routes {
            options.first_byte = options.first_byte.max(route.first_byte);
            for place in &route.response_secrets {
                if !options.response_secrets.contains(place) {
                    options.response_secrets.push(place.clone());
                }
            }
            if !route.answer.is_empty() {
                options.answers.push(Arc::clone(&route.answer));
            }
        }
        options
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
