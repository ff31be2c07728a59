//! Reads what an operation answers: whether it is a list, and where a credential could be in it.

use super::Version;
use super::schema;
use crate::import::api::{Kind, OperationAnswer};
use crate::import::document::Spot;
use crate::import::secrets;

/// Names under which an answer holds what was asked for.
const ENVELOPES: [&str; 6] = ["items", "data", "results", "values", "entries", "records"];

/// Reads the first answer that is a success.
pub(crate) fn read(operation: &Spot<'_>, version: Version) -> OperationAnswer {
    let Some(schema) = success(operation, version) else {
        return OperationAnswer::default();
    };
    let mut answer = OperationAnswer {
        list: is_list(&schema),
        ..OperationAnswer::default()
    };
    search(&schema, "$", 2, &mut answer.secrets);
    answer.texts = schema::properties(&schema)
        .into_iter()
        .filter(|property| schema::shape(&property.schema).kind == Kind::Text)
        .map(|property| property.name.to_owned())
        .collect();
    answer
}

fn success<'d>(operation: &Spot<'d>, version: Version) -> Option<Spot<'d>> {
    let responses = operation.get("responses")?;
    let codes = ["200", "201", "202", "203", "2XX", "2xx", "default"];
    let response = codes.iter().find_map(|code| responses.get(code))?;
    match version {
        Version::Two => response.get("schema"),
        Version::Three => {
            let content = response.get("content")?.entries();
            let json = content.iter().find(|(media, _)| media.contains("json"))?;
            json.1.get("schema")
        }
    }
}

/// A list, or an envelope whose one list is what was asked for: `{ "items": […], "nextPage": … }`.
fn is_list(schema: &Spot<'_>) -> bool {
    let shape = schema::shape(schema);
    let bare = shape.list || schema.text("type") == Some("array");
    bare || schema::properties(schema).iter().any(|property| {
        ENVELOPES.contains(&property.name) && property.schema.text("type") == Some("array")
    })
}

/// Looks at the thing itself and at the items of a list; what is deeper is another thing that is shown along.
fn search(schema: &Spot<'_>, path: &str, depth: usize, found: &mut Vec<String>) {
    if schema.text("type") == Some("array") {
        if let Some(items) = schema.get("items").filter(|_| depth > 0) {
            search(&items, &format!("{path}[*]"), depth - 1, found);
        }
        return;
    }
    for property in schema::properties(schema) {
        let here = secrets::step(path, property.name);
        let shape = schema::shape(&property.schema);
        if shape.kind == Kind::Text && !shape.list && secrets::is_secret(property.name) {
            found.push(here);
        } else if ENVELOPES.contains(&property.name) && depth > 0 {
            search(&property.schema, &here, depth - 1, found);
        }
    }
}
