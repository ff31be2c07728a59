//! Builds permissions in the form of a policy file's `permissions:`, from arguments, store and files, and describes them in
//! words.

use serde_json::{Map, Value as Json, json};

use crate::cli::args::SetPermission;
use crate::cli::failure::Failure;
use crate::config::diagnostic::{Report, Source};
use crate::config::yaml;
use crate::store::StoredPermission;

const ACCESS: [&str; 5] = ["full", "supervised", "read_only", "ask", "none"];

/// Returns the store's key and the manifest. The same agents and connector have the same key, so that setting replaces;
/// lists of actions are their own key, so that they add up.
pub(super) fn of(args: &SetPermission) -> Result<(String, Json), Failure> {
    let mut agents = args.agents.clone();
    agents.sort();
    agents.dedup();
    let mut fields = Map::new();
    fields.insert("agents".to_owned(), json!(agents));
    match (&args.connector, &args.access) {
        (Some(connector), Some(access)) => {
            // The seed product's word.
            let access = if access == "allow_all" {
                "full"
            } else {
                access.as_str()
            };
            if !ACCESS.contains(&access) {
                let shown = access.escape_debug();
                return Err(Failure::usage(format!(
                    "`{shown}` is not an access; use one of {}",
                    ACCESS.join(", ")
                )));
            }
            fields.insert("connector".to_owned(), json!(connector));
            fields.insert("access".to_owned(), json!(access));
        }
        (None | Some(_), _) => {
            for (name, globs) in [
                ("allow", &args.allow),
                ("ask", &args.ask),
                ("deny", &args.deny),
            ] {
                if !globs.is_empty() {
                    fields.insert(name.to_owned(), json!(globs));
                }
            }
            if fields.len() == 1 {
                return Err(Failure::usage(
                    "a permission needs `--connector C --access X`, or `--allow`, `--ask` or `--deny`",
                ));
            }
        }
    }
    let key = key(&Json::Object(fields.clone()));
    if let Some(condition) = &args.condition {
        fields.insert("where".to_owned(), json!(condition));
    }
    if let Some(credential) = &args.credential {
        fields.insert("credential".to_owned(), json!(credential));
    }
    Ok((key, Json::Object(fields)))
}

/// Parses a stored manifest; a malformed one is shown as such.
pub(in crate::cli) fn parse(permission: &StoredPermission) -> Json {
    serde_json::from_str(&permission.manifest)
        .unwrap_or_else(|_| json!({ "unreadable": permission.manifest }))
}

/// Returns the store's key of a manifest; see [`of`].
pub(in crate::cli) fn key(manifest: &Json) -> String {
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
pub(super) fn in_file(source: &Source) -> Vec<Json> {
    let shown = |permission: Json| {
        let mut shown = json!({ "id": null, "from": &*source.name });
        if let (Some(shown), Json::Object(fields)) = (shown.as_object_mut(), permission) {
            shown.extend(fields);
        }
        shown
    };
    entries(source, &["permissions"]).map(shown).collect()
}

/// Returns the permissions and policies that a policy file holds, as written.
pub(in crate::cli) fn rules_in_file(source: &Source) -> Vec<Json> {
    entries(source, &["permissions", "policies"]).collect()
}

fn entries(source: &Source, lists: &[&str]) -> impl Iterator<Item = Json> {
    let document: Option<Json> = yaml::read(source, &mut Report::default());
    let found: Vec<Json> = lists
        .iter()
        .filter_map(|list| document.as_ref()?.get(*list)?.as_array().cloned())
        .flatten()
        .collect();
    found.into_iter()
}

/// Returns the permission as a sentence: `ci on jira: read_only`.
pub(in crate::cli) fn in_words(manifest: &Json) -> String {
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
    ] {
        if let Some(text) = list(key) {
            words.push_str(&format!(", {word} {text}"));
        }
    }
    words
}
