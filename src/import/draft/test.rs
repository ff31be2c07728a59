//! Writes a test for a route: a request that the description allows, and the actions that it must be read as.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Known, MatchTarget, Param};
use crate::import::api::{Body, Field, FieldPlace, Kind, Operation, RequestPart, Server, Shape};
use crate::import::sample;
use crate::model::action::Risk;

/// Body fields that a test sends although they are not required.
const EXTRA: usize = 2;

/// One entry of `tests:`.
#[derive(Debug, Clone)]
pub(crate) struct Test {
    /// Method and URL, as in `POST https://api.example.com/v1/things`.
    pub(crate) request: String,
    /// `body`, `form`, `multipart`, with what is in it.
    pub(crate) body: Option<(&'static str, Value)>,
    /// Parameters that must come out.
    pub(crate) params: Map<String, Value>,
    pub(crate) risk: Risk,
}

/// What a test is made for.
pub(crate) struct Wanted<'a> {
    pub(crate) known: &'a Known<'a>,
    pub(crate) risk: Risk,
}

/// Makes the tests of a route; none where the API's host is not known or no value can be made up.
pub(crate) fn of(
    operation: &Operation,
    target: &MatchTarget,
    params: &[Param],
    wanted: &Wanted<'_>,
) -> Vec<Test> {
    make(operation, target, params, wanted)
        .into_iter()
        .collect()
}

fn make(
    operation: &Operation,
    target: &MatchTarget,
    params: &[Param],
    wanted: &Wanted<'_>,
) -> Option<Test> {
    let main = wanted
        .known
        .api
        .servers
        .iter()
        .find(|server| !server.host.is_empty());
    let server = operation.elsewhere.as_ref().or(main)?;
    let mut expected = Map::new();
    let mut values: BTreeMap<String, String> = BTreeMap::new();
    for (written, name) in &target.names {
        let value = captured(operation, written, name, params, wanted)?;
        let shown = folded(name, &value, params);
        expected.insert(name.clone(), json!(shown));
        values.insert(name.clone(), value);
    }
    let path = target.filled(|name| {
        values
            .get(name)
            .map(|value| escaped(value))
            .unwrap_or_default()
    });
    let mut query: Vec<String> = target
        .query()
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(str::to_owned)
        .collect();
    let needed = |field: &&Field| field.required && field.place == FieldPlace::Query;
    for field in operation
        .fields
        .iter()
        .filter(needed)
        .filter(|field| field.shape.kind != Kind::Structure)
    {
        let value = sample::text(field, None)?;
        let (key, value) = (escaped_part(&field.name), escaped_part(&value));
        query.push(format!("{key}={value}"));
    }
    let (where_to, labels) = url(server);
    let query = if query.is_empty() {
        String::new()
    } else {
        format!("?{}", query.join("&"))
    };
    for (name, value) in labels {
        expected.insert(name, json!(value));
    }
    let body = match &operation.part {
        Some(part) => Some(("body", asking(part))),
        None => body(operation, params, &mut expected),
    };
    Some(Test {
        request: format!("{} https://{where_to}{path}{query}", operation.method),
        body,
        params: expected,
        risk: wanted.risk,
    })
}

/// A value that the pattern accepts and that no literal of the API is.
fn captured(
    operation: &Operation,
    written: &str,
    name: &str,
    params: &[Param],
    wanted: &Wanted<'_>,
) -> Option<String> {
    let implied = Field {
        name: written.to_owned(),
        place: FieldPlace::Path,
        shape: Shape::text(),
        required: true,
    };
    let field = operation
        .fields
        .iter()
        .find(|field| field.place == FieldPlace::Path && field.name == written);
    let field = field.unwrap_or(&implied);
    let form = params
        .iter()
        .find(|param| param.name == name)
        .map(|param| &param.form);
    let pattern = form
        .filter(|form| !form.guess)
        .and_then(|form| form.pattern.as_deref());
    let usable = |value: &String| {
        !wanted.known.literals.contains(value)
            && !value.contains(['/', '\\', '%', ';'])
            && !value.ends_with(['.', ' '])
            && !value.starts_with('.')
    };
    let of_enumeration = field
        .shape
        .values
        .iter()
        .find(|value| usable(value) && value.is_ascii())
        .cloned();
    let direct = match pattern {
        Some("0|[1-9][0-9]*") => Some("7".to_owned()),
        _ => of_enumeration.or_else(|| sample::text(field, pattern)),
    };
    direct.filter(usable).or_else(|| {
        let other = format!("{}-7", name.replace('_', "-"));
        (pattern.is_none() && field.shape.values.is_empty()).then_some(other)
    })
}

