//! Reads an API from a Google discovery document. Names come from method ids, which are chosen with care.

use super::api::{
    Api, Body, Field, FieldPlace, Kind, Mark, Operation, OperationAnswer, Server, Shape, UPLOAD,
    Way,
};
use super::document::{Document, Spot};
use super::secrets;

/// Methods of one document; the largest public one has 900.
const MAX_METHODS: usize = 20_000;
/// Deepest nesting of resources.
const MAX_DEPTH: usize = 16;

/// Reads a document; its problems are kept there.
pub(crate) fn read(document: &Document) -> Option<Api> {
    let root = document.root();
    if root.text("kind") != Some("discovery#restDescription") {
        root.problem(
            "not-a-description",
            "this is not a Google discovery document",
            "it has `\"kind\": \"discovery#restDescription\"`; OpenAPI is read with `--openapi`",
        );
        return None;
    }
    let text = |key: &str| root.text(key).map(str::to_owned);
    let mut api = Api {
        name: text("name"),
        title: text("title").unwrap_or_default(),
        version: text("version"),
        docs: text("documentationLink").filter(|link| link.starts_with("https://")),
        format: "Google discovery".to_owned(),
        ..Api::default()
    };
    let base = root.text("baseUrl").map_or_else(
        || {
            format!(
                "{}{}",
                root.text("rootUrl").unwrap_or_default(),
                root.text("servicePath").unwrap_or_default()
            )
        },
        str::to_owned,
    );
    match base
        .strip_prefix("https://")
        .and_then(|rest| rest.split_once('/'))
    {
        Some((host, path)) => {
            let path = path.trim_end_matches('/');
            let base = if path.is_empty() {
                String::new()
            } else {
                format!("/{path}")
            };
            api.servers.push(Server {
                host: host.to_owned(),
                base,
            });
        }
        None => root.problem("not-a-description", "`baseUrl` is not an https URL", ""),
    }
    authentication(&root, &mut api);
    resource(&root, &mut Vec::new(), &mut api);
    Some(api)
}

fn authentication(root: &Spot<'_>, api: &mut Api) {
    if root
        .get("auth")
        .is_some_and(|auth| auth.get("oauth2").is_some())
    {
        api.ways.push(Way {
            id: "oauth2".to_owned(),
            marks: vec![Mark::Bearer("access_token")],
        });
    }
    let Some(parameters) = root.get("parameters") else {
        return;
    };
    if parameters.get("key").is_some() {
        api.ways.push(Way {
            id: "api_key".to_owned(),
            marks: vec![Mark::Query("key".to_owned())],
        });
    }
    let tokens = ["access_token", "oauth_token"]
        .iter()
        .filter(|name| parameters.get(name).is_some());
    api.credentials_in
        .extend(tokens.map(|name| format!("query:{name}")));
}

fn resource(spot: &Spot<'_>, names: &mut Vec<String>, api: &mut Api) {
    for (name, method) in spot.get("methods").iter().flat_map(Spot::entries) {
        if api.operations.len() >= MAX_METHODS {
            method.problem(
                "too-large",
                format!("a description has at most {MAX_METHODS} methods"),
                "",
            );
            return;
        }
        let Some(operation) = self::method(&method, name, names, api) else {
            continue;
        };
        let upload = upload(&method, &operation, api);
        api.operations.push(operation);
        api.operations.extend(upload);
    }
    if names.len() >= MAX_DEPTH {
        return;
    }
    for (name, inner) in spot.get("resources").iter().flat_map(Spot::entries) {
        names.push(name.to_owned());
        resource(&inner, names, api);
        names.pop();
    }
}

fn method(method: &Spot<'_>, name: &str, names: &[String], api: &Api) -> Option<Operation> {
    let Some(path) = method.text("flatPath").or_else(|| method.text("path")) else {
        let message = format!("the method `{}` has no path", name.escape_debug());
        method.problem("operation", message, "");
        return None;
    };
    let mut fields = parameters(method);
    let request = schema(method, "request");
    fields.extend(request.iter().flat_map(properties));
    let has_body = method.value.get("request").is_some();
    let verb = name.rsplit('.').next().unwrap_or(name);
    let prefix = names.join(".");
    Some(Operation {
        method: method
            .text("httpMethod")
            .unwrap_or("GET")
            .to_ascii_uppercase(),
        path: format!("/{}", path.trim_start_matches('/')),
        id: Some(if prefix.is_empty() {
            verb.to_owned()
        } else {
            format!("{prefix}.{verb}")
        }),
        resource: Some(if names.is_empty() {
            vec![api.title.clone()]
        } else {
            names.to_vec()
        }),
        title: method.text("description").map(first_sentence),
        fields,
        body: if has_body { Body::Json } else { Body::Absent },
        answer: answer(schema(method, "response").as_ref(), verb),
        ..Operation::default()
    })
}

