//! Shows what a form makes as CEL and YAML, and compiles it with everything else to tell what it would change.

use askama::Template;
use serde_json::{Map, Value as Json};

use super::fields::kind_of;
use super::{address, preconditions};
use crate::dashboard::catalogue::known_actions;
use crate::dashboard::client::Call;
use crate::dashboard::document::{Document as _, visible};
use crate::dashboard::draft::RuleDraft;
use crate::dashboard::effect::EffectPanel;
use crate::dashboard::refused::Refused;
use crate::dashboard::replay::ReplayPanel;
use crate::dashboard::visitor::Visitor;

/// What the form makes, and what that would do.
#[derive(Template, Default)]
#[template(path = "preview.html")]
pub(super) struct Preview {
    pub(super) cel: String,
    pub(super) yaml: String,
    /// With the keys of a policy file.
    pub(super) rule: Map<String, Json>,
    pub(super) problems: Vec<String>,
    pub(super) effect: Option<EffectPanel>,
    /// What the recorded week would have been, where that was asked for.
    pub(super) replay: Option<ReplayPanel>,
    pub(super) revision: String,
    pub(super) can_save: bool,
}

impl Preview {
    /// Compiles the rule with everything else and tells what it would change.
    pub(super) async fn of(visitor: &Visitor, draft: &RuleDraft) -> Result<Self, Refused> {
        let mut preview = Self::as_written(visitor, draft).await?;
        if !preview.problems.is_empty() {
            return Ok(preview);
        }
        let actions = known_actions(visitor).await?;
        let kinds = |name: &str| kind_of(&actions, &draft.actions, name);
        let rule = draft.rule(&kinds).unwrap_or_default();
        preview.rule.clone_from(&rule);
        let (method, path) = address(draft, "?dry_run=true");
        let call = Call {
            method,
            path: &path,
            body: &Json::Object(rule),
            headers: preconditions(draft),
        };
        match visitor.client.call(call).await.map(visible) {
            Ok(set) => {
                preview.effect = set.get("effect").map(EffectPanel::of);
                preview.revision = set.text("revision");
                preview.problems = set.words("warnings");
                preview.can_save = true;
            }
            Err(refused) => preview.problems = refused.lines(),
        }
        Ok(preview)
    }

    /// Shows the CEL and the YAML that the form makes.
    pub(super) async fn as_written(visitor: &Visitor, draft: &RuleDraft) -> Result<Self, Refused> {
        let actions = known_actions(visitor).await?;
        let kinds = |name: &str| kind_of(&actions, &draft.actions, name);
        let mut preview = Self::default();
        let shown = |text: String| {
            visible(Json::String(text))
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        match (draft.condition(&kinds), draft.yaml(&kinds)) {
            (Ok(cel), Ok(yaml)) => {
                preview.cel = shown(cel);
                preview.yaml = shown(yaml);
            }
            (Err(problem), _) | (_, Err(problem)) => preview.problems.push(shown(problem)),
        }
        Ok(preview)
    }
}
