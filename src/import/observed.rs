//! Builds operations from requests that were seen in `curl` commands or the journal. Segments that vary become captures.
//!
//! INVARIANT: methods, names and literal segments get into an operation; no other value of a request does.

mod segment;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::api::{Body, Field, FieldPlace, Kind, Operation, RequestPart, Shape};
use super::names::words::{is_plural, words};
use segment::Segment;

pub use segment::Patterns;

/// Segments of a path that is looked at.
const MAX_SEGMENTS: usize = 24;
/// Bytes of a path that is looked at.
const MAX_PATH: usize = 512;
/// Fields of one request that become parameters.
const MAX_FIELDS: usize = 100;
/// So many different segments behind one plural name things; fewer may be words.
const VARIETY: usize = 5;

/// One request that was seen.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// HTTP method in upper case.
    pub method: String,
    /// Below the base path, without the query; `{name}` is a segment that varies.
    pub path: String,
    /// Names of query keys.
    pub query: Vec<String>,
    /// Names of headers that may matter.
    pub headers: Vec<String>,
    /// Body of the request, without values.
    pub payload: Payload,
    /// Which part of it, where it may hold several.
    pub part: Option<RequestPart>,
    /// How often the request was seen.
    pub times: u64,
}

/// What a request carried.
#[derive(Debug, Clone, Default)]
pub enum Payload {
    /// Nothing, or it is not known.
    #[default]
    Nothing,
    /// A JSON document, of which only names are used.
    Json(Value),
    /// Names in a form.
    Form(Vec<String>),
    /// Names of the parts of `multipart/form-data`.
    Multipart(Vec<String>),
    /// Nothing that can be read.
    Opaque,
}

/// Operations that were seen.
#[derive(Debug, Default)]
pub struct Observed {
    /// Each with how often, the most frequent first; no two of them are the same request.
    pub operations: Vec<(Operation, u64)>,
    /// Requests that are too long or too odd to make anything of.
    pub left_out: u64,
}

/// A path with what its captured segments hold.
type Read = Vec<(Segment, Shape)>;

/// Makes operations of requests to one API. What routes capture that are there is captured.
#[must_use]
pub(crate) fn operations(seen: &[Seen], known: &Patterns) -> Observed {
    let mut observed = Observed::default();
    let mut read: Vec<(&Seen, Read)> = Vec::new();
    for request in seen {
        let path: Vec<&str> = request
            .path
            .split('/')
            .filter(|text| !text.is_empty())
            .collect();
        let method = request.method.as_str();
        let good = method.bytes().all(|byte| byte.is_ascii_uppercase())
            && (1..=20).contains(&method.len());
        if good && request.path.len() <= MAX_PATH && path.len() <= MAX_SEGMENTS {
            read.push((request, segment::read(&path, known)));
        } else {
            observed.left_out += request.times;
        }
    }
    vary(&mut read);
    let mut merged: BTreeMap<(String, String, Option<RequestPart>), (Operation, u64)> =
        BTreeMap::new();
    for (request, path) in read {
        let key = (shape(&path), request.method.clone(), request.part.clone());
        let (operation, times) = merged
            .entry(key)
            .or_insert_with(|| (operation(request, &path), 0));
        *times += request.times;
        for field in fields(request) {
            if !operation
                .fields
                .iter()
                .any(|known| (known.place, &known.name) == (field.place, &field.name))
            {
                operation.fields.push(field);
            }
        }
        if operation.body == Body::Absent {
            operation.body = body(&request.payload);
        }
    }
    observed.operations = merged.into_values().collect();
    observed
        .operations
        .sort_by_key(|(_, times)| std::cmp::Reverse(*times));
    observed
}

/// Captures what stands behind a plural where it is many things.
fn vary(read: &mut [(&Seen, Read)]) {
    let longest = read
        .iter()
        .map(|(_, path)| path.len())
        .max()
        .unwrap_or_default();
    for at in 1..longest {
        let mut variety: BTreeMap<Vec<Segment>, BTreeSet<String>> = BTreeMap::new();
        for (_, path) in read.iter() {
            let Some((Segment::Literal(text), _)) = path.get(at) else {
                continue;
            };
            let prefix: Vec<Segment> = path
                .iter()
                .take(at)
                .map(|(segment, _)| segment.clone())
                .collect();
            let behind_plural = matches!(prefix.last(), Some(Segment::Literal(word) | Segment::Known(word)) if names_many(word));
            if behind_plural && !is_word_of_apis(text) {
                variety.entry(prefix).or_default().insert(text.clone());
            }
        }
        variety.retain(|_, texts| texts.len() >= VARIETY);
        for (_, path) in read.iter_mut() {
            let prefix: Vec<Segment> = path
                .iter()
                .take(at)
                .map(|(segment, _)| segment.clone())
                .collect();
            let varies = variety.get(&prefix);
            if let Some((segment, shape)) = path.get_mut(at)
                && let Segment::Literal(text) = segment
                && varies.is_some_and(|texts| texts.contains(text))
            {
                *segment = segment::behind(prefix.last());
                *shape = Shape::text();
            }
        }
    }
}

