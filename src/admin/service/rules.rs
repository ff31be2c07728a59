//! Changes rules of the store: everything is compiled with the change first, and the answer is its effect on every agent.
//!
//! INVARIANT: a write that carries the revision of a preview is made only if the preview still holds.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Service;
use super::manifest::{permission_source, policy_source};
use crate::admin::problem::Problem;
use crate::config::diagnostic::{Report, Severity, Source};
use crate::model::vocabulary::Unknown;
use crate::policy::{Decision, Outlook};
use crate::simulate::diff::{self, Effect, PairChange, Side};
use crate::snapshot::{Inputs, Snapshot};
use crate::store::StoreView;

/// Most changed pairs in an answer; the counts are of all.
const SHOWN: usize = 500;

/// Whether a change is made, or only what it would do is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// Tell the effect and change nothing.
    Preview,
    /// Make the change, if the revision of a preview still holds.
    Write {
        /// Revision that the preview was answered with.
        if_match: Option<String>,
    },
}

/// What a change does to what agents may do.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct EffectView {
    /// Pairs of agent and action that are allowed from now on, whatever the parameters.
    pub allowed: usize,
    /// Pairs that need an approval from now on.
    pub asked: usize,
    /// Pairs that are denied from now on.
    pub denied: usize,
    /// Pairs that depend on a condition from now on.
    pub conditional: usize,
    /// The pairs, at most 500.
    pub changes: Vec<ChangeView>,
    /// The effect in words, a line for each agent and way.
    pub text: Vec<String>,
}

/// An agent and an action that the change is about.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ChangeView {
    /// Name of the agent.
    pub agent: String,
    /// Full name of the action.
    pub action: String,
    /// `low`, `medium`, `high` or `critical`.
    pub risk: String,
    /// What may happen before the change.
    pub was: OutlookView,
    /// What may happen after the change.
    pub now: OutlookView,
}

/// What may happen to requests of one agent for one action.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OutlookView {
    /// `allow`, `require_approval` or `deny`, where none of the conditions holds.
    pub decision: String,
    /// Decisions that differ from it, and the conditions that lead there.
    pub cases: Vec<CaseView>,
}

/// A decision that depends on conditions.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CaseView {
    /// Expressions that all hold.
    pub when: Vec<String>,
    /// The decision where they hold.
    pub decision: String,
}

/// A rule that was removed, or would be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RemovedRule {
    /// Number of the permission, or id of the policy.
    pub name: String,
    /// Whether it is gone; false for a preview.
    pub removed: bool,
    /// What agents may do from now on; null where the files have errors.
    pub effect: Option<EffectView>,
    /// The state that the effect is of; `If-Match` of the write.
    pub revision: Option<String>,
    /// What keeps the change from taking effect.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// Refuses to replace a rule where the caller only wants to add one.
pub(super) fn absent(is_new: bool, known: Option<&str>) -> Result<(), Problem> {
    let Some(known) = known.filter(|_| is_new) else {
        return Ok(());
    };
    let detail = format!("there is {known} already, and `If-None-Match: *` replaces nothing");
    let problem = Problem::new(StatusCode::PRECONDITION_FAILED, "exists", detail);
    Err(problem.help("choose another name, or open that one and change it"))
}

/// A change that was checked: what it does, and for which state that is so.
#[derive(Debug, Clone)]
pub(super) struct Checked {
    pub(super) effect: EffectView,
    pub(super) revision: String,
}

impl Service {
    /// Compiles everything as the gateway will with another state of the store, and tells what that changes.
    ///
    /// `candidate` is the rule that is added or changed: a name in it that does not exist is an error.
    pub(super) async fn check(
        &self,
        (before, after): (&StoreView, &StoreView),
        (word, candidate): (&str, Option<Source>),
    ) -> Result<Checked, Problem> {
        let broken = |report: Report| {
            let detail = format!("the files have errors already, so the {word} cannot be checked");
            Problem::conflict("files_broken", detail).because(&report)
        };
        let tolerant = |inputs: Inputs| Inputs {
            unknown: Unknown::Tolerated,
            ..inputs
        };
        let old = tolerant(self.host().inputs(before).map_err(broken)?);
        let new = Inputs {
            candidate,
            ..tolerant(self.host().inputs(after).map_err(broken)?)
        };
        let revision = revision(before.revision, &old);
        // Compiling a catalogue takes longer than a runtime's thread should be kept.
        let compared = tokio::task::spawn_blocking(move || compare(&old, &new)).await;
        let compared = compared.map_err(|error| {
            Problem::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "failed",
                error.to_string(),
            )
        })?;
        match compared {
            Ok(effect) => Ok(Checked { effect, revision }),
            Err(Refused::Before(report)) => Err(broken(report)),
            Err(Refused::After(mut report)) => {
                // What else there is to warn of is not why.
                report
                    .diagnostics
                    .retain(|problem| problem.severity == Severity::Error);
                let code = format!("{word}_refused");
                let detail = format!("the {word} is not kept");
                let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, &code, detail);
                Err(problem.because(&report))
            }
        }
    }
}

