//! Decides what of a request becomes a parameter, where it is read and what form it has. Routes share forms by anchors.

mod source;

use std::collections::BTreeSet;

use super::forms;
use super::{DraftRoute, MatchTarget, Param, ParameterForm};
use crate::connector::needs_declaring;
use crate::import::api::{Api, Body, Field, FieldPlace, Kind, Mark, Operation, Way};
use crate::import::names::parameter;
use crate::import::secrets;
use source::{listed, prefix, source, value_type};

/// Paging and the looks of an answer: nothing that a policy decides by.
const UNIMPORTANT: [&str; 34] = [
    "$.xgafv",
    "$fields",
    "$top",
    "$skip",
    "access_token",
    "after",
    "alt",
    "before",
    "callback",
    "cursor",
    "direction",
    "expand",
    "fields",
    "fields_mask",
    "format",
    "key",
    "limit",
    "max_results",
    "next_token",
    "oauth_token",
    "offset",
    "order",
    "page",
    "page_size",
    "page_token",
    "per_page",
    "pretty",
    "pretty_print",
    "quota_user",
    "sort",
    "sort_by",
    "start",
    "start_at",
    "upload_type",
];
/// Headers of HTTP and of versions; the last are endings.
const UNIMPORTANT_HEADERS: [&str; 12] = [
    "accept",
    "authorization",
    "content",
    "cookie",
    "date",
    "expect",
    "host",
    "if",
    "origin",
    "range",
    "user-agent",
    "x-request",
];

/// Returns the entries of `params:` and what a person must look at.
pub(crate) fn of(
    operation: &Operation,
    target: &MatchTarget,
    ways: &[Way],
) -> (Vec<Param>, Vec<String>) {
    let mut params: Vec<Param> = Vec::new();
    for (written, name) in &target.names {
        let field = operation
            .fields
            .iter()
            .find(|field| field.place == FieldPlace::Path && field.name == *written);
        let form = field.map_or_else(|| forms::identifier(name), |field| forms::of(field, name));
        if form != ParameterForm::default() {
            params.push(Param {
                name: name.clone(),
                from: Vec::new(),
                value_type: None,
                form,
                anchor: None,
            });
        }
    }
    let mut judge = Vec::new();
    for field in operation
        .fields
        .iter()
        .filter(|field| matters(field, operation) && !authenticates(field, ways))
    {
        let bodies = std::iter::once(&operation.body).chain(&operation.also);
        let mut from: Vec<String> = bodies.filter_map(|body| source(field, body)).collect();
        from.dedup();
        if !from.is_empty() {
            add(field, from, target, &mut params);
        }
    }
    let secret = operation.fields.iter().filter(|field| {
        field.place == FieldPlace::Query
            && field.shape.kind == Kind::Text
            && !field.shape.list
            && secrets::is_secret(&field.name)
            && !authenticates(field, ways)
    });
    for field in secret.filter(|field| !UNIMPORTANT.contains(&parameter(&field.name).as_str())) {
        judge.push(format!("`{}` in the query looks like a credential; if it is one, list it under `credentials_in`", field.name.escape_debug()));
    }
    (params, judge)
}

/// Returns the headers that operations take and no route reads: versions and the like, which would not go out undeclared.
pub(crate) fn unread_headers(api: &Api, routes: &[DraftRoute]) -> Vec<String> {
    let read: BTreeSet<String> = routes
        .iter()
        .flat_map(|route| &route.params)
        .flat_map(|param| &param.from)
        .filter_map(|from| from.strip_prefix("header:"))
        .map(str::to_ascii_lowercase)
        .collect();
    let fields = api
        .operations
        .iter()
        .flat_map(|operation| &operation.fields);
    let headers = fields.filter(|field| {
        field.place == FieldPlace::Header
            && needs_declaring(&field.name)
            && !authenticates(field, &api.ways)
    });
    let mut names: BTreeSet<String> = headers
        .map(|field| field.name.to_ascii_lowercase())
        .collect();
    names.retain(|name| !read.contains(name));
    names.into_iter().collect()
}

