//! Compiles what a route says of answers: `response_secrets` and `response_params`.

use std::sync::Arc;

use http::header::SET_COOKIE;

use crate::config::yaml::ShortOr;
use crate::connector::compile::Scope;
use crate::connector::compile::paths::{JsonPathError, Paths};
use crate::connector::compile::plan::Keys;
use crate::connector::manifest::route::RouteEntry;
use crate::connector::model::answer::{AnswerParams, AnswerPlace, AnswerSource};
use crate::connector::model::pattern::parameter_name;
use crate::connector::model::plan::Plan;
use crate::model::action::Risk;

const HELP: &str = "as in `$.access_token` or `header:X-Key`";

/// Returns where the answer holds a credential.
pub(crate) fn response_secrets(entry: &RouteEntry, scope: &mut Scope<'_>) -> Vec<AnswerPlace> {
    let mut places = Vec::new();
    for written in entry.response_secrets.iter().flatten() {
        let place = AnswerPlace::parse(&written.value);
        places.extend(scope.good(place, "response-secrets", written, HELP));
    }
    let stated = entry.risk.as_ref().filter(|_| entry.hands_out());
    if let Some(stated) = stated
        && !matches!(stated.value, ShortOr::Short(Risk::Critical))
    {
        let message = "an action whose answer holds a credential is critical";
        scope.error(
            "risk",
            message,
            stated,
            "leave `risk` out beside `response_secrets`",
        );
    }
    places
}

/// Returns what is recorded of the answer.
pub(crate) fn params(entry: &RouteEntry, scope: &mut Scope<'_>) -> AnswerParams {
    let mut places = Vec::new();
    for (name, written) in &entry.response_params.0 {
        let param = &written.value.0;
        if entry.hands_out() {
            let message = "the answer holds a credential, so nothing of it is recorded";
            let help = "leave `response_params` out beside `response_secrets`";
            scope.error("response-params", message, written, help);
            break;
        }
        let source = match param.from.as_ref().map(|from| from.0.as_slice()) {
            Some([source]) if param.is_plain() => source,
            Some(_) | None => {
                let message = format!("`{name}` of an answer is one place, without options");
                scope.error("response-params", message, written, HELP);
                continue;
            }
        };
        let name = scope.good(
            parameter_name(name),
            "response-params",
            written,
            "rename it",
        );
        let place = scope.good(AnswerPlace::parse(source), "response-params", written, HELP);
        if matches!(&place, Some(AnswerPlace::Header(name)) if *name == SET_COOKIE) {
            let message = "a cookie is a credential, which is never recorded";
            scope.error("response-params", message, written, "leave it out");
        }
        places.extend(name.zip(place));
    }
    AnswerParams::new(places.into_iter().collect::<Vec<(Arc<str>, AnswerPlace)>>())
}

/// Why a text is not a place in an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AnswerPlaceError {
    #[error("`{0}` is not a header name")]
    Header(String),
    #[error("`{0}` is not a place in an answer")]
    NotAPlace(String),
    #[error(transparent)]
    Path(#[from] JsonPathError),
}

impl AnswerPlace {
    /// Reads `$.access_token` or `header:X-Key`.
    pub(crate) fn parse(text: &str) -> Result<Self, AnswerPlaceError> {
        if let Some(name) = text.strip_prefix("header:") {
            let wrong = |_| AnswerPlaceError::Header(name.escape_debug().to_string());
            return name.parse().map(Self::Header).map_err(wrong);
        }
        if !text.starts_with('$') {
            let text = text.escape_debug().to_string();
            return Err(AnswerPlaceError::NotAPlace(text));
        }
        Paths::default().intern(text)?;
        Ok(Self::Body(text.into()))
    }
}

impl AnswerParams {
    /// Compiles names and places.
    pub(crate) fn new(places: Vec<(Arc<str>, AnswerPlace)>) -> Self {
        let mut paths = Paths::default();
        let mut names = Vec::new();
        for (name, place) in places {
            let source = match place {
                // It has been parsed before.
                AnswerPlace::Body(text) => paths.intern(&text).ok().map(AnswerSource::Body),
                AnswerPlace::Header(name) => Some(AnswerSource::Header(name)),
            };
            names.extend(source.map(|source| (name, source)));
        }
        let ids = names.iter().filter_map(|(_, source)| match source {
            AnswerSource::Body(path) => Some(*path),
            AnswerSource::Header(_) => None,
        });
        let plan = Plan::new(ids.collect::<Vec<_>>(), &paths, Keys::Dropped);
        Self { names, plan }
    }
}
