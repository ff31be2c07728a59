//! Answer: an upstream's head, or its failure, in; what the agent may know of it out.

use http::header::{CONNECTION, PROXY_AUTHENTICATE, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName};
use pingora::http::ResponseHeader;
use pingora::{Error, Result};

use super::exchange::{Exchange, Permitted};
use super::peer::{self, Failure};
use super::respond::set_request_id;
use crate::pipeline::mask::mask_head;
use crate::pipeline::record::Outcome;
use crate::pipeline::refuse::{Code, Refusal};

/// Meant for us, or sets the agent's connection to us: not passed on.
const HOP: [HeaderName; 6] = [
    CONNECTION,
    PROXY_AUTHENTICATE,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("proxy-authentication-info"),
];

/// Rebuilds the head: Pingora keeps names twice, so headers cannot be changed in place.
///
/// # Errors
/// Never for a head that was received; the builder is fallible.
pub(super) fn mask(permitted: &Permitted, response: &mut ResponseHeader) -> Result<()> {
    let mut headers: HeaderMap = response.headers.clone();
    for name in &HOP {
        headers.remove(name);
    }
    // How the body is cut is between Pingora and the agent.
    let coding = headers.remove(TRANSFER_ENCODING);
    mask_head(&permitted.permit, &permitted.ticket, &mut headers);
    set_request_id(&mut headers, permitted.ticket.request_id());
    let mut masked = ResponseHeader::build(response.status, Some(headers.len() + 1))?;
    masked.set_version(response.version);
    for (name, value) in &headers {
        masked.append_header(name.clone(), value.clone())?;
    }
    if let Some(coding) = coding {
        masked.insert_header(TRANSFER_ENCODING, coding)?;
    }
    *response = masked;
    Ok(())
}

/// Notes why an exchange failed; returns what the agent reads, unless it is gone.
pub(super) fn failed(exchange: &mut Exchange, error: &Error) -> Option<Refusal> {
    if let Some(refusal) = exchange.refusal.take() {
        return Some(refusal);
    }
    let failure = peer::failure(error);
    // The kind only: the rest of Pingora's text quotes bytes of both sides.
    tracing::warn!(
        request.id = exchange.request_id,
        error.kind = error.etype().as_str(),
        ?failure,
        "exchange failed"
    );
    let code = match failure {
        Failure::AgentLeft => {
            exchange.note_outcome(Outcome::AgentLeft);
            return None;
        }
        Failure::Upstream(kind, code) => {
            exchange.note_outcome(Outcome::UpstreamFailed(kind));
            code
        }
        Failure::Internal => {
            exchange.note_outcome(Outcome::Refused(Code::Internal.as_str()));
            Code::Internal
        }
    };
    Some(Refusal::new(code, &exchange.request_id))
}