fn parameters(method: &Spot<'_>) -> Vec<Field> {
    let list = method.get("parameters");
    let entries = list.iter().flat_map(Spot::entries);
    let field = |(name, parameter): (&str, Spot<'_>)| {
        let place = match parameter.text("location")? {
            "path" => FieldPlace::Path,
            "query" => FieldPlace::Query,
            _ => return None,
        };
        Some(Field {
            name: name.to_owned(),
            place,
            shape: shape(&parameter),
            required: parameter.flag("required") && place == FieldPlace::Query,
        })
    };
    entries.filter_map(field).collect()
}

/// Returns the schema that a method names for its request or response. `$ref` is a name here, not a pointer.
fn schema<'d>(method: &Spot<'d>, key: &str) -> Option<Spot<'d>> {
    let name = method.value.get(key)?.get("$ref")?.as_str()?;
    method.root().get("schemas")?.get(name)
}

fn properties(schema: &Spot<'_>) -> Vec<Field> {
    let list = schema.get("properties");
    let entries = list.iter().flat_map(Spot::plain_entries);
    let own = entries
        .filter(|(_, property)| !property.flag("readOnly") && property.text("$ref").is_none());
    own.map(|(name, property)| Field {
        name: name.to_owned(),
        place: FieldPlace::Body,
        shape: shape(&property),
        required: false,
    })
    .collect()
}

/// Uploads take the same path below another base, with a query key that says how: the body is then not the thing's JSON. It is
/// the same method, and so the same action: mail that is sent as an upload is sent.
fn upload(method: &Spot<'_>, operation: &Operation, api: &mut Api) -> Option<Operation> {
    let path = method
        .get("mediaUpload")?
        .get("protocols")?
        .get("simple")?
        .text("path")?
        .to_owned();
    let own = method.text("path").unwrap_or_default();
    let base = path
        .strip_suffix(own.trim_start_matches('/'))?
        .trim_end_matches('/')
        .to_owned();
    let host = api.servers.first()?.host.clone();
    let server = Server { host, base };
    if !api.servers.contains(&server) {
        api.servers.push(server);
    }
    Some(Operation {
        path: format!("{}{UPLOAD}", operation.path),
        fields: operation
            .fields
            .iter()
            .filter(|field| matches!(field.place, FieldPlace::Path | FieldPlace::Query))
            .cloned()
            .collect(),
        body: Body::Other,
        ..operation.clone()
    })
}

fn answer(response: Option<&Spot<'_>>, verb: &str) -> OperationAnswer {
    let Some(response) = response else {
        return OperationAnswer::default();
    };
    let properties = response.get("properties");
    let properties: Vec<(&str, Spot<'_>)> =
        properties.iter().flat_map(Spot::plain_entries).collect();
    let texts = properties
        .iter()
        .filter(|(_, property)| property.text("type") == Some("string"))
        .map(|(name, _)| (*name).to_owned());
    let texts: Vec<String> = texts.collect();
    OperationAnswer {
        list: verb == "list",
        secrets: texts
            .iter()
            .filter(|name| secrets::is_secret(name))
            .map(|name| secrets::step("$", name))
            .collect(),
        texts,
    }
}

fn shape(parameter: &Spot<'_>) -> Shape {
    let items = parameter
        .plain("items")
        .filter(|_| parameter.text("type") == Some("array"));
    let of = items.as_ref().unwrap_or(parameter);
    Shape {
        kind: match of.text("type") {
            Some("string") => Kind::Text,
            Some("integer") => Kind::Int,
            Some("number") => Kind::Number,
            Some("boolean") => Kind::Bool,
            Some("object" | "array") => Kind::Structure,
            _ if of.text("$ref").is_some() => Kind::Structure,
            _ => Kind::Any,
        },
        list: items.is_some() || parameter.flag("repeated"),
        format: of.text("format").map(str::to_owned),
        pattern: of.text("pattern").map(str::to_owned),
        values: of.texts("enum").into_iter().map(str::to_owned).collect(),
        within: None,
        secret: of.text("format") == Some("password"),
    }
}

fn first_sentence(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.split_once(". ")
        .map_or(line, |(first, _)| first)
        .to_owned()
}
