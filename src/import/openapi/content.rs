//! Reads the body of an operation: how it is sent, and its top-level properties as fields.

use super::schema::{self, Property};
use super::{Version, Written};
use crate::import::api::{Body, Field, FieldPlace, Kind};
use crate::import::document::Spot;

/// Properties of one body that become fields.
const MAX_FIELDS: usize = 100;

/// Adds the fields of the body and returns the ways in which it is sent, the first is the default.
pub(crate) fn read(written: &Written<'_, '_>, fields: &mut Vec<Field>) -> Vec<Body> {
    match written.version {
        Version::Two => swagger(written, fields),
        Version::Three => openapi(&written.operation, fields),
    }
}

fn openapi(operation: &Spot<'_>, fields: &mut Vec<Field>) -> Vec<Body> {
    let content = operation
        .get("requestBody")
        .and_then(|body| body.get("content"));
    let types = content.iter().flat_map(Spot::entries);
    let mut types: Vec<(Body, Spot<'_>)> =
        types.map(|(media, entry)| (kind(media), entry)).collect();
    types.sort_by_key(|(body, _)| rank(body));
    for (_, entry) in types.iter().filter(|(body, _)| *body != Body::Other) {
        if let Some(schema) = entry.get("schema") {
            add(&schema, fields);
        }
    }
    readable(types.into_iter().map(|(body, _)| body).collect())
}

/// What cannot be read stands only where nothing else does: what a policy compares must be found in whatever is sent.
fn readable(mut bodies: Vec<Body>) -> Vec<Body> {
    bodies.dedup();
    if bodies.first().is_some_and(|first| *first != Body::Other) {
        bodies.retain(|body| *body != Body::Other);
    }
    bodies
}

fn swagger(written: &Written<'_, '_>, fields: &mut Vec<Field>) -> Vec<Body> {
    let operation = &written.operation;
    let lists = [operation.get("parameters"), written.item.get("parameters")];
    let parameters: Vec<Spot<'_>> = lists.iter().flatten().flat_map(Spot::items).collect();
    let consumes = match operation.texts("consumes") {
        own if own.is_empty() => written.root.texts("consumes"),
        own => own,
    };
    let mut bodies: Vec<Body> = consumes.iter().map(|media| kind(media)).collect();
    bodies.sort_by_key(rank);
    let mut bodies = readable(bodies);
    let place =
        |wanted: &'static str| move |parameter: &&Spot<'_>| parameter.text("in") == Some(wanted);
    if let Some(body) = parameters.iter().find(place("body")) {
        let before = fields.len();
        if let Some(schema) = body.get("schema") {
            add(&schema, fields);
        }
        // Servers of Swagger 2 take a document as JSON whatever else `consumes` says: it must not pass unread.
        let has_names = fields.len() > before;
        if bodies.is_empty() || (bodies == [Body::Other] && has_names) {
            bodies = vec![Body::Json];
        }
        return bodies;
    }
    let form: Vec<&Spot<'_>> = parameters.iter().filter(place("formData")).collect();
    if form.is_empty() {
        return Vec::new();
    }
    fields.extend(form.iter().filter_map(|parameter| {
        Some(Field {
            name: parameter.text("name")?.to_owned(),
            place: FieldPlace::Body,
            shape: schema::shape(parameter),
            required: parameter.flag("required"),
        })
    }));
    let file = form
        .iter()
        .any(|parameter| parameter.text("type") == Some("file"));
    // Its parameters say that it is a form first of all.
    let multipart = bodies.contains(&Body::Multipart) && !bodies.contains(&Body::Form);
    let first = if file || multipart {
        Body::Multipart
    } else {
        Body::Form
    };
    bodies.retain(|body| *body != Body::Other && *body != first);
    bodies.insert(0, first);
    bodies
}

/// Returns which of several ways is the default: the lowest.
fn rank(body: &Body) -> u8 {
    match body {
        Body::Json => 0,
        Body::JsonAs(_) => 1,
        Body::Form => 2,
        Body::Multipart => 3,
        Body::Other | Body::Absent => 4,
    }
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
        "application/json" | "*/*" | "application/*" | "application/*+json" => Body::Json,
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
        let known = fields.iter_mut().find(|known| {
            known.place == FieldPlace::Body && known.name == name && known.shape.within == within
        });
        // Said again for another way of sending it.
        if let Some(known) = known {
            known.shape.secret |= shape.secret;
            if (known.shape.kind, known.shape.list) != (shape.kind, shape.list) {
                known.shape.kind = Kind::Any;
            }
            continue;
        }
        fields.push(Field {
            name: name.to_owned(),
            place: FieldPlace::Body,
            shape,
            required: required && within.is_none(),
        });
    }
}
