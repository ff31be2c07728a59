//! Decides whether a failed attempt is retried. A request that may have taken effect is not.

use pingora::proxy::Session;
use pingora::{Error, ErrorSource, ErrorType, RetryType};

use super::exchange::Permitted;
use super::http2_support::Http2Support;
use super::slot::TOKEN_REFUSED;
use super::{failure, reuse};

/// Retries of a request that an upstream has refused unread.
const UNREAD_REPEATS: u8 = 1;

/// Returns whether the next address is tried after one that did not connect. Nothing was sent, so it is whatever the method.
pub(super) fn after_connecting(permitted: &mut Permitted, http2_support: &Http2Support) -> bool {
    let upstream = permitted.upstream();
    let refused = upstream.is_some_and(|upstream| http2_support.note_refused(upstream));
    // Where HTTP/2 was insisted on, the same address may speak HTTP/1.1 only by now.
    permitted.attempt += usize::from(!refused);
    permitted.upstream().is_some()
}

/// Remembers that an upstream whose answer cannot be read speaks HTTP/2 nonetheless.
pub(super) fn note_protocol(permitted: &Permitted, http2_support: &Http2Support, error: &Error) {
    if let (ErrorType::InvalidH2, Some(upstream)) = (error.etype(), permitted.upstream()) {
        http2_support.note_http2(upstream);
    }
}

/// What was sent, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt {
    /// All of the body that was taken from the agent is still there.
    pub(super) is_whole: bool,
    /// The request has no effect (RFC 9110 section 9.2.1).
    pub(super) is_safe: bool,
    /// The connection has carried another exchange before.
    pub(super) reused: bool,
}

impl Attempt {
    /// Returns what was sent for Pingora.
    pub(super) fn of(session: &Session, reused: bool) -> Self {
        Self {
            is_whole: !session.as_ref().retry_buffer_truncated(),
            is_safe: session.req_header().method.is_safe(),
            reused,
        }
    }
}

/// Returns whether a request goes again after an attempt that was connected. A repeat takes back that something was sent.
pub(super) fn after_sending(permitted: &mut Permitted, error: &Error, attempt: Attempt) -> bool {
    // The agent has already received the beginning of an answer.
    if permitted.is_answering {
        return false;
    }
    if *error.etype() == ErrorType::Custom(TOKEN_REFUSED) {
        // Nothing was done (RFC 9110 section 15.5.2).
        permitted.is_sent = false;
        return attempt.is_whole;
    }
    let is_upstreams = *error.esource() == ErrorSource::Upstream;
    let unread = is_upstreams && was_unread(error);
    if unread {
        permitted.unread += 1;
        permitted.is_sent = false;
    }
    if !attempt.is_whole {
        return false;
    }
    let again = if *error.etype() == ErrorType::Custom(reuse::NOT_CLEAN) {
        true
    } else if !is_upstreams {
        // The agent failed or is gone; the sent bytes may be half of a request.
        false
    } else if unread {
        permitted.unread <= UNREAD_REPEATS
    } else {
        // A connection of the pool may be closed by the upstream just as it is taken, with a farewell or without. Whether the
        // request was read by then is unknown, so only one without an effect goes again.
        attempt.reused && is_stale(error) && attempt.is_safe
    };
    if again {
        permitted.is_sent = false;
    }
    again
}

/// Returns whether the upstream says that it has not looked at the request: it is leaving, refuses the stream, or wants HTTP/1.1
/// (RFC 9113 sections 6.8, 8.7 and 7). Pingora says "again" of these, and of answers that cannot be read.
fn was_unread(error: &Error) -> bool {
    matches!(error.retry, RetryType::Decided(true))
        && matches!(error.etype(), ErrorType::H2Error | ErrorType::H2Downgrade)
}

/// Returns whether a connection was gone before an answer came over it.
fn is_stale(error: &Error) -> bool {
    failure::is_end(error) || matches!(error.retry, RetryType::ReusedOnly)
}