fn add(field: &Field, from: Vec<String>, target: &MatchTarget, params: &mut Vec<Param>) {
    // `input.title` is the title, unless something else is.
    let short = field
        .name
        .rsplit('.')
        .next()
        .filter(|_| field.place == FieldPlace::Argument);
    let short = short
        .map(parameter)
        .filter(|short| params.iter().all(|param| param.name != *short));
    let wanted = short.unwrap_or_else(|| parameter(&field.name));
    let captured = target.captures(&wanted);
    let value_type = value_type(field);
    let secret = field.shape.secret || secrets::is_secret_value(&field.name, field.shape.kind);
    // The same name in the query and the body is one parameter: where both are sent, they must agree.
    let known = params
        .iter_mut()
        .find(|param| param.name == wanted && !captured);
    let mut taken = captured;
    if let Some(known) = known {
        let (one, other) = (known.from.first(), from.first());
        let (one, other) = one.zip(other).unwrap_or((&known.name, &known.name));
        if is_one_name(one, other) {
            // As two parameters they could not be used: the gateway refuses a name that stands in one place and is read in another.
            // So it does where one is a list and the other is not.
            if listed(one) == listed(other) {
                known.value_type = known.value_type.filter(|known| Some(*known) == value_type);
                known.from.extend(from);
                known.form.secret |= secret;
            }
            return;
        }
        taken = true;
    }
    let name = if taken {
        free(&format!("{}_{wanted}", prefix(field.place)), target, params)
    } else {
        wanted
    };
    params.push(Param {
        name,
        from,
        value_type,
        form: ParameterForm {
            secret,
            ..ParameterForm::default()
        },
        anchor: None,
    });
}

/// Returns a name that no other parameter has.
fn free(wanted: &str, target: &MatchTarget, params: &[Param]) -> String {
    let is_taken =
        |name: &String| target.captures(name) || params.iter().any(|param| param.name == *name);
    let numbered = (2..).map(|number| format!("{wanted}_{number}"));
    std::iter::once(wanted.to_owned())
        .chain(numbered)
        .find(|name| !is_taken(name))
        .unwrap_or_default()
}

/// Returns the name under which a source is sent.
fn sent_as(from: &str) -> &str {
    let from = from.trim_end_matches("[*]").trim_end_matches("']");
    from.rsplit([':', '.', '\'']).next().unwrap_or(from)
}

/// Returns whether the gateway takes two sources for one name: as sent, or, outside headers, but for case, `_` and `-`.
fn is_one_name(one: &str, other: &str) -> bool {
    let header = one.starts_with("header:") || other.starts_with("header:");
    let (one, other) = (sent_as(one), sent_as(other));
    let plain = |name: &str| name.replace(['_', '-'], "").to_lowercase();
    one == other || (!header && plain(one) == plain(other))
}

/// Returns whether a credential stands there, which is taken out before anything is judged.
fn authenticates(field: &Field, ways: &[Way]) -> bool {
    let mut marks = ways.iter().flat_map(|way| &way.marks);
    marks.any(|mark| match (mark, field.place) {
        (Mark::Header(name, _), FieldPlace::Header) | (Mark::Query(name), FieldPlace::Query) => {
            name.eq_ignore_ascii_case(&field.name)
        }
        _ => false,
    })
}

/// Returns whether a policy could decide by a field.
fn matters(field: &Field, operation: &Operation) -> bool {
    let shape = &field.shape;
    let comparable = shape.kind != Kind::Structure && !(shape.list && shape.kind == Kind::Any);
    let name = field.name.to_ascii_lowercase();
    match field.place {
        FieldPlace::Path => false,
        FieldPlace::Query => {
            comparable
                && !UNIMPORTANT.contains(&parameter(&field.name).as_str())
                && !UNIMPORTANT.contains(&name.as_str())
        }
        FieldPlace::Header => {
            let boring = UNIMPORTANT_HEADERS
                .iter()
                .any(|known| name == *known || name.starts_with(&format!("{known}-")));
            comparable
                && !boring
                // Servers read it as another header; it never leaves.
                && !name.contains('_')
                && !name.ends_with("version")
                && !name.contains("idempotency")
                && !name.contains("trace")
        }
        // What a server does with the body of a `GET` is not known, and no route reads one.
        FieldPlace::Body if ["GET", "HEAD", "OPTIONS"].contains(&operation.method.as_str()) => {
            false
        }
        FieldPlace::Body => comparable && operation.body != Body::Other,
        FieldPlace::Argument => comparable,
    }
}
