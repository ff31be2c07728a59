//! Explains one request: its actions, the decision with its reasons, and what would be sent. Nothing is resolved and nothing is
//! sent.

mod judged;
mod question;
mod tried;

use std::sync::Arc;

use http::HeaderName;
use serde::Serialize;

use crate::connector::OwnMemory;
use crate::model::action::{Action, Parameter};
use crate::model::agent::Agent;
use crate::model::clock::Clock;
use crate::model::value::Value;
use crate::pipeline::classify::classify;
use crate::pipeline::client_credential;
use crate::pipeline::collect::{self, Bounds, Collected};
use crate::pipeline::decide::{Clearance, DecisionContext, Injection, decide};
use crate::pipeline::decision_input::DecisionInput;
use crate::pipeline::refuse::{Code, Refusal};
use crate::policy::Ruling;
use crate::snapshot::Snapshot;
use crate::vault::Keyring;

pub use judged::{ExplainedBinding, ExplainedRules};
pub use question::{Question, QuestionError};
pub use tried::ExplainedRoute;

/// Bounds of a question; the gateway's own may be narrower.
pub const BOUNDS: Bounds = Bounds {
    body: 16 * 1024 * 1024,
    actions: 50,
    json_nodes: 50_000,
};

/// The gateway's handling of a request.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    /// `allow`, `deny` or `require_approval`, as files write it.
    pub decision: &'static str,
    /// The connector whose domain it is.
    pub connector: Option<String>,
    /// Actions of the request; empty if it cannot be read.
    pub actions: Vec<ExplainedAction>,
    /// Ids of the policies and permissions that decided.
    pub by: Vec<String>,
    /// Messages of the expressions that failed.
    pub failures: Vec<String>,
    /// The credential that would be injected.
    pub credential: Option<String>,
    /// The refusal's code, where it is one.
    pub code: Option<&'static str>,
    /// The detail that the agent would get.
    pub detail: Option<String>,
    /// The next step that a policy suggests.
    pub suggest: Option<String>,
    /// Method and URL in the spelling that is judged and sent.
    pub sent: Option<String>,
    /// Headers that nothing declares, which would not be sent.
    pub dropped_headers: Vec<String>,
    /// Handling of the answer, if it issues a credential.
    pub answer: Option<ExplainedAnswer>,
    /// The routes whose path fits, and why those lost that are not among the actions.
    pub routes: Vec<ExplainedRoute>,
    /// The permissions and policies that are for an action, and what each answers.
    pub rules: Vec<ExplainedRules>,
    /// The credential's scheme and what it is bound to.
    pub binding: Option<ExplainedBinding>,
    /// Where the request would go: `host:port` of the target.
    pub egress: Option<String>,
}

/// An answer that holds a credential.
#[derive(Debug, Clone, Serialize)]
pub struct ExplainedAnswer {
    /// Places of the credential, as in `response_secrets:` of the connector.
    pub response_secrets: Vec<String>,
    /// Whether the agent reads a placeholder in its place; not where a permission says `response_secrets: pass`.
    pub masked: bool,
}

/// One action, for people.
#[derive(Debug, Clone, Serialize)]
pub struct ExplainedAction {
    /// Full name, with the connector's id in front.
    pub name: String,
    /// One of `low`, `medium`, `high`, `critical`.
    pub risk: &'static str,
    /// Must be named to be allowed.
    pub special: bool,
    /// By name; secret ones are shown as `(secret)`.
    pub params: serde_json::Map<String, serde_json::Value>,
    /// Where each parameter is read, by its name.
    pub from: std::collections::BTreeMap<String, String>,
    /// The connector's sentence about the action, parameters filled in.
    pub summary: Option<String>,
}

/// Reads the question as the pipeline would: the target, and the actions where the body can be read.
///
/// # Errors
/// The refusal that an agent would get.
pub fn understand(snapshot: &Snapshot, question: &Question) -> Result<Collected, Refusal> {
    let mut head = question
        .head()
        .map_err(|error| Refusal::because(Code::BadRequest, error.to_string()))?;
    let mut classified = classify(snapshot, &mut head)?;
    let read = match collect::wanted(&classified, BOUNDS)? {
        Some((_, limit)) if question.body.len() > limit => {
            return Err(Code::BodyTooLarge.into());
        }
        Some((dialect, _)) => (Some(question.body.clone()), Some(dialect)),
        None => (None, None),
    };
    let memory = &mut OwnMemory;
    let (catalog, body) = (snapshot.catalog(), read.0.as_ref());
    let named = collect::understand(catalog, &mut classified, body, BOUNDS, memory)?;
    Collected::new(classified, read, named)
}

