//! Finds the canonical target of a request and its candidate routes. A plain function of values.

use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderName, Method};

use super::Head;
use super::headers;
use super::refuse::{Code, Refusal};
use super::websocket::{self, Protocol};
use crate::connector::{Candidates, Catalog, Connector, ErrorShape, Place, UnreadableCode};
use crate::model::target::{Authority, Path, Query, Target};
use crate::snapshot::Snapshot;

/// A request whose target is canonical and whose headers are those that will be sent.
#[derive(Debug)]
pub struct Classified {
    /// Method, host, path, query.
    pub target: Target,
    /// Without hop-by-hop, nominated and underscored names.
    pub headers: HeaderMap,
    /// Whose domain it is.
    pub place: Place,
    /// What it can mean.
    pub candidates: Candidates,
    /// What is spoken once the upstream has answered.
    pub protocol: Protocol,
    /// Headers that nothing declares, taken out so far.
    pub dropped: Vec<HeaderName>,
    /// Length that `Content-Length` declares, in bytes; `None` without one.
    pub declared_length: Option<usize>,
}

/// Why no route can be told.
#[derive(Debug, Clone)]
pub struct Unclassified {
    /// The reason and its sentence.
    pub refusal: Refusal,
    /// How clients of the connector that the target belongs to read errors, where that much is known.
    pub shape: Option<Box<ErrorShape>>,
}

impl From<Refusal> for Unclassified {
    fn from(refusal: Refusal) -> Self {
        Self {
            refusal,
            shape: None,
        }
    }
}

impl From<Unclassified> for Refusal {
    fn from(unclassified: Unclassified) -> Self {
        unclassified.refusal
    }
}

impl Classified {
    /// Returns the connector whose domain the target is in.
    #[must_use]
    pub fn connector(&self) -> &Connector {
        &self.place.connector
    }
}

/// Finds the connector and the routes. The head's headers are taken out of it.
///
/// # Errors
/// `no_connector`, `not_canonical`, `near_route`, `ambiguous_parameter`, `method_override`, `identity_header`, `plaintext`, `bad_request`.
pub fn classify(snapshot: &Snapshot, head: &mut Head) -> Result<Classified, Unclassified> {
    if matches!(head.method, Method::TRACE | Method::CONNECT) {
        let detail = format!("{} is never forwarded.", head.method);
        return Err(Refusal::because(Code::BadRequest, detail).into());
    }
    // Methods are compared letter by letter, and some servers take `delete` for `DELETE`.
    if head
        .method
        .as_str()
        .bytes()
        .any(|byte| byte.is_ascii_lowercase())
    {
        let detail = "The method is not in upper case.";
        return Err(Refusal::because(Code::NotCanonical, detail).into());
    }
    headers::clean(&mut head.headers)?;
    let not_canonical =
        |error: &dyn std::fmt::Display| Refusal::because(Code::NotCanonical, sentence(error));
    let protocol = websocket::protocol(&head.method, &head.headers)?;
    let path = Path::parse(&head.path).map_err(|error| not_canonical(&error))?;
    let query = Query::parse(head.query.as_deref()).map_err(|error| {
        if error.is_ambiguous() {
            return Refusal::because(UnreadableCode::AmbiguousParameter.into(), sentence(&error));
        }
        not_canonical(&error)
    })?;
    let mut headers = std::mem::take(&mut head.headers);
    let declared_length = declared_length(&headers);
    headers::strip_hop_by_hop(&mut headers);
    let target = Target {
        method: head.method.clone(),
        authority: head.authority.clone(),
        path,
        query,
        tls: head.tls,
    };
    let mut classified = again(snapshot, target, headers, protocol)?;
    classified.declared_length = declared_length;
    Ok(classified)
}

fn declared_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Finds the connector and the routes of what is canonical already: of a new request, or of one that has waited.
///
/// # Errors
/// `no_connector`, `not_canonical`, `near_route`, `method_override`, `identity_header`, `plaintext`.
pub(super) fn again(
    snapshot: &Snapshot,
    target: Target,
    headers: HeaderMap,
    protocol: Protocol,
) -> Result<Classified, Unclassified> {
    let place = snapshot
        .catalog()
        .locate(&target.authority, &target.path)
        .ok_or_else(|| no_connector(snapshot, &target.authority))?;
    let candidates = narrow(snapshot.catalog(), &place, &target, &headers, protocol);
    let candidates = candidates.map_err(|refusal| Unclassified {
        refusal,
        shape: place.connector.error_shape(&headers).map(Box::new),
    })?;
    Ok(Classified {
        target,
        headers,
        place,
        candidates,
        protocol,
        dropped: Vec::new(),
        declared_length: None,
    })
}

/// Finds the routes, once the connector's own rules let the target pass.
fn narrow(
    catalog: &Catalog,
    place: &Place,
    target: &Target,
    headers: &HeaderMap,
    protocol: Protocol,
) -> Result<Candidates, Refusal> {
    let connector = &place.connector;
    if place.is_passed_through() {
        let detail = format!("`{}` is only passed through as a tunnel.", target.authority);
        return Err(Refusal::because(Code::NoConnector, detail));
    }
    if !target.tls && (target.authority.port == 443 || !connector.allows_plaintext()) {
        return Err(Refusal::from(Code::Plaintext));
    }
    connector
        .check_target(target, headers)
        .map_err(|error| Refusal::because(error.code.into(), sentence(&error)))?;
    match protocol {
        Protocol::Http => {
            let candidates = place.candidates(&target.method, &target.query);
            if candidates.are_none() {
                check_near(catalog, target)?;
            }
            Ok(candidates)
        }
        Protocol::WebSocket => place
            .opening(&target.query)
            .ok_or_else(|| no_websocket(connector)),
    }
}

/// Refuses a path that no route is for, where the server may well take it for one that has a route: a name, and what policies say of
/// it, would be gone around by the spelling.
fn check_near(catalog: &Catalog, target: &Target) -> Result<(), Refusal> {
    let Some(odd) = catalog.near_route(target) else {
        return Ok(());
    };
    let detail = format!(
        "The path is one that the connector describes but for its spelling ({odd}), which many servers ignore."
    );
    Err(Refusal {
        suggest: Some("Spell the path as the API's documentation does.".into()),
        ..Refusal::because(Code::NearRoute, detail)
    })
}

fn no_websocket(connector: &Connector) -> Refusal {
    let detail = format!("No route of `{}` opens a WebSocket here.", connector.id());
    Refusal::because(Code::NoWebSocket, detail)
}

fn no_connector(snapshot: &Snapshot, authority: &Authority) -> Refusal {
    let detail = if snapshot.catalog().knows(authority) {
        format!("A connector covers `{}`, but not this path.", authority)
    } else {
        format!("No connector covers `{}`.", authority)
    };
    Refusal::because(Code::NoConnector, detail)
}

/// Makes a sentence of an error's text.
fn sentence(error: &dyn std::fmt::Display) -> String {
    let text = error.to_string();
    let mut characters = text.chars();
    let first = characters
        .next()
        .map(|first| first.to_uppercase().to_string())
        .unwrap_or_default();
    format!("{first}{}.", characters.as_str())
}
