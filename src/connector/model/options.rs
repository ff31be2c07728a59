//! Holds what one route says of the exchange beside its action.

use std::sync::Arc;
use std::time::Duration;

use crate::connector::model::answer::{AnswerParams, AnswerPlace};

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
pub(crate) struct RouteOptions {
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
    pub(crate) response_secrets: Vec<AnswerPlace>,
    /// The file says so, or that the answer holds none.
    pub(crate) response_secrets_stated: bool,
    pub(crate) answer: Arc<AnswerParams>,
}

impl PartialEq for RouteOptions {
    fn eq(&self, other: &Self) -> bool {
        let Self {
            body_limit,
            first_byte,
            no_credential,
            websocket,
            undecoded,
            passes,
            response_secrets,
            response_secrets_stated,
            answer,
        } = self;
        (*body_limit, *first_byte) == (other.body_limit, other.first_byte)
            && (*no_credential, *websocket) == (other.no_credential, other.websocket)
            && (*undecoded, *response_secrets_stated)
                == (other.undecoded, other.response_secrets_stated)
            && (*passes, response_secrets) == (other.passes, &other.response_secrets)
            && Arc::ptr_eq(answer, &other.answer)
    }
}

impl RouteOptions {
    /// Returns whether the action is never allowed by a glob or preset.
    pub(crate) fn is_special(&self) -> bool {
        self.websocket || self.undecoded || !self.response_secrets.is_empty()
    }
}
