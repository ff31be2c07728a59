//! Removes what rules may name: refuses, previews or takes those rules along, and records which they were.

use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::references::{Named, References, after};
use super::rules::{Checked, EffectView, Mode, allow};
use super::{Noted, Service};
use crate::admin::operator::Operator;
use crate::admin::problem::Problem;
use crate::store::{Cascade, Store, StoreError, StoreView};

/// Something that was removed, or would be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Removed {
    /// Name or id of what was removed.
    pub name: String,
    /// Whether it is gone; false for a preview.
    pub removed: bool,
    /// Rules that went, or no longer name it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    /// What agents may do from now on; absent where no rule can name it, or where the files have errors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<EffectView>,
    /// The state that the effect is of; `If-Match` of the write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// What keeps the change from taking effect.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// What is removed, and how it is recorded.
pub(super) struct Removal<'r> {
    pub(super) named: Named<'r>,
    /// In words: agent `ci`.
    pub(super) what: String,
    pub(super) noted: Noted<'r>,
}

impl Removed {
    /// Tells of a removal that no rule is about.
    #[must_use]
    pub fn gone(name: &str, warnings: Vec<String>) -> Self {
        Self {
            name: name.to_owned(),
            removed: true,
            rules: Vec::new(),
            effect: None,
            revision: None,
            warnings,
        }
    }
}

impl Service {
    /// Removes it with the rules of the store that name it where the caller says so, or tells what that would do.
    pub(super) async fn remove_named(
        &self,
        (by, removal): (&Operator, Removal<'_>),
        (view, without): (&StoreView, StoreView),
        (cascade, mode): (bool, Mode),
        write: impl AsyncFnOnce(Store, Cascade) -> Result<(), StoreError>,
    ) -> Result<Removed, Problem> {
        let rules = References::find(self.host(), view, removal.named);
        let with = rules.cascade(&removal.what, removal.named, cascade, &view.permissions)?;
        let left = after(&without, &with);
        // Broken connectors do not keep it from being removed.
        let checked = self.check((view, &left), ("removal", None)).await.ok();
        let mut removed = Removed {
            rules: rules.lines(),
            effect: checked
                .as_ref()
                .map(|checked: &Checked| checked.effect.clone()),
            revision: checked.as_ref().map(|checked| checked.revision.clone()),
            removed: false,
            ..Removed::gone(removal.noted.subject, Vec::new())
        };
        if let Mode::Write { if_match } = mode {
            allow(checked.as_ref(), if_match.as_deref())?;
            let lines = rules.lines();
            let noted = Noted {
                detail: (!lines.is_empty()).then(|| json!({ "cascade": lines })),
                ..removal.noted
            };
            write(self.recording(by, &noted), with).await?;
            removed.removed = true;
            removed.warnings = self.settle().await;
        }
        Ok(removed)
    }
}
