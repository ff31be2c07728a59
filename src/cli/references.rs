//! Finds the rules that name an agent or a credential: what its removal would leave dangling, and what its return would revive.

use serde_json::{Value as Json, json};

use super::Context;
use super::failure::Failure;
use super::permission::manifest;
use super::workspace::Workspace;
use crate::model::show::escape;
use crate::store::{Cascade, StoredPermission};

/// Things that a rule can name.
#[derive(Debug, Clone, Copy)]
pub(super) enum Named<'a> {
    Agent(&'a str),
    Credential(&'a str),
}

/// The rules that name it.
#[derive(Debug, Default)]
pub(super) struct References {
    stored: Vec<StoredPermission>,
    /// `policies.d/a.yaml: ci on jira: full`.
    files: Vec<String>,
}

impl Named<'_> {
    fn is_named_by(self, rule: &Json) -> bool {
        match self {
            Self::Agent(name) => agents(rule).any(|agent| agent == name),
            Self::Credential(id) => rule.get("credential").and_then(Json::as_str) == Some(id),
        }
    }
}

impl References {
    /// Finds them in the store's permissions and in the policy files. A file that cannot be read is said to be left out.
    pub(super) fn find(
        context: &Context,
        workspace: &Workspace,
        stored: &[StoredPermission],
        named: Named<'_>,
    ) -> Self {
        let names =
            |permission: &&StoredPermission| named.is_named_by(&manifest::parse(permission));
        let mut found = Self {
            stored: stored.iter().filter(names).cloned().collect(),
            files: Vec::new(),
        };
        let Ok(sources) = workspace.policy_sources() else {
            context
                .output
                .note("warning: policy files cannot be read, so they are not searched; `tollgate check` says why");
            return found;
        };
        for source in sources {
            let rules = manifest::rules_in_file(&source);
            let rules = rules.iter().filter(|rule| named.is_named_by(rule));
            found.files.extend(rules.map(|rule| {
                let id = rule.get("id").and_then(Json::as_str);
                let what = id.map_or_else(
                    || manifest::in_words(rule),
                    |id| format!("policy {}", escape(id)),
                );
                format!("{}: {what}", source.name)
            }));
        }
        found
    }

    /// A line for each.
    pub(super) fn lines(&self) -> Vec<String> {
        let stored = self.stored.iter().map(|permission| {
            let words = manifest::in_words(&manifest::parse(permission));
            format!("permission {}: {words}", permission.id)
        });
        stored.chain(self.files.iter().cloned()).collect()
    }

    /// Returns the changes to stored rules that go with a removal, or the reason why it is refused.
    pub(super) fn cascade(
        &self,
        what: &str,
        named: Named<'_>,
        cascade: bool,
        others: &[StoredPermission],
    ) -> Result<Cascade, Failure> {
        if !self.files.is_empty() || (!cascade && !self.stored.is_empty()) {
            let help = if self.files.is_empty() {
                "`--cascade` removes these permissions too".to_owned()
            } else {
                "remove it from the files first".to_owned()
            };
            let detail = format!("{what} is named by {}", self.lines().join("; "));
            return Err(Failure::failed("named", detail).help(help));
        }
        let mut cascade = Cascade::default();
        for permission in &self.stored {
            match without(permission, named) {
                Some(mut changed) => {
                    let taken = |other: &StoredPermission| other.key == changed.key;
                    if others.iter().any(taken) {
                        changed.key.clone_from(&permission.key);
                    }
                    cascade.changed.push(changed);
                }
                None => cascade.removed.push(permission.id),
            }
        }
        Ok(cascade)
    }
}

/// Returns a permission that is for other agents too without this one.
fn without(permission: &StoredPermission, named: Named<'_>) -> Option<StoredPermission> {
    let Named::Agent(name) = named else {
        return None;
    };
    let mut manifest = manifest::parse(permission);
    let left: Vec<String> = agents(&manifest)
        .filter(|agent| *agent != name)
        .map(str::to_owned)
        .collect();
    if left.is_empty() {
        return None;
    }
    manifest
        .as_object_mut()?
        .insert("agents".to_owned(), json!(left));
    Some(StoredPermission {
        id: permission.id,
        key: manifest::key(&manifest),
        manifest: manifest.to_string(),
    })
}

fn agents(rule: &Json) -> impl Iterator<Item = &str> {
    let agents = rule.get("agents").and_then(Json::as_array);
    agents.into_iter().flatten().filter_map(Json::as_str)
}
