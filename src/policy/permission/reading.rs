//! Compiles a permission as written. Every problem goes into the report.

use super::{Permission, Preset, label};
use crate::config::yaml::At;
use crate::model::credential::CredentialId;
use crate::model::target::Authority;
use crate::policy::condition::Owner;
use crate::policy::manifest::{Access, PermissionEntry};
use crate::policy::reading::{Effect, Reading};
use crate::policy::selector::Pattern;

impl Reading<'_> {
    /// Compiles one permission; every problem is reported.
    pub(crate) fn permission(&mut self, entry: &At<PermissionEntry>) -> Permission {
        let at = (entry.line, entry.column);
        let written = &entry.value;
        let who = self.agents(&written.agents, at, effect(written));
        let preset = self.preset(written, at);
        let allow = self.patterns(&written.allow, Effect::Grants);
        let [ask, deny] =
            [&written.ask, &written.deny].map(|list| self.patterns(list, Effect::Guards));
        let patterns: Vec<_> = [&allow, &ask, &deny]
            .into_iter()
            .flatten()
            .cloned()
            .collect();
        let narrows =
            |access: Access| matches!(access, Access::Supervised | Access::Ask | Access::None);
        let owner = Owner {
            key: "where",
            patterns: &patterns,
            connector: preset.as_ref().map(|preset| preset.connector.as_str()),
            guards: !ask.is_empty()
                || !deny.is_empty()
                || preset.as_ref().is_some_and(|preset| narrows(preset.access)),
        };
        let condition = self.condition(&written.condition, owner);
        let connectors = opened(preset.as_ref(), allow.iter().chain(&ask));
        let credential = written
            .credential
            .as_ref()
            .and_then(|credential| self.credential(credential, &connectors));
        let hosts = written
            .hosts
            .iter()
            .filter_map(|host| self.host(host))
            .collect();
        let label = label(self.source, entry.line);
        Permission {
            place: entry.place(self.source, ""),
            label,
            who,
            preset,
            allow,
            ask,
            deny,
            condition,
            condition_text: written.condition.value.clone(),
            credential,
            hosts,
            passes_response_secrets: written.response_secrets.is_some(),
        }
    }

    fn preset(&mut self, written: &PermissionEntry, at: (usize, usize)) -> Option<Preset> {
        let (connector, access) = match (&written.connector, &written.access) {
            (Some(connector), Some(access)) => (connector, access),
            (Some(connector), None) => {
                let help = "say `access: full`, `supervised`, `read_only`, `ask` or `none`";
                self.error(
                    "permission",
                    "`connector` is given without `access`",
                    (connector.line, connector.column),
                    help,
                );
                return None;
            }
            (None, Some(access)) => {
                self.error(
                    "permission",
                    "`access` is given without `connector`",
                    (access.line, access.column),
                    "",
                );
                return None;
            }
            (None, None) => {
                if written.allow.is_empty() && written.ask.is_empty() && written.deny.is_empty() {
                    let help = "say `connector` and `access`, or `allow`, `ask` or `deny`";
                    self.error("permission", "the permission says nothing", at, help);
                }
                return None;
            }
        };
        let known = self.vocabulary.partial
            || connector.value == "*"
            || self.vocabulary.connectors.contains(&connector.value);
        if !known {
            let message = format!("there is no connector `{}`", connector.value.escape_debug());
            let help = self.suggestion(
                &connector.value,
                self.vocabulary.connectors.iter().map(String::as_str),
            );
            self.dangling(
                ("unknown-connector", message),
                connector,
                help,
                effect(written),
            );
        }
        Some(Preset {
            connector: connector.value.clone(),
            access: access.value,
        })
    }

    fn credential(&mut self, written: &At<String>, connectors: &[String]) -> Option<CredentialId> {
        let at = (written.line, written.column);
        let id = match CredentialId::parse(&written.value) {
            Ok(id) => id,
            Err(error) => {
                self.error("unknown-credential", error.to_string(), at, "");
                return None;
            }
        };
        let Some(known) = &self.vocabulary.credentials else {
            return Some(id);
        };
        // Never dropped: without it the connector's only credential would go out instead.
        match known.get(id.as_str()) {
            None => {
                let help = self.suggestion(id.as_str(), known.keys().map(String::as_str));
                let message = format!("there is no credential `{id}`");
                self.dangling(
                    ("unknown-credential", message),
                    written,
                    help,
                    Effect::Grants,
                );
            }
            Some(connector) => {
                let fits = |named: &String| named == "*" || named == connector;
                if !connectors.iter().any(fits) {
                    let message = format!(
                        "the credential `{id}` is for `{connector}`, and the permission is not"
                    );
                    let told = ("foreign-credential", message);
                    self.dangling(told, written, String::new(), Effect::Grants);
                }
            }
        }
        Some(id)
    }

    fn host(&mut self, written: &At<String>) -> Option<String> {
        match Authority::parse(&written.value, 443) {
            Ok(authority) => Some(authority.to_string()),
            Err(error) => {
                self.error(
                    "host",
                    error.to_string(),
                    (written.line, written.column),
                    "a host is exact, never a glob",
                );
                None
            }
        }
    }
}

/// Whether a permission grants or guards, which decides how a wrong name in it is handled.
fn effect(written: &PermissionEntry) -> Effect {
    let access = written.access.as_ref().map(|access| access.value);
    let narrows = matches!(access, Some(Access::Ask | Access::None));
    if narrows || !written.ask.is_empty() || !written.deny.is_empty() {
        Effect::Guards
    } else {
        Effect::Grants
    }
}

/// The connectors that a permission names, or `*`.
fn opened<'p>(preset: Option<&Preset>, patterns: impl Iterator<Item = &'p Pattern>) -> Vec<String> {
    let preset = preset.map(|preset| preset.connector.clone());
    let named = patterns.map(|pattern| pattern.connector().unwrap_or("*").to_owned());
    preset.into_iter().chain(named).collect()
}
