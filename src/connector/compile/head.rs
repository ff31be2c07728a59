//! Compiles what a connector file says outside its routes: names, headers, credential places, overrides.

pub(crate) mod health;

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::auth::{Places, Scheme};
use crate::config::yaml::ShortOr;
use crate::connector::compile::errors::ErrorShapeError;
use crate::connector::compile::layers::Layers;
use crate::connector::compile::{Scope, listed};
use crate::connector::manifest::Manifest;
use crate::connector::model::error_shape::ErrorShape;
use crate::connector::model::name_path::NamePath;
use crate::connector::model::native::Native;
use crate::model::action::Risk;
use crate::model::target::Oddities;

/// Headers that framing, identity or the gateway itself decide.
const NOT_DEFAULTS: [&str; 11] = [
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "host",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Returns the name for people.
pub(crate) fn name<'a>(layers: &Layers<'a>, scope: &mut Scope<'a>) -> String {
    let name = layers.pick(scope, |manifest| manifest.name.as_ref());
    name.map_or_else(|| scope.id.to_string(), |name| name.value.clone())
}

/// Returns where the API is documented.
pub(crate) fn docs<'a>(layers: &Layers<'a>, scope: &mut Scope<'a>) -> Option<String> {
    let docs = layers.pick(scope, |manifest| manifest.docs.as_ref());
    docs.map(|docs| docs.value.clone())
}

/// Returns the version as a text.
pub(crate) fn version<'a>(layers: &Layers<'a>, scope: &mut Scope<'a>) -> Option<String> {
    let said = |manifest: &'a Manifest| Some((&manifest.connector, manifest.version.as_ref()?));
    let (connector, version) = layers.pick(scope, said)?;
    match version {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Number(number) => Some(number.to_string()),
        serde_json::Value::Null => None,
        serde_json::Value::Bool(_) | serde_json::Value::Array(_) | serde_json::Value::Object(_) => {
            scope.error(
                "version",
                "`version` is neither a number nor a text",
                connector,
                "as in `version: 3`",
            );
            None
        }
    }
}

/// Returns what of odd paths the API needs.
pub(crate) fn oddities<'a>(layers: &Layers<'a>, scope: &mut Scope<'a>) -> Oddities {
    let paths = layers.pick(scope, |manifest| manifest.paths.as_ref());
    let mut oddities = Oddities::default();
    let allowed = paths.into_iter().flat_map(|paths| &paths.allow);
    allowed.for_each(|oddity| oddities.insert(*oddity));
    oddities
}

/// Returns the risk of a request that matches no route: it may do more than any that has been described.
pub(crate) fn fallback_risk<'a>(layers: &Layers<'a>, scope: &mut Scope<'a>) -> Risk {
    let fallback = layers.pick(scope, |manifest| manifest.fallback.as_ref());
    fallback.map_or(Risk::High, |fallback| fallback.risk)
}

/// Returns the shapes in which the API tells errors.
pub(crate) fn errors<'a>(layers: &Layers<'a>, scope: &mut Scope<'a>) -> Arc<[ErrorShape]> {
    let Some(written) = layers.pick(scope, |manifest| manifest.errors.as_ref()) else {
        return Arc::default();
    };
    let shapes = match &written.value {
        ShortOr::Short(name) => ErrorShape::named(name)
            .ok_or_else(|| format!("`{}` is not a shape of errors", name.escape_debug())),
        ShortOr::Long(entries) => {
            let shapes = entries.0.iter().map(ErrorShape::new);
            let shapes: Result<_, ErrorShapeError> = shapes.collect();
            shapes.map_err(|error| error.to_string())
        }
    };
    shapes.unwrap_or_else(|message| {
        let known: Vec<&str> = ErrorShape::names().collect();
        let help = format!("one of {}, or `{{ status, body }}`", known.join(", "));
        scope.error("errors", message, written, &help);
        Arc::default()
    })
}

/// Returns the override that the connector names.
pub(crate) fn native<'a>(layers: &Layers<'a>, scope: &mut Scope<'a>) -> Option<Native> {
    let written = layers.pick(scope, |manifest| manifest.native.as_ref())?;
    let native = Native::named(&written.value);
    if native.is_none() {
        let message = format!("there is no override `{}`", written.value.escape_debug());
        let known = Native::names().collect::<Vec<_>>().join(", ");
        scope.error("native", message, written, &format!("one of {known}"));
    }
    native
}

