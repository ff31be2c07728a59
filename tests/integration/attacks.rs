//! Requests that must fail: every file of `tests/attacks` against the built-in connectors, through the pipeline's own stages.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;
use tollgate::config::diagnostic::{Report, Source};
use tollgate::config::yaml;
use tollgate::model::agent::{Agent, AgentName};
use tollgate::model::clock::Clock;
use tollgate::simulate::explain::{Question, explain, understand};
use tollgate::snapshot::{Inputs, Snapshot, built_in_connectors_of};
use tollgate::vault::Keyring;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    attack: String,
    #[serde(default)]
    policy: String,
    /// A connector file beside the built-in ones.
    #[serde(default)]
    connector: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    #[serde(default)]
    why: String,
    request: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
    actions: Option<Vec<String>>,
    /// Of the first action.
    #[serde(default)]
    params: BTreeMap<String, serde_json::Value>,
    /// A code, or a status.
    refused: Option<String>,
    decision: Option<String>,
    /// Of the refusal that the decision comes with.
    code: Option<String>,
    content_type: Option<String>,
    #[serde(default)]
    absent: Vec<String>,
}

#[test]
fn every_attack_is_defended() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/attacks");
    let mut cases = 0;
    let mut failures = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let source = Source {
            name: path.display().to_string().into(),
            text: text.into(),
            built_in: false,
        };
        let mut report = Report::default();
        let file: File =
            yaml::read(&source, &mut report).unwrap_or_else(|| panic!("{}", report.to_text()));
        let snapshot = snapshot(&file);
        for case in &file.cases {
            cases += 1;
            if let Err(problem) = check(&snapshot, case) {
                failures.push(format!(
                    "{}: {} {}\n    {problem}",
                    file.attack, case.request, case.why
                ));
            }
        }
    }
    assert!(cases > 40, "only {cases} cases were found");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn snapshot(file: &File) -> Snapshot {
    let text = if file.policy.is_empty() {
        "permissions: [{ agents: [tester], connector: '*', access: full }]"
    } else {
        &file.policy
    };
    let few = ["github", "http", "jira"].map(str::to_owned);
    let mut connectors = built_in_connectors_of(&few).unwrap();
    if !file.connector.is_empty() {
        connectors.push(Source {
            name: file.attack.as_str().into(),
            text: file.connector.as_str().into(),
            built_in: false,
        });
    }
    let inputs = Inputs {
        connectors,
        policies: vec![Source {
            name: "attack".into(),
            text: text.into(),
            built_in: false,
        }],
        agents: vec![tester()],
        ..Inputs::default()
    };
    let (snapshot, report) = Snapshot::compile(&inputs);
    snapshot.unwrap_or_else(|| panic!("{}", report.to_text()))
}

fn tester() -> Arc<Agent> {
    Arc::new(Agent {
        name: AgentName::parse("tester").unwrap(),
        labels: BTreeMap::new(),
    })
}

fn check(snapshot: &Snapshot, case: &Case) -> Result<(), String> {
    let (method, url) = case.request.split_once(' ').unwrap();
    let headers: Vec<(String, String)> = case.headers.clone().into_iter().collect();
    let question = Question::parse(method, url, &headers, Bytes::from(case.body.clone()))
        .map_err(|error| error.to_string())?;
    let understood = understand(snapshot, &question);
    if let Some(wanted) = &case.refused {
        return match understood {
            Ok(collected) => Err(format!("read as {:?}", collected.input.actions)),
            Err(refusal)
                if refusal.code.as_str() == wanted || refusal.code.status().as_str() == wanted =>
            {
                Ok(())
            }
            Err(refusal) => Err(format!("refused as {:?}", refusal)),
        };
    }
    if let Some(wanted) = &case.actions {
        let collected = understood.map_err(|refusal| format!("refused: {refusal:?}"))?;
        let names: Vec<&str> = collected
            .input
            .actions
            .iter()
            .map(|action| action.name.as_str())
            .collect();
        if names != *wanted {
            return Err(format!("read as {names:?}"));
        }
        for (name, wanted) in &case.params {
            let action = collected.input.actions.first();
            let value = action.and_then(|action| action.params.get(name));
            let value = value.map(|value| serde_json::json!(value));
            if value.as_ref() != Some(wanted) {
                return Err(format!("`{name}` is {value:?}"));
            }
        }
        if let Some(wanted) = &case.content_type {
            let sent = collected
                .payload
                .headers
                .get("content-type")
                .and_then(|value| value.to_str().ok());
            if sent != Some(wanted) {
                return Err(format!("sent as {sent:?}"));
            }
        }
        if let Some(name) = case
            .absent
            .iter()
            .find(|name| collected.payload.headers.contains_key(name.as_str()))
        {
            return Err(format!("`{name}` is sent"));
        }
    }
    if case.decision.is_some() || case.code.is_some() {
        let agent = tester();
        let explanation = explain(
            snapshot,
            &Keyring::default(),
            &agent,
            &Clock::system(),
            &question,
        );
        // Without a credential an allowed request ends as `no_credential`; the ruling is what is asked for here.
        let allowed = explanation.code.is_none_or(|code| code == "no_credential");
        let decided = if allowed {
            "allow"
        } else {
            explanation.decision
        };
        let wanted = case.decision.as_deref().unwrap_or(decided);
        let code = case.code.as_deref();
        if decided != wanted || (code.is_some() && code != explanation.code) {
            return Err(format!("decided {decided}: {explanation:?}"));
        }
    }
    Ok(())
}
