//! Reads JSON schemas as far as a parameter needs them: kind and form of a value, and the top-level properties of a body.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::import::api::{Kind, Shape};
use crate::import::document::Spot;

/// Values of an enumeration that are kept.
const MAX_VALUES: usize = 64;

/// A top-level property of a body.
#[derive(Debug, Clone)]
pub(crate) struct Property<'d> {
    pub(crate) name: &'d str,
    pub(crate) schema: Spot<'d>,
    pub(crate) required: bool,
}

/// Returns what a schema accepts.
pub(crate) fn shape(schema: &Spot<'_>) -> Shape {
    let mut shape = plain(schema, &mut Walk::default());
    let secret = shape.secret;
    if shape.list {
        let items = schema_items(schema).map(|items| plain(&items, &mut Walk::default()));
        let items = items.unwrap_or_default();
        // A list of lists is nothing that a policy compares.
        shape = if items.list {
            Shape {
                kind: Kind::Structure,
                ..Shape::default()
            }
        } else {
            Shape {
                list: true,
                ..items
            }
        };
    }
    shape.secret |= secret;
    shape
}

fn schema_items<'d>(schema: &Spot<'d>) -> Option<Spot<'d>> {
    let own = schema.get("items");
    own.or_else(|| {
        branches(schema, "allOf")
            .iter()
            .find_map(|branch| branch.get("items"))
    })
}

/// Schemas looked at for the shape of one value; compositions that branch double with each level.
const MAX_VISITS: usize = 256;

/// What is being looked at for one value.
#[derive(Debug, Default)]
struct Walk {
    /// Pointers on the way down: a composition may come back to where it began.
    open: Vec<String>,
    visits: usize,
}

/// Joins what the schema and everything that it is composed of say.
fn plain(schema: &Spot<'_>, walk: &mut Walk) -> Shape {
    walk.visits += 1;
    if walk.visits > MAX_VISITS || walk.open.contains(&schema.pointer) {
        return Shape::default();
    }
    walk.open.push(schema.pointer.clone());
    let mut shape = own(schema);
    let mut secret = shape.secret;
    for branch in branches(schema, "allOf") {
        let next = plain(&branch, walk);
        secret |= next.secret;
        if shape.kind == Kind::Any && !shape.list {
            shape = next;
        }
    }
    let either: Vec<Shape> = ["oneOf", "anyOf"]
        .iter()
        .flat_map(|key| branches(schema, key))
        .filter(|branch| branch.text("type") != Some("null"))
        .map(|branch| plain(&branch, walk))
        .collect();
    secret |= either.iter().any(|shape| shape.secret);
    if let Some((first, rest)) = either.split_first()
        && shape.kind == Kind::Any
    {
        let alike = |other: &Shape| other.kind == first.kind && other.list == first.list;
        shape = match rest {
            [] => first.clone(),
            _ if rest.iter().all(alike) => Shape {
                kind: first.kind,
                list: first.list,
                ..Shape::default()
            },
            _ => Shape::default(),
        };
    }
    walk.open.pop();
    shape.secret = secret;
    shape
}

fn own(schema: &Spot<'_>) -> Shape {
    let map = schema.value.as_object();
    let types: Vec<&str> = match map.and_then(|map| map.get("type")) {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => many
            .iter()
            .filter_map(Value::as_str)
            .filter(|one| *one != "null")
            .collect(),
        Some(_) | None => Vec::new(),
    };
    let values = map
        .and_then(|map| map.get("enum"))
        .and_then(Value::as_array);
    let values: Vec<&Value> = values
        .into_iter()
        .flatten()
        .filter(|value| !value.is_null())
        .collect();
    let text = |value: &&Value| value.as_str().map(str::to_owned);
    // The bytes of a file are nothing that a policy compares.
    let file = schema.text("format") == Some("binary");
    let kind = match types.as_slice() {
        ["string"] if file => Kind::Structure,
        ["file"] => Kind::Structure,
        ["string"] => Kind::Text,
        ["integer"] => Kind::Int,
        ["number"] => Kind::Number,
        ["boolean"] => Kind::Bool,
        ["object"] => Kind::Structure,
        [] if map.is_some_and(|map| map.contains_key("properties")) => Kind::Structure,
        [] if !values.is_empty() && values.iter().all(|value| value.is_string()) => Kind::Text,
        _ => Kind::Any,
    };
    Shape {
        kind,
        list: types == ["array"],
        format: schema.text("format").map(str::to_owned),
        pattern: schema.text("pattern").map(str::to_owned),
        values: if values.len() <= MAX_VALUES {
            values.iter().filter_map(text).collect()
        } else {
            Vec::new()
        },
        within: None,
        secret: schema.text("format") == Some("password") || schema.flag("writeOnly"),
    }
}

/// Returns the properties of a schema and of everything that it is composed of, each name once.
pub(crate) fn properties<'d>(schema: &Spot<'d>) -> Vec<Property<'d>> {
    let mut found = Vec::new();
    gather(schema, Need::Stated, &mut found, &mut BTreeSet::new());
    found
}

/// Whether `required` of a schema counts: not in a branch that need not be the one that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    Stated,
    Open,
}

fn gather<'d>(
    schema: &Spot<'d>,
    need: Need,
    found: &mut Vec<Property<'d>>,
    seen: &mut BTreeSet<String>,
) {
    // Composition may come back to where it began: a base that lists its kinds, each of which includes the base.
    if !seen.insert(schema.pointer.clone()) {
        return;
    }
    let required = schema.texts("required");
    for (name, property) in schema.get("properties").iter().flat_map(Spot::entries) {
        let needed = need == Need::Stated && required.contains(&name);
        match found.iter_mut().find(|known| known.name == name) {
            Some(known) => known.required |= needed,
            None => found.push(Property {
                name,
                schema: property,
                required: needed,
            }),
        }
    }
    for branch in branches(schema, "allOf") {
        gather(&branch, need, found, seen);
    }
    for key in ["oneOf", "anyOf"] {
        for branch in branches(schema, key) {
            gather(&branch, Need::Open, found, seen);
        }
    }
    for name in required.iter().filter(|_| need == Need::Stated) {
        if let Some(known) = found.iter_mut().find(|known| known.name == *name) {
            known.required = true;
        }
    }
}

fn branches<'d>(schema: &Spot<'d>, key: &str) -> Vec<Spot<'d>> {
    schema.get(key).iter().flat_map(Spot::items).collect()
}
