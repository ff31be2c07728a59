//! Reads what a record says of a request: where it went, what was decided, and its parameters.

use serde_json::Value as Json;

use crate::journal::Decided;
use crate::model::target::{Authority, Path, Query, Target};
use crate::model::value::Value;
use crate::policy::Decision;

/// Returns the decision that rules came to, before an operator was asked.
pub(super) fn was(record: &Decided<'_>) -> Option<Decision> {
    let asked = record.approval.is_some() || record.code.starts_with("approval");
    match &*record.decision {
        _ if asked => Some(Decision::RequireApproval),
        "allow" => Some(Decision::Allow),
        "require_approval" => Some(Decision::RequireApproval),
        "deny" => Some(Decision::Deny),
        _ => None,
    }
}

/// Returns where the request went; `None` where the record does not say.
pub(super) fn target(record: &Decided<'_>) -> Option<Target> {
    Some(Target {
        method: record.method.parse().ok()?,
        authority: Authority::parse(record.host.as_str()?, 443).ok()?,
        path: Path::parse(record.path.as_str().unwrap_or("/")).ok()?,
        query: Query::default(),
        tls: true,
    })
}

/// Returns a parameter as it was recorded; a hash stays a text that nothing equals.
pub(super) fn value_of(value: &Json) -> Value {
    match value {
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match number.as_i64() {
            Some(number) => Value::Int(number),
            None => Value::Number(number.as_f64().unwrap_or_default()),
        },
        Json::String(text) => Value::text(text),
        Json::Array(items) => Value::list(items.iter().map(value_of).collect()),
        Json::Null | Json::Object(_) => Value::text(&value.to_string()),
    }
}
