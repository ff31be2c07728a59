//! Repeat: a failed attempt in, whether the request goes again out. What may have taken effect does not.

use pingora::proxy::Session;
use pingora::{Error, ErrorType};

use super::reuse;

/// Returns whether a request goes again after an attempt that was connected.
pub(super) fn may_repeat(session: &Session, error: &Error, reused: bool) -> bool {
    if session.as_ref().retry_buffer_truncated() {
        return false;
    }
    if *error.etype() == ErrorType::Custom(reuse::NOT_CLEAN) {
        return true;
    }
    // A connection of the pool may be closed by the upstream just as it is taken. Whether the request was read by then nobody
    // knows, so only one without an effect goes again (RFC 9110 section 9.2.1).
    let mut retry = error.retry;
    retry.decide_reuse(reused);
    session.req_header().method.is_safe() && retry.retry()
}
