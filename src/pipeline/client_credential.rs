//! Refuses a request that carries a credential of the client's own which cannot be stripped.

use super::collect::Collected;
use super::decide::Injection;
use super::headers;
use super::refuse::{Code, Refusal};
use super::websocket::{self, Protocol};
use crate::connector::query_signature;
use crate::model::target::Query;

/// Refuses a credential of the agent's own that cannot be stripped, unless the agent's own is what goes upstream.
///
/// # Errors
/// `client_credential`; `undeclared_header` where the agent's own signature may cover a header that was taken out.
pub fn check(request: &Collected, injection: &Injection) -> Result<(), Refusal> {
    let Collected {
        input,
        payload,
        connector,
    } = request;
    if matches!(injection, Injection::AgentOwned(_)) {
        return headers::check_signed(payload, &input.target.query, connector);
    }
    if payload.protocol == Protocol::WebSocket {
        let marks = &connector.credential_places().protocols;
        websocket::check_subprotocols(&payload.headers, marks)?;
    }
    let target = &input.target;
    let public = connector.is_public_at(&target.authority, &target.path);
    if public || input.terms.without_credential {
        return Ok(());
    }
    let in_body = || {
        let place = input.terms.foreign.as_ref()?;
        Some(format!(
            "The body carries a credential of its own (`{place}`); leave it out."
        ))
    };
    let half = || {
        let name = connector.half_credential(&target.query)?.escape_debug();
        Some(format!(
            "The query key `{name}` could be read as a credential; leave it out."
        ))
    };
    let found = signature(&target.query).or_else(half).or_else(in_body);
    if let Some(detail) = found {
        return Err(Refusal::because(Code::ClientCredential, detail));
    }
    Ok(())
}

fn signature(query: &Query) -> Option<String> {
    let key = query_signature(query)?;
    Some(format!(
        "The URL carries a signature of its own (`{key}`); ask for it without one."
    ))
}
