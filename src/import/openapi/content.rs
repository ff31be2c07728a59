//! The body of an operation: how it is sent, and its top-level properties as fields.

use super::super::api::{Body, Field, Kind, Place};
use super::super::document::Spot;
use super::schema::{self, Property};
use super::{Version, Written};

/// Properties of one body that become fields.
const MAX_FIELDS: usize = 100;

/// Adds the fields of the body and returns how it is sent.
pub(super) fn read(written: &Written<'_, '_>, fields: &mut Vec<Field>) -> Body {
    match written.version {
        Version::Two => swagger(written, fields),
        Version::Three => openapi(&written.operation, fields),
    }
}

fn openapi(operation: &Spot<'_>, fields: &mut Vec<Field>) -> Body {
    let Some(content) = operation
        .get("requestBody")
        .and_then(|body| body.get("content"))
    else {
        return Body::Absent;
    };
    let types = content.entries();
    let ranked = types
        .iter()
        .filter_map(|(media, entry)| Some((rank(media)?, media, entry)));
    let Some((_, media, entry)) = ranked.min_by_key(|(rank, ..)| *rank) else {
        return if types.is_empty() {
            Body::Absent
        } else {
            Body::Other
        };
    };
    let body = kind(media);
    if body != Body::Other
        && let Some(schema) = entry.get("schema")
    {
        add(&schema, fields);
    }
    body
}

fn swagger(written: &Written<'_, '_>, fields: &mut Vec<Field>) -> Body {
    let operation = &written.operation;
    let lists = [operation.get("parameters"), written.item.get("parameters")];
    let parameters: Vec<Spot<'_>> = lists.iter().flatten().flat_map(Spot::items).collect();
    let consumes = match operation.texts("consumes") {
        own if own.is_empty() => written.root.texts("consumes"),
        own => own,
    };
    let best = consumes
        .iter()
        .filter_map(|media| Some((rank(media)?, *media)))
        .min();
    if let Some(body) = parameters
        .iter()
        .find(|parameter| parameter.text("in") == Some("body"))
    {
        let kind = best.map_or(Body::Json, |(_, media)| kind(media));
        if let Some(schema) = body.get("schema").filter(|_| kind != Body::Other) {
            add(&schema, fields);
        }
        return kind;
    }
    let form: Vec<&Spot<'_>> = parameters
        .iter()
        .filter(|parameter| parameter.text("in") == Some("formData"))
        .collect();
    if form.is_empty() {
        return Body::Absent;
    }
    for parameter in &form {
        fields.extend(parameter.text("name").map(|name| Field {
            name: name.to_owned(),
            place: Place::Body,
            shape: schema::shape(parameter),
            required: parameter.flag("required"),
        }));
    }
    let file = form
        .iter()
        .any(|parameter| parameter.text("type") == Some("file"));
    if file || best.is_some_and(|(_, media)| kind(media) == Body::Multipart) {
        Body::Multipart
    } else {
        Body::Form
    }
}

/// Returns which of several media types a route is written for: the lowest.
fn rank(media: &str) -> Option<u8> {
    Some(match kind(media) {
        Body::Json => 0,
        Body::JsonAs(_) => 1,
        Body::Form => 2,
        Body::Multipart => 3,
        Body::Other | Body::Absent => 4,
    })
}

fn kind(media: &str) -> Body {
    let media = media
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    match media.as_str() {
        // `*/*`: whatever it is sent as, JSON is what it means in practice.
        "application/json" | "*/*" | "application/*" => Body::Json,
        "application/x-www-form-urlencoded" => Body::Form,
        "multipart/form-data" => Body::Multipart,
        other if other.ends_with("+json") => Body::JsonAs(other.to_owned()),
        _ => Body::Other,
    }
}

fn add(schema: &Spot<'_>, fields: &mut Vec<Field>) {
    let mut properties = schema::properties(schema);
    let mut within = None;
    // `{ "ticket": { … } }`: what matters is in the one object.
    if let [only] = properties.as_slice()
        && schema::shape(&only.schema).kind == Kind::Structure
        && !schema::shape(&only.schema).list
    {
        let inner = schema::properties(&only.schema);
        if !inner.is_empty() {
            within = Some(only.name.to_owned());
            properties = inner;
        }
    }
    for Property {
        name,
        schema,
        required,
    } in properties.into_iter().take(MAX_FIELDS)
    {
        if schema.flag("readOnly") {
            continue;
        }
        let mut shape = schema::shape(&schema);
        shape.within.clone_from(&within);
        fields.push(Field {
            name: name.to_owned(),
            place: Place::Body,
            shape,
            required: required && within.is_none(),
        });
    }
}
