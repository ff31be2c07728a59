//! Compiles the `tests:` of a policy file, as strictly as its policies, and compares their rulings with what they expect.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::manifest::{Expectation, TestEntry};
use super::reading::Reading;
use super::{Decision, Ruling};
use crate::config::diagnostic::Place;
use crate::config::yaml::At;
use crate::model::action::{Action, ActionName, Parameter, Parameters, Risk};
use crate::model::agent::{Agent, AgentName};
use crate::model::value::Value;

/// One thing to try out.
#[derive(Debug, Clone)]
pub struct PolicyTest {
    /// File, line and column of the test.
    pub place: Place,
    /// The agent that asks, with the labels known at load.
    pub agent: Agent,
    /// The action or request that is judged.
    pub subject: Subject,
    /// The expected action; `None` accepts any.
    pub action: Option<ActionName>,
    /// The decision that must come out; `None` accepts any.
    pub decision: Option<Decision>,
    /// Ids that must be among those that decide.
    pub by: Vec<String>,
}

/// The subject of a test: an action or a request.
#[derive(Debug, Clone)]
pub enum Subject {
    /// An action as if a request had been understood as it.
    Action(Box<Action>),
    /// A request to be understood first.
    Request {
        /// Method and URL: `POST https://acme.atlassian.net/rest/api/3/issue`.
        line: String,
        /// The body, sent as JSON; `None` sends none.
        body: Option<serde_json::Value>,
    },
}

impl PolicyTest {
    /// Returns the differences from the expected ruling, one line each; empty where the test passes.
    ///
    /// `actions` are those that the request was read as.
    #[must_use]
    pub fn complaints(&self, actions: &[ActionName], ruling: &Ruling) -> Vec<String> {
        let mut all = Vec::new();
        if let Some(wanted) = &self.action
            && !actions.contains(wanted)
        {
            let got: Vec<_> = actions.iter().map(|name| format!("`{name}`")).collect();
            all.push(format!(
                "expected action `{wanted}`, got {}",
                got.join(", ")
            ));
        }
        if let Some(wanted) = self.decision
            && wanted != ruling.decision
        {
            all.push(format!(
                "expected {}, got {} by {}",
                wanted.as_str(),
                ruling.decision.as_str(),
                ruling.deciders()
            ));
        }
        if let Some(missing) = self.by.iter().find(|id| !ruling.by.contains(id)) {
            all.push(format!(
                "expected `{missing}` to decide, got {}",
                ruling.deciders()
            ));
        }
        all
    }
}

impl Decision {
    /// Returns the name as written in files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::RequireApproval => "require_approval",
            Self::Deny => "deny",
        }
    }
}

impl Ruling {
    /// Returns who decided, for messages.
    fn deciders(&self) -> String {
        match self.by.as_slice() {
            [] => "silence".to_owned(),
            by => by
                .iter()
                .map(|id| format!("`{id}`"))
                .collect::<Vec<_>>()
                .join(", "),
        }
    }
}