/// Returns headers to put on when absent.
pub(crate) fn headers<'a>(layers: &Layers<'a>, scope: &mut Scope<'a>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let all = layers.upward().flat_map(|file| {
        let entries = file.manifest.headers.iter();
        entries.map(move |(name, value)| (&file.source, name, value))
    });
    for (source, name, value) in all {
        scope.source = source;
        let header = name
            .parse::<HeaderName>()
            .ok()
            .zip(HeaderValue::from_str(&value.value).ok());
        match header {
            Some((name, _)) if NOT_DEFAULTS.contains(&name.as_str()) => {
                scope.error(
                    "headers",
                    format!("`{name}` cannot be a default header"),
                    value,
                    "the gateway sets it itself",
                );
            }
            Some((name, value)) => {
                headers.insert(name, value);
            }
            None => {
                let message = format!("`{}` is not a header with a value", name.escape_debug());
                scope.error("headers", message, value, "as in `Accept-Language: en`");
            }
        }
    }
    headers
}

/// Lets every body be read that may hold a scheme's credential; the scheme has checked how the place is written.
fn body_place(place: &str, scope: &mut Scope<'_>) {
    if let Some(name) = place.strip_prefix("form:") {
        scope
            .client_credentials
            .form
            .extend(NamePath::parse(name).ok());
    } else if let Ok(path) = scope.paths.intern(place) {
        scope.client_credentials.json.push((path, place.into()));
    }
}

/// Returns every place where the API takes a credential.
pub(crate) fn places<'a>(layers: &Layers<'a>, schemes: &[Scheme], scope: &mut Scope<'a>) -> Places {
    let mut places = Places::default();
    for scheme in schemes {
        let own = scheme.places();
        places.headers.extend(own.headers);
        places.query.extend(own.query);
        for place in own.body {
            body_place(&place, scope);
        }
    }
    let listed = layers.pick(scope, |manifest| listed(&manifest.credentials_in));
    for entry in listed.unwrap_or_default() {
        match entry.value.split_once(':') {
            Some(("header", name)) if name.parse::<HeaderName>().is_ok() => {
                places.headers.push(name.to_ascii_lowercase())
            }
            Some(("query", key)) if !key.is_empty() => places.query.push(key.to_owned()),
            _ if entry.value.starts_with('$') => {
                let path = scope.paths.intern(&entry.value);
                let help = "as in `$.token`";
                let path = scope.good(path, "credentials-in", entry, help);
                let places = &mut scope.client_credentials.json;
                places.extend(path.map(|path| (path, entry.value.as_str().into())));
            }
            Some(("form", name)) => {
                let name = NamePath::parse(name);
                let name = scope.good(name, "credentials-in", entry, "as in `form:token`");
                scope.client_credentials.form.extend(name);
            }
            Some(("protocol", entry)) if !entry.trim_matches('*').is_empty() => {
                places.protocols.push(entry.to_ascii_lowercase());
            }
            _ => {
                let message = format!(
                    "`{}` is not a place of a credential",
                    entry.value.escape_debug()
                );
                scope.error(
                    "credentials-in",
                    message,
                    entry,
                    "as in `header:X-Api-Key`, `query:key`, `form:token`, `$.token` or `protocol:api-key.*`",
                );
            }
        }
    }
    for list in [&mut places.headers, &mut places.query] {
        list.sort();
        list.dedup();
    }
    places
}

/// Returns the override headers and parameters that the API does not obey.
pub(crate) fn method_overrides<'a>(layers: &Layers<'a>, scope: &mut Scope<'a>) -> Vec<String> {
    let listed = layers.pick(scope, |manifest| listed(&manifest.method_override));
    let listed = listed.unwrap_or_default();
    for entry in listed {
        if entry.value.parse::<HeaderName>().is_err() {
            let message = format!(
                "`{}` is not a header or parameter",
                entry.value.escape_debug()
            );
            scope.error(
                "method-override",
                message,
                entry,
                "as in `X-HTTP-Method-Override` or `_method`",
            );
        }
    }
    listed.iter().map(|entry| entry.value.clone()).collect()
}
