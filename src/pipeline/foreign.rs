//! Foreign credentials: a request that may go and what it would go out with in, a refusal if it carries one that cannot be stripped.

use super::decide::Injection;
use super::headers;
use super::matter::{Matter, Rest};
use super::refuse::{Code, Refusal};
use super::websocket::{self, Protocol};
use crate::connector::Connector;
use crate::model::target::Query;

/// Keys of a query that is signed as a whole: without them it is another request, and with them it is somebody else's.
const SIGNED: [&[&str]; 5] = [
    &["X-Amz-Signature"],
    &["X-Goog-Signature"],
    &["X-Oss-Signature"],
    &["X-Tos-Signature"],
    // A shared access signature of Azure: `sig` alone is too common a name.
    &["sig", "sv"],
];

/// Refuses a credential of the agent's own that cannot be stripped, unless the agent's own is what goes upstream.
///
/// # Errors
/// `foreign_credential`; `undeclared_header` where the agent's own signature may cover a header that was taken out.
pub fn check(
    matter: &Matter,
    rest: &Rest,
    connector: &Connector,
    injection: &Injection,
) -> Result<(), Refusal> {
    if matches!(injection, Injection::AgentOwned(_)) {
        let signed = headers::check_signed(rest, &matter.target.query, connector);
        return signed.map_err(|refusal| Refusal {
            action: matter.action(),
            ..refusal
        });
    }
    if rest.protocol == Protocol::WebSocket {
        let marks = &connector.credential_places().protocols;
        websocket::check_subprotocols(&rest.headers, marks).map_err(|refusal| Refusal {
            action: matter.action(),
            ..refusal
        })?;
    }
    let target = &matter.target;
    let public = connector.is_public_at(&target.authority, &target.path);
    if public || matter.terms.without_credential {
        return Ok(());
    }
    let in_body = || {
        let place = matter.terms.foreign.as_ref()?;
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
        return Err(Refusal {
            action: matter.action(),
            ..Refusal::because(Code::ForeignCredential, detail)
        });
    }
    Ok(())
}

fn signature(query: &Query) -> Option<String> {
    let has = |key: &&str| {
        query
            .pairs()
            .any(|(name, _)| name.eq_ignore_ascii_case(key))
    };
    let signed = SIGNED.iter().find(|keys| keys.iter().all(&has))?;
    let key = signed.first()?;
    Some(format!(
        "The URL carries a signature of its own (`{key}`); ask for it without one."
    ))
}