fn names_many(word: &str) -> bool {
    words(word).last().is_some_and(|last| is_plural(last))
}

/// Returns whether a segment is one of the words that APIs put behind a plural, and no thing's name.
fn is_word_of_apis(text: &str) -> bool {
    let words = words(text);
    let first = words.first().map_or("", String::as_str);
    [
        "me", "self", "all", "current", "latest", "mine", "bulk", "batch",
    ]
    .contains(&first)
        || super::verbs().any(|verb| verb == first)
}

fn operation(request: &Seen, path: &Read) -> Operation {
    let captured = path.iter().filter_map(|(segment, shape)| match segment {
        Segment::Captured { name, .. } => Some(Field {
            name: name.clone(),
            place: FieldPlace::Path,
            shape: shape.clone(),
            required: true,
        }),
        Segment::Literal(_) | Segment::Known(_) => None,
    });
    Operation {
        method: request.method.clone(),
        path: text(path, |name| format!("{{{name}}}")),
        fields: captured.collect(),
        body: body(&request.payload),
        part: request.part.clone(),
        ..Operation::default()
    }
}

/// Writes a path without the names in it: the same for two that are one operation.
fn shape(path: &Read) -> String {
    text(path, |_| "{}".to_owned())
}

fn text(path: &Read, captured: impl Fn(&str) -> String) -> String {
    if path.is_empty() {
        return "/".to_owned();
    }
    let segments = path.iter().map(|(segment, _)| match segment {
        Segment::Literal(text) | Segment::Known(text) => format!("/{text}"),
        Segment::Captured { name, after } => format!("/{}{after}", captured(name)),
    });
    segments.collect()
}

fn body(payload: &Payload) -> Body {
    match payload {
        Payload::Nothing => Body::Absent,
        Payload::Json(_) => Body::Json,
        Payload::Form(_) => Body::Form,
        Payload::Multipart(_) => Body::Multipart,
        Payload::Opaque => Body::Other,
    }
}

/// Returns what a request carried, by name.
fn fields(request: &Seen) -> Vec<Field> {
    let plain = |place| {
        move |name: &String| Field {
            name: name.clone(),
            place,
            shape: Shape::text(),
            required: false,
        }
    };
    let query = request.query.iter().map(plain(FieldPlace::Query));
    let headers = request.headers.iter().map(plain(FieldPlace::Header));
    let body: Vec<Field> = match &request.payload {
        Payload::Nothing | Payload::Opaque => Vec::new(),
        Payload::Json(document) => properties(document),
        Payload::Form(names) | Payload::Multipart(names) => {
            names.iter().map(plain(FieldPlace::Body)).collect()
        }
    };
    query.chain(headers).chain(body).take(MAX_FIELDS).collect()
}

/// Returns the properties of a document, or, where it is one object in an envelope, of that.
fn properties(document: &Value) -> Vec<Field> {
    let Some(mut map) = document.as_object() else {
        return Vec::new();
    };
    let mut within = None;
    if map.len() == 1
        && let Some((name, Value::Object(inner))) = map.iter().next()
        && !inner.is_empty()
    {
        (within, map) = (Some(name.clone()), inner);
    }
    let field = |(name, value): (&String, &Value)| {
        let (value, list) = match value {
            Value::Array(items) => (items.first().unwrap_or(&Value::Null), true),
            one => (one, false),
        };
        let kind = match value {
            Value::Null => Kind::Any,
            Value::Bool(_) => Kind::Bool,
            // One request does not say that all are whole.
            Value::Number(_) => Kind::Number,
            Value::String(_) => Kind::Text,
            Value::Array(_) | Value::Object(_) => Kind::Structure,
        };
        let shape = Shape {
            kind,
            list,
            within: within.clone(),
            ..Shape::default()
        };
        Field {
            name: name.clone(),
            place: FieldPlace::Body,
            shape,
            required: false,
        }
    };
    map.iter().map(field).collect()
}
