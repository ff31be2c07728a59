//! Finds the rules that name an agent or a credential: what its removal would leave dangling, and what its return would revive.
//!
//! INVARIANT: nothing is removed while a policy file cannot be parsed: the rules in effect are those of its previous version, which
//! may name it.

use serde_json::{Value as Json, json};

use super::{Host, manifest};
use crate::admin::problem::Problem;
use crate::config::diagnostic::Source;
use crate::model::show::escape;
use crate::store::{Cascade, StoreView, StoredPermission, StoredPolicy};

/// Things that a rule can name.
#[derive(Debug, Clone, Copy)]
pub(super) enum Named<'a> {
    Agent(&'a str),
    Credential(&'a str),
}

/// The rules that name it.
#[derive(Debug, Default)]
pub(super) struct References {
    permissions: Vec<StoredPermission>,
    policies: Vec<StoredPolicy>,
    /// `policies.d/a.yaml: ci on jira: full`; a removal takes none of them along.
    files: Vec<String>,
    /// Files that cannot be searched.
    unsearched: Vec<String>,
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
    /// Finds them in the rules of the store and in the policy files.
    pub(super) fn find(host: &dyn Host, view: &StoreView, named: Named<'_>) -> Self {
        let by_permission =
            |permission: &&StoredPermission| named.is_named_by(&manifest::parse(permission));
        let by_policy = |policy: &&StoredPolicy| named.is_named_by(&parsed(policy));
        let mut found = Self {
            permissions: view
                .permissions
                .iter()
                .filter(by_permission)
                .cloned()
                .collect(),
            policies: view.policies.iter().filter(by_policy).cloned().collect(),
            ..Self::default()
        };
        match host.policy_files() {
            Ok(sources) => sources
                .iter()
                .for_each(|source| found.search(source, named)),
            Err(_) => found
                .unsearched
                .push("a directory of policy files".to_owned()),
        }
        found
    }

    fn search(&mut self, source: &Source, named: Named<'_>) {
        let Some(rules) = manifest::rules_in_file(source) else {
            return self.unsearched.push(source.name.to_string());
        };
        let rules = rules.iter().filter(|rule| named.is_named_by(rule));
        self.files.extend(rules.map(|rule| {
            let id = rule.get("id").and_then(Json::as_str);
            let what = id.map_or_else(
                || manifest::in_words(rule),
                |id| format!("policy {}", escape(id)),
            );
            format!("{}: {what}", source.name)
        }));
    }

    /// Returns a warning of what was not searched.
    pub(super) fn warnings(&self) -> Vec<String> {
        let warn = |file: &String| {
            format!(
                "{file} cannot be read, so it is not known what it names; `tollgate check` says why"
            )
        };
        self.unsearched.iter().map(warn).collect()
    }

    /// A line for each.
    pub(super) fn lines(&self) -> Vec<String> {
        let permissions = self.permissions.iter().map(|permission| {
            let words = manifest::in_words(&manifest::parse(permission));
            format!("permission {}: {words}", permission.id)
        });
        let policies = self.policies.iter();
        let policies = policies.map(|policy| format!("store: policy {}", escape(&policy.id)));
        permissions
            .chain(policies)
            .chain(self.files.iter().cloned())
            .collect()
    }

    /// Returns the changes to stored rules that go with a removal, or the reason why it is refused.
    pub(super) fn cascade(
        &self,
        what: &str,
        named: Named<'_>,
        cascade: bool,
        others: &[StoredPermission],
    ) -> Result<Cascade, Problem> {
        if !self.unsearched.is_empty() {
            let files = self.unsearched.join(", ");
            let detail =
                format!("{files} cannot be read, so it is not known whether a rule names {what}");
            let help = "fix it first (`tollgate check` says where); meanwhile `tollgate kill on` halts agents and connectors";
            return Err(Problem::conflict("files_broken", detail).help(help));
        }
        let is_stored = !self.permissions.is_empty() || !self.policies.is_empty();
        if !self.files.is_empty() || (!cascade && is_stored) {
            let help = if self.files.is_empty() {
                "`--cascade` removes these rules too".to_owned()
            } else {
                "remove it from the files first".to_owned()
            };
            let detail = format!("{what} is named by {}", self.lines().join("; "));
            let problem = Problem::conflict("named", detail).help(help);
            return Err(problem.with("named_by", self.lines()));
        }
        let mut cascade = Cascade::default();
        for permission in &self.permissions {
            match without(&manifest::parse(permission), named) {
                Some(left) => {
                    let key = manifest::key(&left);
                    // The key of another permission is taken: this one keeps its own.
                    let is_taken = others.iter().any(|other| other.key == key)
                        || cascade.changed.iter().any(|other| other.key == key);
                    cascade.changed.push(StoredPermission {
                        id: permission.id,
                        key: if is_taken {
                            permission.key.clone()
                        } else {
                            key
                        },
                        manifest: left.to_string(),
                    });
                }
                None => cascade.removed.push(permission.id),
            }
        }
        for policy in &self.policies {
            match without(&parsed(policy), named) {
                Some(left) => cascade.changed_policies.push(StoredPolicy {
                    id: policy.id.clone(),
                    manifest: left.to_string(),
                }),
                None => cascade.removed_policies.push(policy.id.clone()),
            }
        }
        Ok(cascade)
    }
}

/// Returns a view of the store as a removal leaves it, apart from what is removed itself.
pub(super) fn after(view: &StoreView, cascade: &Cascade) -> StoreView {
    let mut after = view.clone();
    after
        .permissions
        .retain(|stored| !cascade.removed.contains(&stored.id));
    after
        .policies
        .retain(|stored| !cascade.removed_policies.contains(&stored.id));
    for changed in &cascade.changed {
        let stored = after
            .permissions
            .iter_mut()
            .find(|stored| stored.id == changed.id);
        if let Some(stored) = stored {
            stored.clone_from(changed);
        }
    }
    for changed in &cascade.changed_policies {
        let stored = after
            .policies
            .iter_mut()
            .find(|stored| stored.id == changed.id);
        if let Some(stored) = stored {
            stored.clone_from(changed);
        }
    }
    after
}

/// Returns a rule that is for other agents too without this one.
fn without(rule: &Json, named: Named<'_>) -> Option<Json> {
    let Named::Agent(name) = named else {
        return None;
    };
    let left: Vec<&str> = agents(rule).filter(|agent| *agent != name).collect();
    if left.is_empty() {
        return None;
    }
    let mut rule = rule.clone();
    let left = json!(left);
    rule.as_object_mut()?.insert("agents".to_owned(), left);
    Some(rule)
}

fn parsed(policy: &StoredPolicy) -> Json {
    serde_json::from_str(&policy.manifest).unwrap_or_default()
}

fn agents(rule: &Json) -> impl Iterator<Item = &str> {
    let agents = rule.get("agents").and_then(Json::as_array);
    agents.into_iter().flatten().filter_map(Json::as_str)
}
