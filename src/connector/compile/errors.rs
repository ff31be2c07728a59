//! Compiles shapes of errors: those that are known by name, and those that a file states.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::Value as Json;

use crate::config::diagnostic::{Report, Source};
use crate::config::yaml;
use crate::connector::manifest::entry::{self, ErrorsMap};
use crate::connector::model::error_shape::framing::Framing;
use crate::connector::model::error_shape::{ErrorShape, ProtocolErrors};
use crate::model::media_type::MediaType;

/// The shapes that are known by name.
static KNOWN: LazyLock<BTreeMap<String, Arc<[ErrorShape]>>> = LazyLock::new(known);

fn known() -> BTreeMap<String, Arc<[ErrorShape]>> {
    let source = Source {
        name: "errors.yaml".into(),
        text: include_str!("errors.yaml").into(),
        built_in: true,
    };
    // A test reads the list, so a mistake in it does not ship.
    let read: Option<BTreeMap<String, Vec<ErrorsMap>>> =
        yaml::read(&source, &mut Report::default());
    let shapes = read.unwrap_or_default().into_iter();
    let compiled = shapes.map(|(name, entries)| {
        let entries = entries
            .iter()
            .filter_map(|entry| ErrorShape::new(entry).ok());
        (name, entries.collect())
    });
    compiled.collect()
}

/// Why an entry of `errors:` is not the shape of a refusal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ErrorShapeError {
    #[error("`status` is not an HTTP status")]
    Status,
    #[error("`framing` needs a `body` that is a text")]
    FramedBody,
    #[error("a decision is never answered with 408, 425 or 5xx")]
    Retried,
    #[error("`content_type` cannot stand in a header")]
    ContentType,
    #[error("`{0}` is not a header")]
    Header(String),
}

impl ErrorShape {
    /// Compiles one entry of `errors:`.
    pub(crate) fn new(entry: &ErrorsMap) -> Result<Self, ErrorShapeError> {
        let status = entry.status.map(StatusCode::from_u16).transpose();
        let status = status.map_err(|_| ErrorShapeError::Status)?;
        if entry.framing.is_some() && !entry.body.is_string() {
            return Err(ErrorShapeError::FramedBody);
        }
        // SDKs repeat what was answered so, and a decision stays what it is.
        if status
            .is_some_and(|status| status.is_server_error() || [408, 425].contains(&status.as_u16()))
        {
            return Err(ErrorShapeError::Retried);
        }
        let content_type = entry
            .content_type
            .as_ref()
            .map_or("application/json", |kind| &kind.value);
        let content_type =
            HeaderValue::from_str(content_type).map_err(|_| ErrorShapeError::ContentType)?;
        let mut headers = Vec::new();
        for (name, value) in &entry.headers {
            let name: HeaderName = name
                .parse()
                .map_err(|_| ErrorShapeError::Header(name.escape_debug().to_string()))?;
            headers.push((name, value.value.clone()));
        }
        Ok(Self {
            media: entry.media.as_deref().map(Into::into),
            status,
            content_type,
            headers: headers.into(),
            body: Arc::new(entry.body.clone()),
            framing: entry.framing.map(framed),
            needs_rpc_id: holds(&entry.body, "{rpc_id}"),
        })
    }

    /// Returns the shapes of a name.
    pub(crate) fn named(name: &str) -> Option<Arc<[Self]>> {
        KNOWN.get(name).cloned()
    }

    /// Iterates over the known names.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        KNOWN.keys().map(String::as_str)
    }

    /// Returns the shape that git prints, for a request that only git makes.
    #[must_use]
    pub fn of_git(path: &str, query: Option<&str>, headers: &HeaderMap) -> Option<Self> {
        let asks = query.is_some_and(|query| query.starts_with("service=git-"));
        let advertises = asks && path.ends_with("/info/refs");
        if is_of_git(headers) || advertises {
            Self::of(KNOWN.get("git")?, headers)
        } else {
            None
        }
    }
}

/// Returns whether some text in it holds `wanted`.
fn holds(json: &Json, wanted: &str) -> bool {
    match json {
        Json::String(text) => text.contains(wanted),
        Json::Array(items) => items.iter().any(|item| holds(item, wanted)),
        Json::Object(entries) => entries.values().any(|value| holds(value, wanted)),
        Json::Null | Json::Bool(_) | Json::Number(_) => false,
    }
}

/// Returns whether the request is a `POST` of git's smart protocol, `gitprotocol-http(5)`.
fn is_of_git(headers: &HeaderMap) -> bool {
    MediaType::of(headers).is_some_and(|media| media.starts_with("application/x-git-"))
}

fn framed(written: entry::Framing) -> Framing {
    match written {
        entry::Framing::PacketLine => Framing::PacketLine,
        entry::Framing::ReportStatus => Framing::ReportStatus,
    }
}

impl ProtocolErrors {
    /// Returns the shapes of the protocols that say themselves how errors are told.
    pub(crate) fn known() -> Self {
        let named = |name: &str| ErrorShape::named(name).unwrap_or_default();
        Self {
            graphql: named("graphql"),
            json_rpc: named("json_rpc"),
            git: named("git"),
        }
    }
}
