//! Adds the names that policies may use to the schema of policy files, so that editors complete them and mark names that do not
//! exist.
//!
//! Globs and names made from requests are patterns beside the list. What only the gateway knows (agents of the store) stays open.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use crate::model::template::NameTemplate;
use crate::model::value::ValueType;
use crate::model::vocabulary::{ActionShape, ParamShape, Vocabulary};

/// JSON pointers of lists of actions or globs.
const PATTERNS: [&str; 4] = [
    "/$defs/PolicyEntry/properties/actions/items",
    "/$defs/PermissionEntry/properties/allow/items",
    "/$defs/PermissionEntry/properties/ask/items",
    "/$defs/PermissionEntry/properties/deny/items",
];
/// JSON pointers of single actions.
const ACTIONS: [&str; 2] = [
    "/$defs/TestEntry/properties/action",
    "/$defs/Expectation/properties/action",
];
/// JSON pointer of a connector's id.
const CONNECTORS: [&str; 1] = ["/$defs/PermissionEntry/properties/connector"];
/// JSON pointers of the lists of agents.
const AGENTS: [&str; 3] = [
    "/$defs/PermissionEntry/properties/agents/items",
    "/$defs/PolicyEntry/properties/agents/items",
    "/$defs/TestEntry/properties/agent",
];

/// Puts the names in.
pub(super) fn name(schema: &mut Json, vocabulary: &Vocabulary) {
    let mut names: Vec<(&str, String)> = Vec::new();
    for (action, shape) in &vocabulary.actions {
        names.push((action.as_str(), told(shape)));
    }
    let made: Vec<Json> = vocabulary
        .templates
        .keys()
        .map(|template| json!({ "pattern": pattern(template) }))
        .collect();
    let globs: Vec<String> = vocabulary
        .connectors
        .iter()
        .map(|id| format!("{id}.*"))
        .collect();
    let mut with_globs: Vec<(&str, String)> = globs
        .iter()
        .map(|glob| (glob.as_str(), String::new()))
        .collect();
    with_globs.extend(names.iter().cloned());
    let definitions = [
        ("Action", any_of(&names, &made)),
        (
            "ActionPattern",
            any_of(
                &with_globs,
                &[made.as_slice(), &[json!({ "pattern": "\\*" })]].concat(),
            ),
        ),
        ("Connector", {
            let all = std::iter::once("*").chain(vocabulary.connectors.iter().map(String::as_str));
            json!({ "enum": all.collect::<Vec<_>>() })
        }),
        ("Agent", {
            let known = std::iter::once("*").chain(vocabulary.agents.keys().map(String::as_str));
            json!({ "anyOf": [{ "enum": known.collect::<Vec<_>>() }, { "type": "string" }] })
        }),
    ];
    for (name, definition) in definitions {
        put(schema, "/$defs", name, definition);
    }
    refer(schema, &PATTERNS, "ActionPattern");
    refer(schema, &ACTIONS, "Action");
    refer(schema, &CONNECTORS, "Connector");
    refer(schema, &AGENTS, "Agent");
    let shapes: Vec<(&str, &ActionShape)> = vocabulary
        .actions
        .iter()
        .map(|(action, shape)| (action.as_str(), shape))
        .collect();
    put(
        schema,
        "/$defs/TestEntry",
        "allOf",
        Json::Array(by_action(&shapes, 1)),
    );
}

/// Replaces what stands at some places by a definition; their descriptions stay.
fn refer(schema: &mut Json, places: &[&str], definition: &str) {
    for place in places {
        if let Some(there) = schema.pointer_mut(place) {
            let mut referring = json!({ "$ref": format!("#/$defs/{definition}") });
            if let (Some(description), Some(fields)) =
                (there.get("description").cloned(), referring.as_object_mut())
            {
                fields.insert("description".to_owned(), description);
            }
            *there = referring;
        }
    }
}

fn put(schema: &mut Json, place: &str, key: &str, value: Json) {
    if let Some(fields) = schema.pointer_mut(place).and_then(Json::as_object_mut) {
        fields.insert(key.to_owned(), value);
    }
}

/// Returns a schema that accepts a listed name or a pattern.
fn any_of(names: &[(&str, String)], patterns: &[Json]) -> Json {
    let (names, told): (Vec<&str>, Vec<&String>) =
        names.iter().map(|(name, told)| (*name, told)).unzip();
    // Editors show the second list beside the first; to validators it means nothing.
    let listed = json!({ "enum": names, "enumDescriptions": told });
    let all = [&[listed], patterns].concat();
    json!({ "type": "string", "anyOf": all })
}

/// Returns the text that an editor shows beside an action: risks and parameters.
fn told(shape: &ActionShape) -> String {
    let risks: Vec<&str> = shape.risks.iter().map(|risk| risk.as_str()).collect();
    let params: Vec<&str> = shape.params.keys().map(String::as_str).collect();
    let mut told = risks.join(" or ");
    if shape.special {
        told.push_str(", must be named to be allowed");
    }
    if !params.is_empty() {
        told.push_str(": ");
        told.push_str(&params.join(", "));
    }
    told
}

/// Returns what holds for the parameters of a test, by its action. Actions that begin alike stand together, so that an editor
/// asks of each test a few dozen questions and not one for each action that there is.
fn by_action(actions: &[(&str, &ActionShape)], segments: usize) -> Vec<Json> {
    let groups = actions.chunk_by(|(one, _), (other, _)| {
        one.split('.')
            .take(segments)
            .eq(other.split('.').take(segments))
    });
    let condition = |group: &[(&str, &ActionShape)]| match group {
        [(action, shape)] => params_of(action, shape),
        several => {
            let first = several.first().map_or("", |(action, _)| action);
            let front: Vec<&str> = first.split('.').take(segments).collect();
            // What names end in has no more segments; two actions never have one name.
            json!({
                "if": { "properties": { "action": { "pattern": format!("^{}(\\.|$)", front.join("\\.")) } }, "required": ["action"] },
                "then": { "allOf": by_action(several, segments + 1) },
            })
        }
    };
    groups.map(condition).collect()
}

/// Says of a test of an action which parameters it can have.
fn params_of(action: &str, shape: &ActionShape) -> Json {
    let params: Map<String, Json> = shape
        .params
        .iter()
        .map(|(name, shape)| (name.clone(), value_of(shape)))
        .collect();
    json!({
        "if": { "properties": { "action": { "const": action } }, "required": ["action"] },
        "then": { "properties": { "params": { "properties": params, "additionalProperties": false } } },
    })
}

fn value_of(shape: &ParamShape) -> Json {
    let one: BTreeMap<&str, Json> = match shape.value_type {
        None => BTreeMap::new(),
        Some(value_type) => BTreeMap::from([("type", json!(json_type(value_type)))]),
    };
    if shape.list {
        json!({ "type": "array", "items": one })
    } else {
        json!(one)
    }
}

fn json_type(value_type: ValueType) -> &'static str {
    match value_type {
        ValueType::String => "string",
        ValueType::Int => "integer",
        ValueType::Number => "number",
        ValueType::Bool => "boolean",
    }
}

/// Returns the expression of the names that a template makes.
fn pattern(template: &NameTemplate) -> String {
    let mut out = String::from("^");
    let mut rest = template.as_str();
    while let Some((literal, tail)) = rest.split_once('{') {
        out.push_str(&literal.replace('.', "\\."));
        out.push_str("[a-z0-9_-]+");
        rest = tail.split_once('}').map_or("", |(_, rest)| rest);
    }
    out.push_str(&rest.replace('.', "\\."));
    out.push('$');
    out
}