/// Explains how a request would be read and decided.
#[must_use]
#[expect(
    clippy::too_many_lines,
    reason = "it names each part of an explanation once"
)]
pub fn explain(
    snapshot: &Snapshot,
    keyring: &Keyring,
    agent: &Arc<Agent>,
    clock: &Clock,
    question: &Question,
) -> Explanation {
    let mut explanation = Explanation {
        decision: "deny",
        connector: None,
        actions: Vec::new(),
        by: Vec::new(),
        failures: Vec::new(),
        credential: None,
        code: None,
        detail: None,
        suggest: None,
        sent: None,
        dropped_headers: Vec::new(),
        answer: None,
        routes: Vec::new(),
        rules: Vec::new(),
        binding: None,
        egress: None,
    };
    let collected = match understand(snapshot, question) {
        Ok(collected) => collected,
        Err(refusal) => {
            explanation.refuse(&refusal);
            return explanation;
        }
    };
    let target = &collected.input.target;
    let scheme = if target.tls { "https" } else { "http" };
    explanation.sent = Some(format!(
        "{} {scheme}://{}{}",
        target.method,
        target.authority,
        target.path_and_query()
    ));
    explanation.connector = Some(collected.connector.id().to_owned());
    explanation.dropped_headers = names(&collected.payload.dropped);
    explanation.egress = Some(target.authority.to_string());
    explanation.actions = collected.input.actions.iter().map(explained).collect();
    explanation.routes = tried::routes(snapshot, &collected, &mut explanation.actions);
    explanation.rules = judged::rules(snapshot, (agent, clock), &collected.input);
    let context = DecisionContext {
        agent,
        keyring,
        now: clock.now(),
    };
    let input = &collected.input;
    let (ruling, decided) = decide(snapshot, &collected.connector, context, input);
    explanation.by.clone_from(&ruling.by);
    explanation.failures.clone_from(&ruling.failures);
    explanation.credential = decided.injection().and_then(injection_name);
    explanation.binding = judged::binding(keyring, explanation.credential.as_deref());
    let foreign = decided
        .injection()
        .and_then(|injection| client_credential::check(&collected, injection).err());
    match (decided, foreign) {
        (Clearance::Refused(refusal), _) | (_, Some(refusal)) => explanation.refuse(&refusal),
        (Clearance::Allowed(_), None) => {
            explanation.decision = "allow";
            explanation.answer = answer(input, &ruling);
        }
        (Clearance::NeedsApproval(_), None) => {
            explanation.answer = answer(input, &ruling);
            explanation.refuse(&Refusal {
                suggest: ruling.suggest.map(Into::into),
                ..Refusal::from(Code::ApprovalRequired)
            });
        }
    }
    explanation
}

impl Explanation {
    fn refuse(&mut self, refusal: &Refusal) {
        self.decision = refusal.code.decision();
        self.code = Some(refusal.code.as_str());
        self.detail = Some(refusal.detail.to_string());
        self.suggest = refusal.suggest.as_deref().map(str::to_owned);
    }
}

fn answer(input: &DecisionInput, ruling: &Ruling) -> Option<ExplainedAnswer> {
    let places = &input.options.response_secrets;
    (!places.is_empty()).then(|| ExplainedAnswer {
        response_secrets: places.iter().map(ToString::to_string).collect(),
        masked: !ruling.passes_response_secrets,
    })
}

fn names(headers: &[HeaderName]) -> Vec<String> {
    headers.iter().map(ToString::to_string).collect()
}

fn injection_name(injection: &Injection) -> Option<String> {
    injection.credential().map(ToString::to_string)
}

fn explained(action: &Action) -> ExplainedAction {
    let shown = |parameter: &Parameter| {
        let value = if parameter.secret {
            Value::text("(secret)")
        } else {
            parameter.value.clone()
        };
        (parameter.name.to_string(), serde_json::json!(value))
    };
    ExplainedAction {
        name: action.name.to_string(),
        risk: action.risk.as_str(),
        special: action.special,
        params: action.params.iter().map(shown).collect(),
        from: Default::default(),
        summary: action.summary.clone(),
    }
}
