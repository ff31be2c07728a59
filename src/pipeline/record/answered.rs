//! Collects from an answer, as its head and body pass, what the connector wants recorded of them (`response_params`).
//!
//! INVARIANT: of an answer that may hold a credential nothing is read. What is too long or cannot be read is not recorded, and
//! passes all the same.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use serde_json::value::{RawValue, to_raw_value};

use super::redact::RedactedParams;
use crate::journal::MAX_PARAM;
use crate::pipeline::decode::decode;
use crate::pipeline::mask::answer_mask::AnswerMask;
use crate::pipeline::permit_validity::PermitValidity;

/// Bytes of a body that are kept until its end, and that may come out of them; what is recorded of an event is 16 KiB.
const MAX_BODY: usize = 64 * 1024;

/// What has come of an answer.
#[derive(Debug)]
pub(super) struct Answered {
    validity: Arc<PermitValidity>,
    headers: HeaderMap,
    /// `None` where nothing of it is recorded, or once it is too long.
    body: Option<BytesMut>,
}

impl Answered {
    /// Begins with the head; nothing where the connector wants nothing of it.
    pub(super) fn of(validity: &Arc<PermitValidity>, headers: &HeaderMap) -> Option<Self> {
        let options = validity.options();
        let wanted = options.records_answer() && options.response_secrets.is_empty();
        wanted.then(|| Self {
            validity: Arc::clone(validity),
            headers: headers.clone(),
            body: options.reads_answer().then(BytesMut::new),
        })
    }

    /// Keeps what has come of the body.
    pub(super) fn take(&mut self, bytes: &Bytes) {
        let Some(body) = &mut self.body else { return };
        if body.len().saturating_add(bytes.len()) > MAX_BODY {
            self.body = None;
        } else {
            body.extend_from_slice(bytes);
        }
    }

    /// Returns what is recorded, by name; `None` for nothing.
    pub(super) fn recorded(
        mut self,
        key: &[u8; 32],
        mask: Option<&AnswerMask>,
    ) -> Option<Box<RawValue>> {
        let raw = self.body.unwrap_or_default().freeze();
        let mut body = decode(&self.headers, raw, MAX_BODY).unwrap_or_default();
        if let Some(mask) = mask {
            mask.redact(&mut self.headers, &mut body);
        }
        let options = self.validity.options();
        let params = options.answer_params(&self.headers, &body);
        let redacted = RedactedParams {
            key,
            params: &params,
            longest: MAX_PARAM,
        };
        (!params.is_empty())
            .then(|| to_raw_value(&redacted).ok())
            .flatten()
    }
}
