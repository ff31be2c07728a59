//! Compiles which headers a connector lets go upstream: what its files declare, put on or read.

use http::{HeaderMap, HeaderName};

use crate::config::yaml::At;
use crate::connector::compile::layers::Layers;
use crate::connector::compile::{Scope, routes};
use crate::connector::manifest::entry::UnknownHeaders;
use crate::connector::model::header_rules::{HeaderRules, Unknown};
use crate::connector::model::override_headers::{is_identity, is_override};
use crate::connector::model::route::Route;
use crate::connector::model::standard_headers::is_always_dropped;

/// Shortest beginning that an entry may have: `x-*` would let everything pass.
const MIN_PREFIX: usize = 4;

/// Compiles the rules; entries of files below hold too, as their routes do.
pub(crate) fn rules<'a>(
    layers: &Layers<'a>,
    (defaults, credentials): (&HeaderMap, &[String]),
    read_by: &[Route],
    scope: &mut Scope<'a>,
) -> HeaderRules {
    let mut declared: Vec<Box<str>> = Vec::new();
    let mut prefixes: Vec<Box<str>> = Vec::new();
    for file in layers.upward() {
        scope.source = &file.source;
        for entry in &file.manifest.allow_headers {
            let name = entry.value.to_ascii_lowercase();
            match check(&name, entry, scope) {
                None => {}
                Some(Allowed::Name) => declared.push(name.into()),
                Some(Allowed::Prefix) => prefixes.push(name.trim_end_matches('*').into()),
            }
        }
    }
    declared.extend(defaults.keys().map(|name| name.as_str().into()));
    declared.extend(credentials.iter().map(|name| name.as_str().into()));
    let unknown = layers.pick(scope, |manifest| manifest.unknown_headers.as_ref());
    let unknown = match unknown.map(|unknown| unknown.value) {
        Some(UnknownHeaders::Pass) => Unknown::Passes,
        None => Unknown::Checked,
    };
    for list in [&mut declared, &mut prefixes] {
        list.sort();
        list.dedup();
    }
    let read = routes::read_headers(read_by);
    HeaderRules {
        declared: declared.into(),
        prefixes: prefixes.into(),
        read: read.into_iter().map(Into::into).collect(),
        unknown,
    }
}

enum Allowed {
    Name,
    Prefix,
}

/// Returns what an entry is, or tells why it is none.
fn check(name: &str, entry: &At<String>, scope: &mut Scope<'_>) -> Option<Allowed> {
    let (text, kind) = match name.strip_suffix('*') {
        None => (name, Allowed::Name),
        Some(prefix) => (prefix, Allowed::Prefix),
    };
    let shown = entry.value.escape_debug();
    let mut error =
        |message: String, help: &str| scope.error("allow-headers", message, entry, help);
    if text.parse::<HeaderName>().is_err() || text.contains(['*', '_']) {
        let help = "as in `openai-organization` or `x-vendor-*`; names with `_` never leave";
        error(format!("`{shown}` is not the name of a header"), help);
    } else if matches!(kind, Allowed::Prefix) && (text.len() < MIN_PREFIX || !text.ends_with('-')) {
        let help = "write more of it, up to a `-`; for an API of your own there is `unknown_headers: pass`";
        error(format!("`{shown}` stands for too many headers"), help);
    } else if is_always_dropped(text) {
        error(
            format!("the header `{shown}` never goes upstream"),
            "it belongs to one hop, to proxies or to browsers: leave it out",
        );
    } else if is_identity(text) {
        let message =
            format!("the header `{shown}` switches identity, so no one may send it unseen");
        let help = format!("read it as a parameter of the routes that take it: `header:{text}`");
        error(message, &help);
    } else if is_override(text) {
        let message = format!("the header `{shown}` makes servers take another method or URL");
        error(
            message,
            "list it under `method_override` if the API does not obey it",
        );
    } else {
        return Some(kind);
    }
    None
}
