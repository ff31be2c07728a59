//! Refuses a request that carries a credential of the client's own which cannot be stripped.

use super::collect::Collected;
use super::decide::Injection;
use super::headers;
use super::refuse::{Code, Refusal};
use super::websocket::{self, Protocol};
use crate::connector::{Connector, CredentialPlace, Sending};

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
    if public || input.options.without_credential {
        return Ok(());
    }
    let found = connector.client_credential(&target.query, &payload.headers, Sending::Emptied);
    // What the chosen scheme writes over does not go out.
    let mut in_body = input.options.client_credentials.iter();
    let in_body = in_body.find(|place| !is_overwritten(connector, injection, place));
    let detail = match (found, in_body) {
        (Some(CredentialPlace::Signature(key)), _) => {
            format!("The URL carries a signature of its own (`{key}`); ask for it without one.")
        }
        (Some(CredentialPlace::Query(name)), _) => {
            let name = name.escape_debug();
            format!("The query key `{name}` could be read as a credential; leave it out.")
        }
        (Some(place @ CredentialPlace::Header(_)), _) => {
            format!("The request carries a credential of its own (`{place}`); leave it out.")
        }
        (None, Some(place)) => {
            format!("The body carries a credential of its own (`{place}`); leave it out.")
        }
        (None, None) => return Ok(()),
    };
    Err(Refusal::because(Code::ClientCredential, detail))
}

/// Returns whether the credential that is put on takes this place of the body.
fn is_overwritten(connector: &Connector, injection: &Injection, place: &str) -> bool {
    let Injection::Credential(credential) = injection else {
        return false;
    };
    let scheme = connector.put_on(credential).ok().flatten();
    scheme.is_some_and(|scheme| scheme.places().body.iter().any(|own| own == place))
}
