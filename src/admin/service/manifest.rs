//! Reads rules as they are written in policy files and in the store, and describes them in words.

use serde_json::{Value as Json, json};

use crate::config::diagnostic::{Report, Source};
use crate::config::yaml;
use crate::policy::{Manifest, permission_label};
use crate::store::{StoredPermission, StoredPolicy};

/// Parses a stored manifest; a malformed one is shown as such.
#[must_use]
pub fn parse(permission: &StoredPermission) -> Json {
    serde_json::from_str(&permission.manifest)
        .unwrap_or_else(|_| json!({ "unreadable": permission.manifest }))
}

/// Returns the store's key of a manifest; the same agents and connector have the same key, so that setting
/// replaces; lists of actions are their own key, so that they add up.
#[must_use]
pub fn key(manifest: &Json) -> String {
    match manifest.get("connector") {
        Some(connector) => {
            json!({ "agents": manifest.get("agents"), "connector": connector }).to_string()
        }
        None => {
            let mut listed = manifest.clone();
            if let Some(fields) = listed.as_object_mut() {
                fields
                    .retain(|name, _| ["agents", "allow", "ask", "deny"].contains(&name.as_str()));
            }
            listed.to_string()
        }
    }
}

/// Returns the permissions that a policy file holds, for listing; problems of the file are `check`'s.
#[must_use]
pub fn in_file(source: &Source) -> Vec<Json> {
    let written: Option<Manifest> = yaml::read(source, &mut Report::default());
    let lines = written.map(|file| file.permissions).unwrap_or_default();
    let mut lines = lines.into_iter().map(|entry| entry.line);
    let shown = |permission: Json| {
        let label = permission_label(source, lines.next().unwrap_or(0));
        let mut shown = json!({ "id": null, "from": &*source.name, "label": label });
        if let (Some(shown), Json::Object(fields)) = (shown.as_object_mut(), permission) {
            shown.extend(fields);
        }
        shown
    };
    entries(source, &["permissions"]).map(shown).collect()
}

/// Returns the policies that a policy file holds, for listing.
#[must_use]
pub fn policies_in_file(source: &Source) -> Vec<Json> {
    entries(source, &["policies"]).collect()
}

/// Returns a stored permission as a policy file, named by the id under which `permission list` shows it.
#[must_use]
pub fn permission_source(permission: &StoredPermission) -> Source {
    // The store's ids begin at 1.
    let name = match permission.id {
        0 => "this permission".to_owned(),
        id => format!("store:{id}"),
    };
    source(name, "permissions", &permission.manifest)
}

/// Returns a stored policy as a policy file.
#[must_use]
pub fn policy_source(policy: &StoredPolicy) -> Source {
    source(format!("store:{}", policy.id), "policies", &policy.manifest)
}

fn source(name: String, list: &str, manifest: &str) -> Source {
    // JSON in flow style: YAML reads it, and a manifest that somebody broke in the database stays inside the list.
    let manifest: Json = serde_json::from_str(manifest).unwrap_or(Json::Null);
    Source {
        name: name.into(),
        text: format!("{list}: [{manifest}]").into(),
        built_in: false,
    }
}

/// Returns the permissions and policies that a policy file holds, as written; `None` for a file that cannot be parsed.
#[must_use]
pub fn rules_in_file(source: &Source) -> Option<Vec<Json>> {
    let mut report = Report::default();
    let document: Option<Json> = yaml::read(source, &mut report);
    let document = document.filter(|_| !report.has_errors())?;
    Some(listed(&document, &["permissions", "policies"]))
}

fn entries(source: &Source, lists: &[&str]) -> impl Iterator<Item = Json> {
    let document: Option<Json> = yaml::read(source, &mut Report::default());
    let found = document.map(|document| listed(&document, lists));
    found.into_iter().flatten()
}

fn listed(document: &Json, lists: &[&str]) -> Vec<Json> {
    let found = lists
        .iter()
        .filter_map(|list| document.get(*list)?.as_array());
    found.flatten().cloned().collect()
}

/// Returns the permission as a sentence: `ci on jira: read_only`.
#[must_use]
pub fn in_words(manifest: &Json) -> String {
    let list = |key: &str| match manifest.get(key) {
        Some(Json::Array(items)) => Some(
            items
                .iter()
                .filter_map(Json::as_str)
                .collect::<Vec<_>>()
                .join(", "),
        ),
        Some(Json::String(text)) => Some(text.clone()),
        Some(_) | None => None,
    };
    let who = list("agents")
        .or_else(|| list("agent"))
        .unwrap_or_else(|| "?".to_owned());
    let mut words = match (list("connector"), list("access")) {
        (Some(connector), Some(access)) => format!("{who} on {connector}: {access}"),
        (None | Some(_), _) => {
            let parts = ["allow", "ask", "deny"]
                .into_iter()
                .filter_map(|key| Some(format!("{key} {}", list(key)?)));
            format!("{who}: {}", parts.collect::<Vec<_>>().join("; "))
        }
    };
    for (key, word) in [
        ("where", "where"),
        ("credential", "with credential"),
        ("hosts", "at"),
        ("response_secrets", "response secrets"),
    ] {
        if let Some(text) = list(key) {
            words.push_str(&format!(", {word} {text}"));
        }
    }
    words
}
