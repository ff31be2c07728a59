//! Mask: an answer's head in, the head that the agent may see out.

use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue};

use super::Permit;
use super::decide::Injection;
use super::record::Ticket;
use super::refuse::{CODE, DECISION, REQUEST_ID};

/// Removes what the agent must not see and adds `Tollgate-*`.
///
/// A session cookie that answers an injected request is a credential, so it goes.
pub fn mask_head(permit: &Permit, ticket: &Ticket, headers: &mut HeaderMap) {
    let injected = matches!(permit.standing.injection(), Injection::Credential(_));
    if injected && !permit.outgoing.passes.cookies {
        headers.remove(SET_COOKIE);
        headers.remove("set-cookie2");
    }
    headers.remove(CODE);
    headers.insert(DECISION, HeaderValue::from_static("allow"));
    if let Ok(id) = HeaderValue::from_str(ticket.request_id()) {
        headers.insert(REQUEST_ID, id);
    }
}
