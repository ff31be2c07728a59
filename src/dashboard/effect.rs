//! Shows what a change of rules does before it is made: which agents and actions are allowed, asked for or denied from then on.

use askama::Template;
use axum::response::Response;
use serde_json::Value as Json;

use super::document::Document as _;
use super::frame::Frame;
use super::show::{Mark, html};

/// Changed pairs that are shown; the counts are of all.
const SHOWN: usize = 100;

/// What a change does.
pub(super) struct EffectPanel {
    pub(super) counts: Vec<(Mark, u64)>,
    pub(super) conditional: u64,
    pub(super) changes: Vec<Change>,
    pub(super) more: usize,
    pub(super) is_nothing: bool,
}

/// An agent and an action whose decision changes.
pub(super) struct Change {
    pub(super) agent: String,
    pub(super) action: String,
    pub(super) risk: Mark,
    /// Before the change, and after it.
    pub(super) outlooks: [Outlook; 2],
}

/// What may happen to requests of an agent for an action.
pub(super) struct Outlook {
    pub(super) decision: Mark,
    /// Each is a decision and the condition that leads there.
    pub(super) cases: Vec<(Mark, String)>,
}

#[derive(Template)]
#[template(path = "confirm.html")]
struct ConfirmPage {
    frame: Frame,
    question: String,
    /// Address that the confirmed form is sent to.
    action: String,
    hidden: Vec<(&'static str, String)>,
    effect: Option<EffectPanel>,
    back: &'static str,
}

impl EffectPanel {
    /// Reads the effect of a preview.
    pub(super) fn of(effect: &Json) -> Self {
        let changes = effect.list("changes");
        let count = |name: &str, decision: &str| (Mark::decision(decision), effect.number(name));
        let conditional = effect.number("conditional");
        let counts = vec![
            count("allowed", "allow"),
            count("asked", "require_approval"),
            count("denied", "deny"),
        ];
        let total = conditional + counts.iter().map(|(_, count)| count).sum::<u64>();
        Self {
            is_nothing: total == 0,
            counts,
            conditional,
            changes: changes.iter().take(SHOWN).map(Change::of).collect(),
            more: usize::try_from(total).unwrap_or(0).saturating_sub(SHOWN),
        }
    }
}

impl Change {
    fn of(change: &Json) -> Self {
        let outlook = |name: &str| Outlook::of(change.get(name).unwrap_or(&Json::Null));
        Self {
            agent: change.text("agent"),
            action: change.text("action"),
            risk: Mark::risk(&change.text("risk")),
            outlooks: ["was", "now"].map(outlook),
        }
    }
}

impl Outlook {
    fn of(outlook: &Json) -> Self {
        let case = |case: &Json| {
            let when = case.words("when").join(" && ");
            (Mark::decision(&case.text("decision")), when)
        };
        Self {
            decision: Mark::decision(&outlook.text("decision")),
            cases: outlook.list("cases").iter().map(case).collect(),
        }
    }
}

/// Asks whether a previewed change is to be made.
pub(super) fn confirm(
    frame: Frame,
    (question, action): (String, String),
    hidden: Vec<(&'static str, String)>,
    (preview, back): (&Json, &'static str),
) -> Response {
    html(&ConfirmPage {
        frame,
        question,
        action,
        hidden,
        effect: preview
            .get("effect")
            .filter(|effect| effect.is_object())
            .map(EffectPanel::of),
        back,
    })
}
