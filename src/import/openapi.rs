//! Reads an API from an OpenAPI 3.0, 3.1 or Swagger 2.0 document.

mod answer;
mod content;
mod schema;
mod security;
mod servers;

use super::api::{Api, Field, FieldPlace, Kind, Operation, Shape};
use super::document::{Document, Spot};

/// Operations of one description; GitHub's has 1,200.
const MAX_OPERATIONS: usize = 20_000;
/// Everything that a path item can do. The gateway refuses TRACE, so it is no operation of a connector.
const METHODS: [&str; 7] = ["get", "put", "post", "delete", "options", "head", "patch"];

/// Which of the two layouts a document has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// A Swagger 2.0 document.
    Two,
    /// An OpenAPI 3.0 or 3.1 document.
    Three,
}

/// Reads a document; its problems are kept there.
pub(crate) fn read(document: &Document) -> Option<Api> {
    let root = document.root();
    let version = match (root.text("swagger"), root.text("openapi")) {
        (Some("2.0"), _) => Version::Two,
        (_, Some(version)) if version.starts_with("3.") => Version::Three,
        (Some(_), _) | (_, Some(_)) => {
            root.problem(
                "not-a-description",
                "this version of OpenAPI is not known",
                "3.0, 3.1 and Swagger 2.0 are",
            );
            return None;
        }
        (None, None) => {
            root.problem(
                "not-a-description",
                "this is neither OpenAPI 3 nor Swagger 2.0",
                "the document starts with `openapi: 3.…` or `swagger: '2.0'`",
            );
            return None;
        }
    };
    let info = root.get("info");
    let text = |key: &str| {
        let info = info.as_ref()?;
        info.text(key).map(str::to_owned)
    };
    let mut api = Api {
        title: text("title").unwrap_or_default(),
        version: text("version"),
        docs: link(&root),
        format: match version {
            Version::Two => "Swagger 2.0".to_owned(),
            Version::Three => format!("OpenAPI {}", root.text("openapi").unwrap_or_default()),
        },
        ..Api::default()
    };
    servers::read(&root, version, &mut api);
    security::read(&root, version, &mut api);
    operations(&root, version, &mut api);
    for operation in &mut api.operations {
        operation
            .elsewhere
            .take_if(|server| api.servers.contains(server));
    }
    Some(api)
}

fn operations(root: &Spot<'_>, version: Version, api: &mut Api) {
    let Some(paths) = root.get("paths").filter(|paths| paths.value.is_object()) else {
        root.problem(
            "not-a-description",
            "there is nothing under `paths`",
            "a description lists its operations there",
        );
        return;
    };
    for (path, item) in paths.entries() {
        if path.starts_with("x-") {
            continue;
        }
        if !path.starts_with('/') {
            item.problem(
                "path",
                format!("the path `{}` does not start with `/`", path.escape_debug()),
                "",
            );
            continue;
        }
        api.judge.extend(unread(path, &item));
        for method in METHODS {
            let Some(operation) = item.get(method) else {
                continue;
            };
            if api.operations.len() >= MAX_OPERATIONS {
                item.problem(
                    "too-large",
                    format!("a description has at most {MAX_OPERATIONS} operations"),
                    "",
                );
                return;
            }
            let read = self::operation(&Written {
                method,
                path,
                item: &item,
                operation,
                version,
                root,
            });
            api.operations.extend(read);
        }
    }
}

/// Returns what a person must know of operations that no route is made for.
fn unread(path: &str, item: &Spot<'_>) -> Option<String> {
    let more = item.get("additionalOperations");
    let mut methods: Vec<&str> = more
        .iter()
        .flat_map(Spot::entries)
        .map(|(method, _)| method)
        .collect();
    methods.extend(item.get("query").map(|_| "QUERY"));
    (!methods.is_empty()).then(|| {
        format!(
            "`{}` of `{}` is not imported: write its route by hand",
            methods.join("`, `").escape_debug(),
            path.escape_debug()
        )
    })
}

/// One operation as it is written.
pub(crate) struct Written<'a, 'd> {
    method: &'static str,
    path: &'d str,
    item: &'a Spot<'d>,
    operation: Spot<'d>,
    version: Version,
    root: &'a Spot<'d>,
}

