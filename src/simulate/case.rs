//! Runs the tests that connector and policy files contain against a snapshot. Failures become diagnostics.

use std::time::SystemTime;

use bytes::Bytes;
use http::Method;

use super::explain::{Question, QuestionError, understand};
use crate::config::diagnostic::{Diagnostic, Report};
use crate::connector::{Case, Expectation, ExpectedAction};
use crate::model::action::{Action, ActionName, Risk};
use crate::model::target::{Authority, HostError, Path, PathError, Query, Target};
use crate::pipeline::collect::Collected;
use crate::pipeline::decision_input::DecisionInput;
use crate::pipeline::refuse::Refusal;
use crate::policy::{self, Facts, PolicyTest, Ruling, Subject};
use crate::snapshot::{Inputs, Snapshot};

/// The result of running tests.
#[derive(Debug, Default)]
pub struct Tried {
    /// How many tests there are.
    pub total: usize,
    /// One error for each that failed.
    pub report: Report,
}

/// A permission or policy, and how often the files' tests are decided by it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct TestedRule {
    /// Id of a policy; label of a permission.
    pub id: String,
    /// Which it is: `permission` or `policy`.
    pub kind: &'static str,
    /// File and line of the entry.
    pub place: String,
    /// Tests in which it decides.
    pub tests: usize,
}