/// Refuses a write whose preview is of another state. A state that cannot be checked is another one.
pub(super) fn allow(checked: Option<&Checked>, if_match: Option<&str>) -> Result<(), Problem> {
    let Some(named) = if_match else {
        return Ok(());
    };
    if named == "*" || checked.is_some_and(|checked| checked.revision == named) {
        return Ok(());
    }
    let detail = "rules or files have changed since the preview";
    let problem = Problem::new(StatusCode::PRECONDITION_FAILED, "changed_meanwhile", detail);
    Err(match checked {
        Some(checked) => problem
            .help("look at the new effect, and repeat the write with its revision")
            .with("effect", &checked.effect)
            .with("revision", &checked.revision),
        None => problem.help("the files have errors now: `tollgate check` shows them"),
    })
}

/// Why two states cannot be compared.
enum Refused {
    Before(Report),
    After(Report),
}

fn compare(old: &Inputs, new: &Inputs) -> Result<EffectView, Refused> {
    let (before, report) = Snapshot::compile_after(&Snapshot::default(), old);
    let before = before.ok_or(Refused::Before(report))?;
    let (after, report) = Snapshot::compile_after(&before, new);
    let after = after.ok_or(Refused::After(report))?;
    let side = |snapshot, inputs: &'_ Inputs| (snapshot, inputs.agents.clone());
    let (before, old_agents) = side(&before, old);
    let (after, new_agents) = side(&after, new);
    Ok(EffectView::of(&diff::effect(
        Side {
            snapshot: before,
            agents: &old_agents,
        },
        Side {
            snapshot: after,
            agents: &new_agents,
        },
    )))
}

/// Returns the name of a state: another one where a rule of the store or a file differs.
fn revision(store: i64, inputs: &Inputs) -> String {
    let mut hasher = DefaultHasher::new();
    let sources = inputs.connectors.iter().chain(&inputs.policies);
    for source in sources.chain(&inputs.stored) {
        (&source.name, &source.text).hash(&mut hasher);
    }
    format!("{store}-{:016x}", hasher.finish())
}

/// Returns a view without a stored permission, and the source of the one that takes its place.
pub(super) fn with_permission(
    view: &StoreView,
    permission: &crate::store::StoredPermission,
) -> (StoreView, Source) {
    let mut after = view.clone();
    after
        .permissions
        .retain(|stored| stored.key != permission.key && stored.id != permission.id);
    (after, permission_source(permission))
}

/// Returns a view without a stored policy, and the source of the one that takes its place.
pub(super) fn with_policy(
    view: &StoreView,
    policy: &crate::store::StoredPolicy,
) -> (StoreView, Source) {
    let mut after = view.clone();
    after.policies.retain(|stored| stored.id != policy.id);
    (after, policy_source(policy))
}

impl EffectView {
    fn of(effect: &Effect) -> Self {
        Self {
            allowed: effect.allowed,
            asked: effect.asked,
            denied: effect.denied,
            conditional: effect.conditional,
            changes: effect
                .changes
                .iter()
                .take(SHOWN)
                .map(ChangeView::of)
                .collect(),
            text: effect.to_text(),
        }
    }
}

impl ChangeView {
    fn of(change: &PairChange) -> Self {
        Self {
            agent: change.agent.clone(),
            action: change.action.clone(),
            risk: change.risk.to_owned(),
            was: OutlookView::of(&change.was),
            now: OutlookView::of(&change.now),
        }
    }
}

impl OutlookView {
    fn of(outlook: &Outlook) -> Self {
        let cases = outlook.cases.iter().map(|case| CaseView {
            when: case.when.clone(),
            decision: word(case.decision).to_owned(),
        });
        Self {
            decision: word(outlook.decision).to_owned(),
            cases: cases.collect(),
        }
    }
}

fn word(decision: Decision) -> &'static str {
    match decision {
        Decision::Allow => "allow",
        Decision::RequireApproval => "require_approval",
        Decision::Deny => "deny",
    }
}