fn folded(name: &str, value: &str, params: &[Param]) -> String {
    let folds = params
        .iter()
        .any(|param| param.name == name && param.form.fold_lower);
    if folds {
        value.to_lowercase()
    } else {
        value.to_owned()
    }
}

/// Returns host and base path with values for what they capture, and those values.
fn url(server: &Server) -> (String, Vec<(String, String)>) {
    let text = format!("{}{}", server.host, server.base);
    let mut filled = String::new();
    let mut labels = Vec::new();
    let mut rest = text.as_str();
    while let Some((literal, tail)) = rest.split_once('{') {
        let (name, tail) = tail.split_once('}').unwrap_or((tail, ""));
        let value = sample::label(name);
        filled.push_str(literal);
        filled.push_str(&value);
        labels.push((name.to_owned(), value));
        rest = tail;
    }
    filled.push_str(rest);
    (filled, labels)
}

fn body(
    operation: &Operation,
    params: &[Param],
    expected: &mut Map<String, Value>,
) -> Option<(&'static str, Value)> {
    let key = match &operation.body {
        Body::Json | Body::JsonAs(_) => "body",
        Body::Form => "form",
        Body::Multipart => "multipart",
        Body::Absent | Body::Other => return None,
    };
    let mut extra = EXTRA;
    let mut content = Map::new();
    for field in operation
        .fields
        .iter()
        .filter(|field| field.place == FieldPlace::Body)
    {
        let read_as = params
            .iter()
            .find(|param| param.from.iter().any(|from| reads(from, field)));
        // What the query may hold too stands there in the test, if it must be there.
        let elsewhere = |param: &&Param| param.from.iter().any(|from| from.starts_with("query:"));
        let Some(value) = sample::value(field).filter(|_| read_as.filter(elsewhere).is_none())
        else {
            continue;
        };
        if !field.required {
            if extra == 0 || read_as.is_none() {
                continue;
            }
            extra -= 1;
        }
        if let Some(param) = read_as {
            expected.insert(param.name.clone(), value.clone());
        }
        let (name, value) = sent(key, field, value);
        match &field.shape.within {
            Some(within) if key == "body" => {
                let inner = content.entry(within.clone()).or_insert_with(|| json!({}));
                if let Some(inner) = inner.as_object_mut() {
                    inner.insert(name, value);
                }
            }
            Some(within) => {
                content.insert(format!("{within}[{name}]"), value);
            }
            None => {
                content.insert(name, value);
            }
        }
    }
    (!content.is_empty()).then_some((key, Value::Object(content)))
}

/// A form holds texts; a list in it is a name with `[]`.
fn sent(key: &str, field: &Field, value: Value) -> (String, Value) {
    if key == "body" {
        return (field.name.clone(), value);
    }
    let text = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    match value {
        Value::Array(items) => (
            field.name.clone(),
            json!(items.iter().map(text).collect::<Vec<_>>()),
        ),
        one => (field.name.clone(), json!(text(&one))),
    }
}

fn reads(from: &str, field: &Field) -> bool {
    let body = from.starts_with('$') || from.starts_with("form:");
    let plain = from.trim_end_matches("[*]");
    let ends = [
        format!(".{}", field.name),
        format!("['{}']", field.name),
        format!(":{}", field.name.trim_end_matches("[]")),
        format!("[{}]", field.name),
    ];
    body && ends.iter().any(|end| plain.ends_with(end.as_str()))
}

/// Returns a body that asks for a part. Arguments and selections are not what a route is found by.
fn asking(part: &RequestPart) -> Value {
    match part {
        RequestPart::Graphql(field) => {
            let (kind, name) = field.split_once('.').unwrap_or(("query", field));
            json!({ "query": format!("{kind} {{ {name} }}") })
        }
        RequestPart::Rpc(method) => json!({ "jsonrpc": "2.0", "id": 1, "method": method }),
    }
}

fn escaped(value: &str) -> String {
    value
        .split('/')
        .map(escaped_part)
        .collect::<Vec<_>>()
        .join("/")
}

fn escaped_part(value: &str) -> String {
    const KEPT: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~');
    percent_encoding::utf8_percent_encode(value, KEPT).to_string()
}