/// Reasons why a test failed.
#[derive(Debug, thiserror::Error)]
enum FailedTest {
    #[error("`{0}` is not a request, as in `GET https://…`")]
    NotARequest(String),
    #[error(transparent)]
    Question(#[from] QuestionError),
    #[error(transparent)]
    Host(#[from] HostError),
    #[error(transparent)]
    Path(#[from] PathError),
    #[error("the request is refused with `{}`: {}", .0.code.as_str(), .0.detail)]
    Refused(Refusal),
    #[error("expected the refusal `{wanted}`, the request is refused with `{}`: {}", refusal.code.as_str(), refusal.detail)]
    OtherRefusal { wanted: String, refusal: Refusal },
    #[error("expected the refusal `{wanted}`, was read as {found}")]
    NotRefused { wanted: String, found: String },
    #[error("expected {wanted}, was read as {found}")]
    OtherActions { wanted: String, found: String },
    #[error("expected risk {wanted} of `{action}`, got {found}")]
    OtherRisk {
        action: ActionName,
        wanted: Risk,
        found: Risk,
    },
    #[error("expected parameter `{param}` of `{action}` to be `{wanted}`, got {found}")]
    OtherParameter {
        action: ActionName,
        param: String,
        wanted: Box<serde_json::Value>,
        found: String,
    },
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
            if let Err(failed) = try_connector(snapshot, case) {
                let message = format!("test of `{}`: {failed}", case.route);
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

/// Runs the tests of all policy files as the files alone decide: what operators keep in the store does not make a file fail.
#[must_use]
pub fn of_files(inputs: &Inputs, snapshot: &Snapshot, now: SystemTime) -> Report {
    if snapshot.policies().tests().is_empty() {
        return Report::default();
    }
    if inputs.stored.is_empty() {
        return policies(snapshot, now).report;
    }
    let files = Inputs {
        stored: Vec::new(),
        ..inputs.clone()
    };
    let (files, _) = Snapshot::compile_after(snapshot, &files);
    files.map_or_else(Report::default, |files| policies(&files, now).report)
}

fn try_connector(snapshot: &Snapshot, case: &Case) -> Result<(), FailedTest> {
    let body = Bytes::from(case.body.clone());
    let mut question = Question::parse(case.method.as_str(), &case.url, &[], body)?;
    question.headers.extend(case.headers.clone());
    let understood = understand(snapshot, &question);
    match (understood, &case.expect) {
        (Ok(collected), Expectation::Actions(wanted)) => compare(wanted, &collected.input.actions),
        (Ok(collected), Expectation::Refused(code)) => Err(FailedTest::NotRefused {
            wanted: code.clone(),
            found: names(&collected.input.actions),
        }),
        (Err(refusal), Expectation::Refused(code)) if refusal.code.as_str() == code => Ok(()),
        (Err(refusal), Expectation::Refused(code)) => Err(FailedTest::OtherRefusal {
            wanted: code.clone(),
            refusal,
        }),
        (Err(refusal), Expectation::Actions(_)) => Err(FailedTest::Refused(refusal)),
    }
}

fn compare(wanted: &[ExpectedAction], actions: &[Action]) -> Result<(), FailedTest> {
    let found = actions.iter().map(|action| action.name.as_str());
    if !wanted.iter().map(|action| action.name.as_str()).eq(found) {
        return Err(FailedTest::OtherActions {
            wanted: quoted(wanted.iter().map(|action| &action.name)),
            found: names(actions),
        });
    }
    wanted
        .iter()
        .zip(actions)
        .try_for_each(|(wanted, action)| compare_action(wanted, action))
}

fn compare_action(wanted: &ExpectedAction, action: &Action) -> Result<(), FailedTest> {
    if let Some(risk) = wanted.risk.filter(|risk| *risk != action.risk) {
        return Err(FailedTest::OtherRisk {
            action: action.name.clone(),
            wanted: risk,
            found: action.risk,
        });
    }
    for (param, wanted) in &wanted.params {
        let found = action
            .params
            .get(param)
            .map(|value| serde_json::json!(value));
        if found.as_ref() != Some(wanted) {
            return Err(FailedTest::OtherParameter {
                action: action.name.clone(),
                param: param.to_string(),
                wanted: Box::new(wanted.clone()),
                found: found.map_or_else(|| "nothing".to_owned(), |found| format!("`{found}`")),
            });
        }
    }
    Ok(())
}

fn try_policy(snapshot: &Snapshot, test: &PolicyTest, now: SystemTime) -> Vec<String> {
    match judged(snapshot, test, now) {
        Ok((actions, ruling)) => test.complaints(&actions, &ruling),
        Err(failed) => vec![failed.to_string()],
    }
}

/// Counts the tests in which each permission and policy of the files decides.
#[must_use]
pub fn tested(snapshot: &Snapshot, now: SystemTime) -> Vec<TestedRule> {
    let mut rules: Vec<TestedRule> = snapshot
        .policies()
        .listed()
        .into_iter()
        .map(|(kind, id, place)| TestedRule {
            id,
            kind,
            place,
            tests: 0,
        })
        .collect();
    for test in snapshot.policies().tests() {
        let Ok((_, ruling)) = judged(snapshot, test, now) else {
            continue;
        };
        let deciding = rules.iter_mut().filter(|rule| ruling.by.contains(&rule.id));
        deciding.for_each(|rule| rule.tests += 1);
    }
    rules
}

/// Decides what a test is about.
fn judged(
    snapshot: &Snapshot,
    test: &PolicyTest,
    now: SystemTime,
) -> Result<(Vec<ActionName>, Ruling), FailedTest> {
    match &test.subject {
        Subject::Action(action) => {
            let target = nowhere()?;
            let ruling = snapshot.policies().decide(&Facts {
                agent: &test.agent,
                action,
                target: &target,
                content_type: "",
                body_bytes: None,
                time: now,
                credential: None,
            });
            Ok((vec![action.name.clone()], ruling))
        }
        Subject::Request { line, body } => {
            let Collected { input, .. } = request(snapshot, line, body.as_ref())?;
            let ruling = rule(snapshot, test, &input, now);
            let actions = input.actions.iter().map(|action| action.name.clone());
            Ok((actions.collect(), ruling))
        }
    }
}

fn request(
    snapshot: &Snapshot,
    line: &str,
    body: Option<&serde_json::Value>,
) -> Result<Collected, FailedTest> {
    let (method, url) = line
        .split_once(' ')
        .ok_or_else(|| FailedTest::NotARequest(line.to_owned()))?;
    let body = body
        .map(|body| Bytes::from(body.to_string()))
        .unwrap_or_default();
    let question = Question::parse(method, url, &[], body)?;
    understand(snapshot, &question).map_err(FailedTest::Refused)
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
fn nowhere() -> Result<Target, FailedTest> {
    Ok(Target {
        method: Method::GET,
        authority: Authority::parse("test.invalid", 443)?,
        path: Path::parse("/")?,
        query: Query::default(),
        tls: true,
    })
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
