//! Says what the status of an answer means for its body, and for the heads that follow it.

use http::StatusCode;

/// Returns whether no other head follows one with this status.
pub(super) fn is_last(status: StatusCode) -> bool {
    status == StatusCode::SWITCHING_PROTOCOLS || !status.is_informational()
}

/// Returns whether a final answer with this status has no body, whatever its headers say (RFC 9110 section 6.4.1).
pub(super) fn has_no_content(status: StatusCode) -> bool {
    [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&status)
}