impl Reading<'_> {
    /// Reads one test; `None` where it cannot be tried out.
    pub(crate) fn test(&mut self, entry: &At<TestEntry>) -> Option<PolicyTest> {
        let at = (entry.line, entry.column);
        let test = &entry.value;
        let agent = self.test_agent(&test.agent)?;
        let subject = self.subject(test, at)?;
        let Expectation {
            action,
            decision,
            by,
        } = &test.expect;
        let action = match action {
            Some(action) => Some(self.test_action(action)?),
            None => None,
        };
        if action.is_none() && decision.is_none() && by.is_empty() {
            let help = "say `expect: { decision: deny }`";
            self.error("policy-test", "the test expects nothing", at, help);
        }
        Some(PolicyTest {
            place: entry.place(self.source, ""),
            agent,
            subject,
            action,
            decision: decision.as_ref().map(|decision| decision.value),
            by: by.iter().map(|id| id.value.clone()).collect(),
        })
    }

    fn subject(&mut self, test: &TestEntry, at: (usize, usize)) -> Option<Subject> {
        match (&test.action, &test.request) {
            (Some(action), None) => {
                if test.body.is_some() {
                    let help = "an action has `params`";
                    self.error("policy-test", "`body` belongs to `request`", at, help);
                }
                let name = self.test_action(action)?;
                let params = self.test_params(&name, &test.params, at)?;
                let shape = self.vocabulary.shape(&name);
                let highest = shape.and_then(|shape| shape.risks.last()).copied();
                let risk = test.risk.or(highest).unwrap_or(Risk::High);
                let special = shape.is_some_and(|shape| shape.special);
                let template = self.vocabulary.template(&name).cloned();
                let response_secret = shape.is_some_and(|shape| shape.response_secret);
                Some(Subject::Action(Box::new(Action {
                    template,
                    response_secret,
                    name,
                    risk,
                    special,
                    params,
                    summary: None,
                })))
            }
            (None, Some(request)) => {
                if !test.params.is_empty() || test.risk.is_some() {
                    let help = "a request has a `body`";
                    self.error(
                        "policy-test",
                        "`params` and `risk` belong to `action`",
                        at,
                        help,
                    );
                }
                Some(Subject::Request {
                    line: request.value.clone(),
                    body: test.body.clone(),
                })
            }
            (Some(_), Some(_)) | (None, None) => {
                self.error(
                    "policy-test",
                    "a test has either `action` or `request`",
                    at,
                    "",
                );
                None
            }
        }
    }

    /// Tests may be run where the store is not at hand, so an agent that is not known only has no labels.
    fn test_agent(&mut self, written: &At<String>) -> Option<Agent> {
        let at = (written.line, written.column);
        let name = match AgentName::parse(&written.value) {
            Ok(name) => name,
            Err(error) => {
                self.error("unknown-agent", error.to_string(), at, "");
                return None;
            }
        };
        let known = self.vocabulary.agents.get(&written.value);
        if known.is_none() && self.vocabulary.agents_are_complete() {
            let help = self.suggestion(
                &written.value,
                self.vocabulary.agents.keys().map(String::as_str),
            );
            self.warning(
                "unknown-agent",
                format!("there is no agent `{name}`"),
                at,
                help,
            );
        }
        Some(Agent {
            name,
            labels: known.cloned().unwrap_or_default(),
        })
    }

    fn test_action(&mut self, written: &At<String>) -> Option<ActionName> {
        let name = ActionName::parse(&written.value)
            .ok()
            .filter(|name| self.vocabulary.shape(name).is_some());
        if name.is_none() {
            let message = format!("there is no action `{}`", written.value.escape_debug());
            let help = self.suggestion(
                &written.value,
                self.vocabulary.actions.keys().map(ActionName::as_str),
            );
            self.error(
                "unknown-action",
                message,
                (written.line, written.column),
                help,
            );
        }
        name
    }

    fn test_params(
        &mut self,
        action: &ActionName,
        written: &BTreeMap<String, serde_json::Value>,
        at: (usize, usize),
    ) -> Option<Parameters> {
        let shape = self.vocabulary.shape(action)?;
        let mut params = Parameters::new();
        for (name, value) in written {
            if !shape.params.contains_key(name) {
                let message = format!("`{}` is not a parameter of `{action}`", name.escape_debug());
                let help = self.suggestion(name, shape.params.keys().map(String::as_str));
                self.error("policy-test", message, at, help);
                return None;
            }
            let Some(value) = value_of(value) else {
                let message = format!("`{name}` is not a value that a parameter can have");
                self.error(
                    "policy-test",
                    message,
                    at,
                    "a text, a number, a bool, or a list of them",
                );
                return None;
            };
            params.set(Parameter {
                name: Arc::from(name.as_str()),
                value,
                secret: false,
            });
        }
        Some(params)
    }
}

fn value_of(json: &serde_json::Value) -> Option<Value> {
    match json {
        serde_json::Value::Bool(truth) => Some(Value::Bool(*truth)),
        serde_json::Value::Number(number) => number
            .as_i64()
            .map(Value::Int)
            .or_else(|| number.as_f64().map(Value::Number)),
        serde_json::Value::String(text) => Some(Value::text(text)),
        serde_json::Value::Array(items) => items
            .iter()
            .map(value_of)
            .collect::<Option<Vec<_>>>()
            .map(Value::list),
        serde_json::Value::Null | serde_json::Value::Object(_) => None,
    }
}
