//! Shows an explanation to a person: the decision and its reasons first, then what the request was compared with.

use serde_json::Value as Json;

use crate::model::show::escape;

/// Returns the lines; everything in them is escaped.
pub(super) fn lines(explanation: &Json) -> Vec<String> {
    let mut lines = Lines(Vec::new());
    for key in ["decision", "code", "detail", "suggest", "connector"] {
        lines.add(key, &text(explanation, key));
    }
    actions(explanation, &mut lines);
    lines.add("by", &text(explanation, "by"));
    for failure in list(explanation, "failures")
        .iter()
        .filter_map(Json::as_str)
    {
        lines.add("failed", failure);
    }
    rules(explanation, &mut lines);
    credential(explanation, &mut lines);
    lines.add("sent", &text(explanation, "sent"));
    lines.add("not sent", &text(explanation, "dropped_headers"));
    lines.add("egress", &text(explanation, "egress"));
    if let Some(answer) = explanation
        .get("answer")
        .filter(|answer| answer.is_object())
    {
        let is_masked = answer.get("masked").and_then(Json::as_bool) == Some(true);
        lines.add(
            "answer",
            &masked(&text(answer, "response_secrets"), is_masked),
        );
    }
    for route in list(explanation, "routes") {
        let (action, matches) = (text(route, "action"), text(route, "match"));
        let (place, lost) = (text(route, "place"), text(route, "lost"));
        let tried = if lost.is_empty() {
            format!("matches  {action}  {matches}  ({place})")
        } else {
            format!("no       {action}  {matches}  ({place}): {lost}")
        };
        lines.add("route", &tried);
        if !lost.is_empty() {
            lines.add("", &when(&text(route, "when")));
        }
    }
    lines.0
}

/// Lines with the name of what they tell in front.
struct Lines(Vec<String>);

impl Lines {
    fn add(&mut self, name: &str, text: &str) {
        if !text.is_empty() {
            self.0.push(format!("{name:<10} {}", escape(text)));
        }
    }
}

fn actions(explanation: &Json, lines: &mut Lines) {
    for action in list(explanation, "actions") {
        let special = action.get("special").and_then(Json::as_bool) == Some(true);
        let special = if special { ", must be named" } else { "" };
        let (name, risk) = (text(action, "name"), text(action, "risk"));
        lines.add("action", &format!("{name} (risk {risk}{special})"));
        lines.add("", &text(action, "summary"));
        let params = action.get("params").and_then(Json::as_object);
        for (name, value) in params.into_iter().flatten() {
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            let from = action.get("from").map(|from| text(from, name));
            let from = from.filter(|from| !from.is_empty());
            let from = from.map_or_else(String::new, |from| format!("  (from {from})"));
            lines.add("", &format!("{name} = {value}{from}"));
        }
    }
}

/// Shows what each permission and policy answers, and the parts of its condition.
fn rules(explanation: &Json, lines: &mut Lines) {
    let many = list(explanation, "rules").len() > 1;
    for judged in list(explanation, "rules") {
        for rule in list(judged, "rules") {
            let of = if many {
                format!(" on {}", text(judged, "action"))
            } else {
                String::new()
            };
            let decision = match text(rule, "decision") {
                empty if empty.is_empty() => "silent".to_owned(),
                decision => decision,
            };
            let (id, place) = (text(rule, "id"), text(rule, "place"));
            let what = if text(rule, "kind") == "policy" {
                format!("policy {id} ({place})")
            } else {
                id
            };
            let because = text(rule, "because");
            lines.add("rule", &format!("{decision}{of}  {what}: {because}"));
            for part in list(rule, "condition") {
                let depth = part.get("depth").and_then(Json::as_u64).unwrap_or(0);
                let indent = "  ".repeat(usize::try_from(depth).unwrap_or(0));
                let (source, value) = (text(part, "text"), text(part, "value"));
                lines.add("", &format!("{indent}{source}  ->  {value}"));
            }
        }
    }
}

fn credential(explanation: &Json, lines: &mut Lines) {
    let credential = text(explanation, "credential");
    let binding = explanation
        .get("binding")
        .filter(|binding| binding.is_object());
    let Some(binding) = binding else {
        return lines.add("credential", &credential);
    };
    let agents = match text(binding, "agents") {
        empty if empty.is_empty() => "all agents".to_owned(),
        agents => agents,
    };
    let (scheme, hosts) = (text(binding, "scheme"), text(binding, "hosts"));
    let path = text(binding, "path");
    let shown = format!("{credential} ({scheme}), bound to {hosts} below {path} for {agents}");
    lines.add("credential", &shown);
}

fn when(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!("when {text}")
    }
}

fn masked(places: &str, is_masked: bool) -> String {
    if is_masked {
        format!("with a placeholder in place of the credential at {places}")
    } else {
        format!(
            "with the credential at {places}, which the agent may have (`response_secrets: pass`)"
        )
    }
}

fn text(value: &Json, key: &str) -> String {
    match value.get(key) {
        Some(Json::String(text)) => text.clone(),
        Some(Json::Array(items)) => {
            let items: Vec<&str> = items.iter().filter_map(Json::as_str).collect();
            items.join(", ")
        }
        Some(_) | None => String::new(),
    }
}

fn list<'a>(value: &'a Json, key: &str) -> &'a [Json] {
    let items = value.get(key).and_then(Json::as_array);
    items.map_or(&[][..], Vec::as_slice)
}
