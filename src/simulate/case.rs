//! Runs the tests that connector and policy files contain against a snapshot. Failures become diagnostics.

use std::time::SystemTime;

use bytes::Bytes;
use http::Method;

use super::explain::{Question, understand};
use crate::config::diagnostic::{Diagnostic, Report};
use crate::connector::{Case, Expectation, ExpectedAction};
use crate::model::action::{Action, ActionName};
use crate::model::target::{Authority, Path, Query, Target};
use crate::pipeline::collect::Collected;
use crate::pipeline::decision_input::DecisionInput;
use crate::pipeline::refuse::Refusal;
use crate::policy::{self, Facts, PolicyTest, Ruling, Subject};
use crate::snapshot::Snapshot;

/// The result of running tests.
#[derive(Debug, Default)]
pub struct Tried {
    /// How many tests there are.
    pub total: usize,
    /// One error for each that failed.
    pub report: Report,
}

/// Runs the tests of all connectors, or of one.
#[must_use]
pub fn connectors(snapshot: &Snapshot, only: Option<&str>) -> Tried {
    let mut tried = Tried::default();
    let wanted = |id: &str| only.is_none_or(|only| only == id);
    for connector in snapshot
        .catalog()
        .connectors()
        .filter(|connector| wanted(connector.id()))
    {
        for case in connector.tests() {
            tried.total += 1;
            if let Err(complaint) = try_connector(snapshot, case) {
                let message = format!("test of `{}`: {complaint}", case.route);
                tried
                    .report
                    .push(Diagnostic::error("connector-test", message).at(case.place.clone()));
            }
        }
    }
    tried
}

/// Runs the tests of all policy files.
#[must_use]
pub fn policies(snapshot: &Snapshot, now: SystemTime) -> Tried {
    let mut tried = Tried::default();
    for test in snapshot.policies().tests() {
        tried.total += 1;
        for complaint in try_policy(snapshot, test, now) {
            tried
                .report
                .push(Diagnostic::error("policy-test", complaint).at(test.place.clone()));
        }
    }
    tried
}

fn try_connector(snapshot: &Snapshot, case: &Case) -> Result<(), String> {
    let body = Bytes::from(case.body.clone());
    let mut question = Question::parse(case.method.as_str(), &case.url, &[], body)
        .map_err(|error| error.to_string())?;
    question.headers.extend(case.headers.clone());
    let understood = understand(snapshot, &question);
    match (understood, &case.expect) {
        (Ok(collected), Expectation::Actions(wanted)) => compare(wanted, &collected.input.actions),
        (Ok(collected), Expectation::Refused(code)) => Err(format!(
            "expected the refusal `{code}`, was read as {}",
            names(&collected.input.actions)
        )),
        (Err(refusal), Expectation::Refused(code)) if refusal.code.as_str() == code => Ok(()),
        (Err(refusal), Expectation::Refused(code)) => Err(format!(
            "expected the refusal `{code}`, was {}",
            told(&refusal)
        )),
        (Err(refusal), Expectation::Actions(_)) => Err(told(&refusal)),
    }
}

fn compare(wanted: &[ExpectedAction], actions: &[Action]) -> Result<(), String> {
    let found = actions.iter().map(|action| action.name.as_str());
    if !wanted.iter().map(|action| action.name.as_str()).eq(found) {
        return Err(format!(
            "expected {}, was read as {}",
            quoted(wanted.iter().map(|action| &action.name)),
            names(actions)
        ));
    }
    wanted
        .iter()
        .zip(actions)
        .try_for_each(|(wanted, action)| compare_action(wanted, action))
}

fn compare_action(wanted: &ExpectedAction, action: &Action) -> Result<(), String> {
    let name = &action.name;
    if let Some(risk) = wanted.risk.filter(|risk| *risk != action.risk) {
        return Err(format!(
            "expected risk {risk} of `{name}`, got {}",
            action.risk
        ));
    }
    for (param, wanted) in &wanted.params {
        let got = action
            .params
            .get(param)
            .map(|value| serde_json::json!(value));
        if got.as_ref() != Some(wanted) {
            let got = got.map_or_else(|| "nothing".to_owned(), |got| format!("`{got}`"));
            return Err(format!(
                "expected parameter `{param}` of `{name}` to be `{wanted}`, got {got}"
            ));
        }
    }
    Ok(())
}

fn try_policy(snapshot: &Snapshot, test: &PolicyTest, now: SystemTime) -> Vec<String> {
    match &test.subject {
        Subject::Action(action) => {
            let target = match nowhere() {
                Ok(target) => target,
                Err(problem) => return vec![problem],
            };
            let ruling = snapshot.policies().decide(&Facts {
                agent: &test.agent,
                action,
                target: &target,
                content_type: "",
                body_bytes: None,
                time: now,
                credential: None,
            });
            test.complaints(std::slice::from_ref(&action.name), &ruling)
        }
        Subject::Request { line, body } => match request(snapshot, line, body.as_ref()) {
            Err(problem) => vec![problem],
            Ok(Collected { input, .. }) => {
                let ruling = rule(snapshot, test, &input, now);
                let actions: Vec<ActionName> = input
                    .actions
                    .iter()
                    .map(|action| action.name.clone())
                    .collect();
                test.complaints(&actions, &ruling)
            }
        },
    }
}

fn request(
    snapshot: &Snapshot,
    line: &str,
    body: Option<&serde_json::Value>,
) -> Result<Collected, String> {
    let (method, url) = line
        .split_once(' ')
        .ok_or_else(|| format!("`{line}` is not a request, as in `GET https://…`"))?;
    let body = body
        .map(|body| Bytes::from(body.to_string()))
        .unwrap_or_default();
    let question = Question::parse(method, url, &[], body).map_err(|error| error.to_string())?;
    understand(snapshot, &question).map_err(|refusal| told(&refusal))
}

fn rule(snapshot: &Snapshot, test: &PolicyTest, input: &DecisionInput, now: SystemTime) -> Ruling {
    let rulings = input.actions.iter().map(|action| {
        snapshot.policies().decide(&Facts {
            agent: &test.agent,
            action,
            target: &input.target,
            content_type: input.content_type(),
            body_bytes: input.body_bytes,
            time: now,
            credential: None,
        })
    });
    policy::combine(rulings.collect())
}

/// A test that names an action without a request has no target; this one reads as empty as can be.
fn nowhere() -> Result<Target, String> {
    Ok(Target {
        method: Method::GET,
        authority: Authority::parse("test.invalid", 443).map_err(|error| error.to_string())?,
        path: Path::parse("/").map_err(|error| error.to_string())?,
        query: Query::default(),
        tls: true,
    })
}

fn told(refusal: &Refusal) -> String {
    format!(
        "the request is refused with `{}`: {}",
        refusal.code.as_str(),
        refusal.detail
    )
}

fn names(actions: &[Action]) -> String {
    quoted(actions.iter().map(|action| action.name.as_str()))
}

fn quoted(names: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    names
        .into_iter()
        .map(|name| format!("`{}`", name.as_ref()))
        .collect::<Vec<_>>()
        .join(", ")
}