fn operation(written: &Written<'_, '_>) -> Option<Operation> {
    let Written {
        operation,
        item,
        path,
        ..
    } = written;
    if !operation.value.is_object() {
        operation.problem(
            "operation",
            "an operation is a mapping, and this is something else",
            "",
        );
        return None;
    }
    let line = |key: &str| {
        let text = operation
            .text(key)?
            .lines()
            .map(str::trim)
            .find(|line| !line.is_empty())?;
        Some(text.to_owned())
    };
    let mut fields: Vec<Field> = Vec::new();
    let mut several: Vec<&str> = Vec::new();
    let lists = [operation.get("parameters"), item.get("parameters")];
    for parameter in lists.iter().flatten().flat_map(Spot::items) {
        let Some(field) = field(&parameter) else {
            continue;
        };
        // What an operation says of a parameter stands before what its path says.
        if !fields
            .iter()
            .any(|known| known.name == field.name && known.place == field.place)
        {
            if parameter.flag("x-multi-segment") || parameter.flag("x-multiSegment") {
                several.extend(parameter.text("name"));
            }
            fields.push(field);
        }
    }
    let mut bodies = content::read(written, &mut fields).into_iter();
    Some(Operation {
        method: written.method.to_uppercase(),
        elsewhere: servers::elsewhere(operation, item),
        path: multi_segment(path, &several),
        id: operation.text("operationId").map(str::to_owned),
        resource: None,
        tags: operation
            .texts("tags")
            .into_iter()
            .map(str::to_owned)
            .collect(),
        title: line("summary").or_else(|| line("description")),
        docs: link(operation),
        fields,
        body: bodies.next().unwrap_or_default(),
        also: bodies.collect(),
        answer: answer::read(operation, written.version),
        ..Operation::default()
    })
}

/// Returns a path, query or header parameter; those of the body are read elsewhere.
fn field(parameter: &Spot<'_>) -> Option<Field> {
    let place = match parameter.text("in")? {
        "path" => FieldPlace::Path,
        "query" => FieldPlace::Query,
        "header" => FieldPlace::Header,
        _ => return None,
    };
    let name = parameter.text("name")?;
    let shape = match (parameter.get("schema"), parameter.get("content")) {
        (Some(schema), _) => schema::shape(&schema),
        // JSON in a query value: a text for everybody but the server.
        (None, Some(_)) => Shape::text(),
        (None, None) => schema::shape(parameter),
    };
    let shape = if shape.list && is_one_text(parameter, place) {
        Shape {
            secret: shape.secret,
            ..Shape::text()
        }
    } else {
        shape
    };
    // `style: deepObject`: the keys are `name[x]`, which is not this name.
    let structured = place == FieldPlace::Query && shape.kind == Kind::Structure;
    (!structured).then(|| Field {
        name: name.to_owned(),
        place,
        shape,
        required: parameter.flag("required"),
    })
}

/// Returns whether a list is sent as one value, `1,2`, which nothing takes apart: a text for everybody but the server.
fn is_one_text(parameter: &Spot<'_>, place: FieldPlace) -> bool {
    if place != FieldPlace::Query {
        return true;
    }
    let style = parameter.text("style").unwrap_or("form");
    let joined = parameter.value.get("explode") == Some(&serde_json::Value::Bool(false));
    // Swagger 2 has the type beside the name, and joins with commas unless it is said.
    let two = parameter.text("type") == Some("array")
        && parameter.text("collectionFormat") != Some("multi");
    two || style != "form" || joined
}

/// Marks a last segment that takes slashes too.
fn multi_segment(path: &str, several: &[&str]) -> String {
    for name in several {
        if let Some(front) = path.strip_suffix(&format!("/{{{name}}}")) {
            return format!("{front}/{{*{name}}}");
        }
    }
    path.to_owned()
}

fn link(spot: &Spot<'_>) -> Option<String> {
    let url = spot.get("externalDocs")?.text("url")?;
    url.starts_with("https://").then(|| url.to_owned())
}
