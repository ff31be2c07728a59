//! Manages permissions: lists those of files and store, and changes those of the store.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use utoipa::ToSchema;

use super::rules::{EffectView, Mode, RemovedRule, absent, allow, with_permission};
use super::{Noted, Service, manifest};
use crate::admin::operator::Operator;
use crate::admin::problem::Problem;
use crate::config::diagnostic::Report;
use crate::store::{StoreView, StoredPermission};

/// A permission with the keys of a policy file.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PermissionView {
    /// Number of a permission of the store; null for one of a file.
    pub id: Option<i64>,
    /// `store`, or the name of the file.
    pub from: String,
    /// The name by which records and counts say that it spoke.
    #[serde(default)]
    pub label: String,
    /// `agents`, `connector` and `access`, `allow`, `ask`, `deny`, `where`, `credential`, `hosts`.
    #[serde(flatten)]
    pub rule: Map<String, Json>,
}

/// A permission that was set, or would be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SetPermission {
    /// Number of the permission; null in a preview of a new one.
    pub id: Option<i64>,
    /// Whether nothing was changed.
    pub dry_run: bool,
    /// What agents may do from now on.
    pub effect: EffectView,
    /// The state that the effect is of; `If-Match` of the write.
    pub revision: String,
    /// What keeps the change from taking effect.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// A part of the permissions.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PermissionList {
    /// In the order of the list.
    pub permissions: Vec<PermissionView>,
    /// Cursor of the next part; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl Service {
    /// Lists the permissions of the files, then those of the store.
    ///
    /// # Errors
    /// When files or store cannot be read.
    pub async fn permissions(&self) -> Result<Vec<PermissionView>, Problem> {
        let mut permissions = Vec::new();
        for source in self.policy_files()? {
            let found = manifest::in_file(&source).into_iter();
            permissions.extend(found.filter_map(|shown| serde_json::from_value(shown).ok()));
        }
        for stored in self.store.permissions().await? {
            permissions.push(PermissionView {
                id: Some(stored.id),
                from: "store".to_owned(),
                label: format!("permission store:{}", stored.id),
                rule: object(manifest::parse(&stored)),
            });
        }
        Ok(permissions)
    }

    pub(super) fn policy_files(&self) -> Result<Vec<crate::config::diagnostic::Source>, Problem> {
        let unreadable = |report: Report| {
            let detail = "connectors and policies cannot be used";
            Problem::conflict("files", detail).because(&report)
        };
        self.host().policy_files().map_err(unreadable)
    }

    /// Sets a permission of the store: the one of this number, or the one for the same agents and connector, or a new one; with
    /// `is_new`, only a new one.
    ///
    /// # Errors
    /// `permission_refused` with every problem, `files_broken`, `unknown_permission`, `exists` or `changed_meanwhile`.
    pub async fn set_permission(
        &self,
        by: &Operator,
        (id, rule, is_new): (Option<i64>, Map<String, Json>, bool),
        mode: Mode,
    ) -> Result<SetPermission, Problem> {
        let _turn = self.writing.lock().await;
        let view = self.view().await?;
        let rule = Json::Object(rule);
        let key = manifest::key(&rule);
        let known = replaced(&view, id, &key)?;
        let same = known.map(|known| {
            let words = manifest::in_words(&manifest::parse(known));
            format!("permission {}, {words},", known.id)
        });
        absent(is_new, same.as_deref())?;
        let permission = StoredPermission {
            id: id.unwrap_or(0),
            key,
            manifest: rule.to_string(),
        };
        let (after, candidate) = with_permission(&view, &permission);
        let checked = self
            .check((&view, &after), ("permission", Some(candidate)))
            .await?;
        let mut set = SetPermission {
            id: known.map(|known| known.id),
            dry_run: mode == Mode::Preview,
            effect: checked.effect.clone(),
            revision: checked.revision.clone(),
            warnings: Vec::new(),
        };
        let Mode::Write { if_match } = mode else {
            return Ok(set);
        };
        allow(Some(&checked), if_match.as_deref())?;
        let noted = Noted {
            what: "permission.set",
            subject: &permission.manifest,
            ..Noted::default()
        };
        let store = self.recording(by, &noted);
        set.id = Some(match id {
            Some(id) => store.change_permission(&permission).await.map(|()| id)?,
            None => {
                store
                    .set_permission(&permission.key, &permission.manifest)
                    .await?
            }
        });
        set.warnings = self.settle().await;
        Ok(set)
    }

    /// Removes a permission of the store.
    ///
    /// # Errors
    /// `unknown_permission`, or `changed_meanwhile`.
    pub async fn remove_permission(
        &self,
        by: &Operator,
        id: i64,
        mode: Mode,
    ) -> Result<RemovedRule, Problem> {
        let _turn = self.writing.lock().await;
        let view = self.view().await?;
        let mut after = view.clone();
        after.permissions.retain(|stored| stored.id != id);
        let mut known = view.permissions.iter();
        let known = known
            .find(|stored| stored.id == id)
            .ok_or_else(|| unknown(id))?;
        // Broken files do not keep a permission from being taken away.
        let checked = self.check((&view, &after), ("permission", None)).await.ok();
        let mut removed = RemovedRule {
            name: id.to_string(),
            removed: false,
            effect: checked.as_ref().map(|checked| checked.effect.clone()),
            revision: checked.as_ref().map(|checked| checked.revision.clone()),
            warnings: Vec::new(),
        };
        if let Mode::Write { if_match } = mode {
            allow(checked.as_ref(), if_match.as_deref())?;
            let noted = Noted {
                what: "permission.remove",
                subject: &known.manifest,
                ..Noted::default()
            };
            let store = self.recording(by, &noted);
            store.remove_permission(&known.key).await?;
            removed.removed = true;
            removed.warnings = self.settle().await;
        }
        Ok(removed)
    }
}

/// Returns the permission that is replaced: the one of this number, or the one for the same agents and connector.
fn replaced<'v>(
    view: &'v StoreView,
    id: Option<i64>,
    key: &str,
) -> Result<Option<&'v StoredPermission>, Problem> {
    let mut stored = view.permissions.iter();
    let Some(id) = id else {
        return Ok(stored.find(|stored| stored.key == key));
    };
    let is_other = |stored: &&StoredPermission| stored.key == key && stored.id != id;
    if let Some(other) = view.permissions.iter().find(is_other) {
        let other = other.id;
        let detail = format!("permission {other} is for the same agents and connector");
        let help =
            format!("change that one, or remove it first: `tollgate permission remove {other}`");
        return Err(Problem::conflict("exists", detail).help(help));
    }
    let known = stored.find(|stored| stored.id == id);
    known.map(Some).ok_or_else(|| unknown(id))
}

fn unknown(id: i64) -> Problem {
    let detail = format!("there is no stored permission `{id}`");
    Problem::unknown("unknown_permission", detail)
        .help("list them: `tollgate permission list`; those of files are removed in the file")
}

pub(in crate::admin) fn object(value: Json) -> Map<String, Json> {
    match value {
        Json::Object(fields) => fields,
        other => Map::from_iter([("unreadable".to_owned(), other)]),
    }
}
