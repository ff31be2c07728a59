//! Writes a recorded request as a test of a policy file and as a `curl` command. The journal holds no secret, no query and no body,
//! so neither do these.

use serde_json::{Map, Value as Json, json};

use crate::dashboard::document::Document as _;
use crate::model::show::shell_word;

/// Returns a test for `tests:` of a policy file, or nothing where the request is no single action.
pub(super) fn test(decided: &Json) -> String {
    let [action] = decided.list("actions") else {
        return String::new();
    };
    let params: Map<String, Json> = action
        .get("params")
        .and_then(Json::as_object)
        .into_iter()
        .flatten()
        // A hash stands for what the journal does not keep.
        .filter(|(_, value)| !value.is_object())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let mut test = json!({
        "agent": decided.text("agent"),
        "action": action.text("name"),
        "params": params,
        "risk": action.text("risk"),
        "expect": { "decision": decided.text("decision") },
    });
    let policies: Vec<String> = decided
        .words("by")
        .into_iter()
        .filter(|id| !id.contains(':'))
        .collect();
    if !policies.is_empty()
        && let Some(expect) = test.get_mut("expect").and_then(Json::as_object_mut)
    {
        expect.insert("by".to_owned(), json!(policies));
    }
    // JSON is YAML in flow style.
    format!("tests:\n  - {test}\n")
}

/// Returns a command that asks for the same through the gateway.
pub(super) fn curl(decided: &Json) -> String {
    let url = format!("https://{}{}", decided.text("host"), decided.text("path"));
    let method = decided.text("method");
    let mut words = vec![
        "tollgate run --agent".to_owned(),
        shell_word(&decided.text("agent")),
    ];
    words.push("-- curl -sS".to_owned());
    if method != "GET" {
        words.push(format!("-X {}", shell_word(&method)));
    }
    words.push(shell_word(&url));
    if decided.number("body_bytes") > 0 {
        words.push("--data @BODY".to_owned());
    }
    words.join(" ")
}
