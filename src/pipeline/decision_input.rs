//! Separates what of an understood request is decided on, and can be decided on again, from what is only sent.
//!
//! INVARIANT: a `DecisionInput` holds no socket, no body and no secret, so it may be kept for as long as its exchange lives.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::websocket::Protocol;
use crate::connector::{ExchangeOptions, Passes};
use crate::model::action::Action;
use crate::model::credential::CredentialId;
use crate::model::target::Target;

/// Everything that a decision is about, but for who asks.
#[derive(Debug, Clone)]
pub struct DecisionInput {
    /// The request line in canonical form.
    pub target: Target,
    /// As it will be sent.
    pub content_type: Option<HeaderValue>,
    /// Length of the body where a candidate route read it.
    pub body_bytes: Option<usize>,
    /// What the routes say of the whole exchange.
    pub options: ExchangeOptions,
    /// What the request does; at least one.
    pub actions: Vec<Action>,
    /// The credential that the agent asks for by its placeholder.
    pub presented: Option<CredentialId>,
}

/// What of a request is sent but not judged again.
#[derive(Debug, Clone)]
pub struct RequestPayload {
    /// Those that will be sent, still with what the agent put where credentials go.
    pub headers: HeaderMap,
    /// What is spoken once the upstream has answered.
    pub protocol: Protocol,
    /// What else may go out and come back beside an injected credential.
    pub passes: Passes,
    /// Decoded; `None` where it is streamed or there is none.
    pub body: Option<Bytes>,
    /// Length that `Content-Length` declares, in bytes; `None` without one.
    pub declared_length: Option<usize>,
    /// Headers that nothing declares and that are not sent.
    pub dropped: Vec<HeaderName>,
}

impl DecisionInput {
    /// Returns `Content-Type` as expressions read it; empty where there is none that is text.
    #[must_use]
    pub fn content_type(&self) -> &str {
        self.content_type
            .as_ref()
            .and_then(|value| value.to_str().ok())
            .unwrap_or("")
    }

    /// Returns whether this is a tunnel that is passed through; no CONNECT is understood as anything else.
    #[must_use]
    pub fn is_tls_passthrough(&self) -> bool {
        self.target.method == Method::CONNECT
    }

    /// Returns the first action's full name, which stands for the request where one name must do.
    #[must_use]
    pub fn action(&self) -> Option<String> {
        self.actions.first().map(|action| action.name.to_string())
    }
}
