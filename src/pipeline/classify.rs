//! Finds the canonical target of a request and its candidate routes. A plain function of values.

use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderName};

use super::Head;
use super::headers;
use super::refuse::{Code, Refusal};
use super::websocket;
use crate::connector::{
    self, Candidates, Connector, ErrorShape, Location, Protocol, Unreadable, UnreadableCode,
    Unroutable, WrittenTarget,
};
use crate::model::target::Target;
use crate::snapshot::Snapshot;

/// A request whose target is canonical and whose headers are those that will be sent.
#[derive(Debug)]
pub struct Classified {
    /// Method, host, path, query.
    pub target: Target,
    /// Without hop-by-hop, nominated and underscored names.
    pub headers: HeaderMap,
    /// The connector and base path that the target belongs to.
    pub place: Location,
    /// What it can mean.
    pub candidates: Candidates,
    /// What is spoken once the upstream has answered.
    pub protocol: Protocol,
    /// Headers that nothing declares, taken out so far.
    pub dropped: Vec<HeaderName>,
    /// Headers that were taken out before anything was judged although some server might have read them.
    pub stripped: Vec<HeaderName>,
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
    connector::clean_headers(&mut head.headers).map_err(Refusal::from)?;
    let protocol = websocket::protocol(&head.method, &head.headers)?;
    let written = WrittenTarget {
        method: &head.method,
        authority: &head.authority,
        path: &head.path,
        query: head.query.as_deref(),
        tls: head.tls,
    };
    let target = written.canonical().map_err(Refusal::from)?;
    let mut headers = std::mem::take(&mut head.headers);
    let declared_length = declared_length(&headers);
    let stripped = headers::strip_hop_by_hop(&mut headers);
    let mut classified = again(snapshot, target, headers, protocol)?;
    classified.declared_length = declared_length;
    classified.stripped = stripped;
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
    let catalog = snapshot.catalog();
    let place = catalog.place(&target).map_err(Refusal::from)?;
    let candidates = catalog.routes(&place, &target, &headers, protocol);
    let candidates = candidates.map_err(|error| Unclassified {
        refusal: error.into(),
        shape: place.connector.error_shape(&headers).map(Box::new),
    })?;
    Ok(Classified {
        target,
        headers,
        place,
        candidates,
        protocol,
        dropped: Vec::new(),
        stripped: Vec::new(),
        declared_length: None,
    })
}

impl From<Unroutable> for Refusal {
    fn from(error: Unroutable) -> Self {
        let code = match &error {
            Unroutable::Unreadable(unreadable) => return unreadable.clone().into(),
            Unroutable::Plaintext => return Code::Plaintext.into(),
            Unroutable::NeverForwarded(_) => Code::BadRequest,
            Unroutable::UnknownHost(_)
            | Unroutable::UnknownPath(_)
            | Unroutable::PassedThrough(_) => Code::NoConnector,
            Unroutable::NoWebSocket(_) => Code::NoWebSocket,
        };
        Self::because(code, sentence(&error))
    }
}

impl From<Unreadable> for Refusal {
    fn from(error: Unreadable) -> Self {
        let near = error.code == UnreadableCode::NearRoute;
        Self {
            suggest: near.then(|| "Spell the path as the API's documentation does.".into()),
            ..Self::because(error.code.into(), sentence(&error))
        }
    }
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
