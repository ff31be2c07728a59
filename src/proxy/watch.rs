//! Describes what an open exchange is checked against while its bytes move, and whether it ends by itself.

use std::sync::Arc;

use http::HeaderMap;
use http::header::CONTENT_LENGTH;

use super::drain::Drain;
use super::response_buffer::ResponseBuffer;
use super::streams::Stream;
use crate::pipeline::Gateway;
use crate::pipeline::mask::answer_mask::AnswerMask;
use crate::pipeline::permit_validity::PermitValidity;

/// Conditions of an open exchange, checked while bytes move.
pub(super) struct Watch {
    pub(super) gateway: Arc<Gateway>,
    pub(super) validity: Arc<PermitValidity>,
    /// As it is before the answer begins.
    pub(super) extent: Extent,
    /// Whether this is the last answer of its connection.
    pub(super) drain: Arc<Drain>,
    /// Buffer for an answer that may issue a credential.
    pub(super) held: Option<ResponseBuffer>,
    /// Hides credentials in an answer that passes as it comes.
    pub(super) mask: Option<AnswerMask>,
    /// The request's own, if it is one of HTTP/2.
    pub(super) stream: Option<Arc<Stream>>,
}

/// Whether an exchange has an end of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// It finishes on the snapshot that it was judged by.
    Bounded,
    /// It may go on for ever, so it is judged again.
    Stream,
}

impl Extent {
    /// Returns what the head of an answer says.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        if headers.contains_key(CONTENT_LENGTH) {
            Self::Bounded
        } else {
            Self::Stream
        }
    }
}
