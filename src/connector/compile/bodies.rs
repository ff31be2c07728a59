//! Compiles how a route's bodies are read, and checks that what the route reads is found in them.

use std::sync::Arc;

use crate::connector::compile::Scope;
use crate::connector::compile::defaults::{Defaults, body_formats};
use crate::connector::manifest::route::RouteEntry;
use crate::connector::model::batch::Batch;
use crate::connector::model::format::{Format, Kind};
use crate::connector::model::operation::OperationKind;
use crate::connector::model::route::Route;

/// Returns how bodies are read; nothing for `none`, and for a WebSocket, which is opened without one.
pub(crate) fn formats(
    entry: &RouteEntry,
    (kind, batch): (OperationKind, Option<&Batch>),
    defaults: &Defaults<'_>,
    scope: &mut Scope<'_>,
) -> Arc<[Format]> {
    if entry.websocket {
        return Arc::default();
    }
    match &entry.body {
        Some(written) => body_formats(written, scope).into(),
        None if kind == OperationKind::Git => [Format::of(Kind::Git)].into(),
        None if matches!(batch, Some(Batch::Multipart)) => [Format::of(Kind::Batch)].into(),
        None if kind == OperationKind::Batch => [Format::json()].into(),
        None => Arc::clone(&defaults.formats),
    }
}

fn check_only(entry: &RouteEntry, scope: &mut Scope<'_>) {
    if let (Some(only), None) = (&entry.only, &entry.when) {
        scope.error(
            "only",
            "`only` needs a `when`",
            only,
            "it says which body keys a `when` route stands for",
        );
    }
}

/// What a route reads in a body must be found in the dialects that it lists.
fn check_dialects(route: &Route, entry: &RouteEntry, scope: &mut Scope<'_>) {
    let json = |kind: Kind| kind == Kind::Json;
    // Arguments of GraphQL fields are found whatever carries the document.
    let reads_json = route.kind != OperationKind::Graphql && route.body_paths().next().is_some();
    let reads_form = route.form_names().next().is_some();
    if route.formats.is_empty() && (reads_json || reads_form || route.only.is_some()) {
        let message = "the route reads the body, and says `body: none`";
        scope.error("body", message, &entry.matches, "drop one of the two");
        return;
    }
    if reads_json && !route.has_kind(json) {
        let message = "the route reads JSON, and its bodies are not JSON";
        scope.error(
            "body",
            message,
            &entry.matches,
            "add `json` to `body`, or read `form:` names",
        );
    }
    if reads_form && !route.has_kind(Kind::has_names) {
        let message = "the route reads a form, and its bodies are not forms";
        scope.error(
            "body",
            message,
            &entry.matches,
            "say `body: form`, or `body: [json, form]`",
        );
    }
    // In the other dialect the condition could never hold, and the request would pass as its plain sibling.
    let Some((when, written)) = route.when.as_ref().zip(entry.when.as_ref()) else {
        return;
    };
    let beside_json =
        reads_json && !when.body_paths.is_empty() && route.has_kind(|kind| !json(kind));
    let beside_form = !when.form.is_empty() && route.has_kind(|kind| !kind.has_names());
    if beside_json || beside_form {
        let message = "`when` reads one dialect, and `body` lists others too";
        scope.error(
            "body",
            message,
            written,
            "write a route for each dialect, with its own `body` and `when`",
        );
    }
}

/// RFC 6455 section 4.1: a WebSocket is opened by a GET without a body.
fn check_websocket(route: &Route, entry: &RouteEntry, scope: &mut Scope<'_>) {
    if *route.matches.methods != [Box::from("GET")] {
        let message = format!("`{}` cannot open a WebSocket", entry.matches.value);
        let help = "a WebSocket is opened by `GET`";
        scope.error("websocket", message, &entry.matches, help);
    }
    let reads = route.body_paths().next().is_some() || route.form_names().next().is_some();
    if reads || route.only.is_some() || entry.body.is_some() {
        scope.error(
            "websocket",
            "the route reads the body, and a WebSocket is opened without one",
            &entry.matches,
            "read the query or headers, or drop `websocket: true`",
        );
    }
}

/// Checks that what the route reads of a body is found in the dialects that it lists.
pub(crate) fn check(route: &Route, entry: &RouteEntry, scope: &mut Scope<'_>) {
    check_only(entry, scope);
    if route.options.websocket {
        check_websocket(route, entry, scope);
    } else {
        check_dialects(route, entry, scope);
    }
}
