//! Finds the GraphQL fields or JSON-RPC methods that a JSON body calls.

use apollo_parser::Parser;
use apollo_parser::cst::{Definition, OperationDefinition, Selection};
use serde_json::Value;

use crate::import::api::RequestPart;

/// Levels and tokens of a document that is looked at.
const MAX_DEPTH: usize = 64;
const MAX_TOKENS: usize = 20_000;
/// Bytes of a method's name.
const MAX_METHOD: usize = 128;

/// Returns the parts; none where the body is neither, or cannot be read as one.
pub(crate) fn of(document: &Value) -> Vec<RequestPart> {
    let messages = match document {
        Value::Array(messages) => messages.as_slice(),
        one => std::slice::from_ref(one),
    };
    let mut parts: Vec<RequestPart> = Vec::new();
    for message in messages {
        let text = |key: &str| message.get(key).and_then(Value::as_str);
        match (text("jsonrpc"), text("method"), text("query")) {
            (Some(_), Some(method), _) if is_plain(method) => {
                parts.push(RequestPart::Rpc(method.to_owned()));
            }
            (None, None, Some(query)) => parts.extend(fields(query)),
            _ => return Vec::new(),
        }
    }
    parts.sort();
    parts.dedup();
    parts
}

fn is_plain(method: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._/$-".contains(&byte);
    (1..=MAX_METHOD).contains(&method.len()) && method.bytes().all(plain)
}

/// Returns the root fields of all operations; none where some stand in fragments.
fn fields(query: &str) -> Vec<RequestPart> {
    let parser = Parser::new(query)
        .recursion_limit(MAX_DEPTH)
        .token_limit(MAX_TOKENS);
    let tree = parser.parse();
    if tree.errors().next().is_some() {
        return Vec::new();
    }
    let operations = tree.document().definitions().filter_map(|one| match one {
        Definition::OperationDefinition(operation) => Some(operation),
        _ => None,
    });
    let fields: Option<Vec<Vec<RequestPart>>> =
        operations.map(|operation| roots(&operation)).collect();
    fields.unwrap_or_default().into_iter().flatten().collect()
}

fn roots(operation: &OperationDefinition) -> Option<Vec<RequestPart>> {
    let kind = operation.operation_type();
    let kind = match kind {
        Some(kind) if kind.mutation_token().is_some() => "mutation",
        Some(kind) if kind.subscription_token().is_some() => "subscription",
        _ => "query",
    };
    let selections = operation.selection_set()?.selections();
    let field = |selection: Selection| match selection {
        Selection::Field(field) => {
            let name = field.name()?.text().to_string();
            Some(RequestPart::Graphql(format!("{kind}.{name}")))
        }
        _ => None,
    };
    selections.map(field).collect()
}
