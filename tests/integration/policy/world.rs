//! What exists in the tests of policies, and one request in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use serde::Deserialize;
use tollgate::config::diagnostic::{Report, Source};
use tollgate::config::yaml;
use tollgate::model::action::{Action, ActionName, Parameters, Risk};
use tollgate::model::agent::{Agent, AgentName};
use tollgate::model::target::{Authority, Path as UrlPath, Query, Target};
use tollgate::model::template::NameTemplate;
use tollgate::model::value::ValueType;
use tollgate::model::vocabulary::{ActionShape, ParamShape, Unknown, Vocabulary};
use tollgate::policy::{Facts, PolicySet, Ruling};

#[derive(Deserialize)]
struct Words {
    agents: BTreeMap<String, BTreeMap<String, String>>,
    actions: BTreeMap<String, Shape>,
    credentials: BTreeMap<String, String>,
    renamed: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Shape {
    risk: Risk,
    #[serde(default)]
    special: bool,
    #[serde(default)]
    response_secret: bool,
    params: BTreeMap<String, String>,
}

pub(super) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/policies")
}

pub(super) fn source(name: &str, text: &str) -> Source {
    Source {
        name: name.into(),
        text: text.into(),
        built_in: false,
    }
}

pub(super) fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> T {
    let text = std::fs::read_to_string(path).unwrap();
    let mut report = Report::default();
    let value = yaml::read(&source(&path.display().to_string(), &text), &mut report);
    value.unwrap_or_else(|| panic!("{}", told(&report)))
}

pub(super) fn told(report: &Report) -> String {
    let lines = report.diagnostics.iter().map(|problem| {
        let place = &problem.places[0];
        let help = problem
            .help
            .as_ref()
            .map_or(String::new(), |help| format!(" ({help})"));
        let at = format!("{}:{}", place.line, place.column);
        format!(
            "{at} {:?}[{}] {}{help}",
            problem.severity, problem.code, problem.message
        )
        .to_lowercase()
    });
    lines.collect::<Vec<_>>().join("\n")
}

pub(super) fn vocabulary() -> Vocabulary {
    let words: Words = read(&folder().join("vocabulary.yaml"));
    let param = |kind: &String| ParamShape {
        value_type: match kind.as_str() {
            "int" => Some(ValueType::Int),
            "any" => None,
            _ => Some(ValueType::String),
        },
        list: kind == "texts",
        one_spelling: kind == "key",
        optional: kind != "key",
    };
    let shape = |shape: Shape| ActionShape {
        risks: [shape.risk].into(),
        special: shape.special,
        response_secret: shape.response_secret,
        params: shape
            .params
            .iter()
            .map(|(name, kind)| (name.clone(), param(kind)))
            .collect(),
    };
    let name = |text: &str| ActionName::parse(text).unwrap();
    let (made, fixed): (Vec<_>, Vec<_>) = words
        .actions
        .into_iter()
        .partition(|(text, _)| text.contains('{'));
    let actions: BTreeMap<_, _> = fixed
        .into_iter()
        .map(|(text, written)| (name(&text), shape(written)))
        .collect();
    let templates: BTreeMap<_, _> = made
        .into_iter()
        .map(|(text, written)| (NameTemplate::new(&text), shape(written)))
        .collect();
    let makers = templates.keys().map(NameTemplate::connector);
    Vocabulary {
        connectors: actions
            .keys()
            .map(ActionName::connector)
            .chain(makers)
            .map(str::to_owned)
            .collect(),
        templates,
        actions,
        agents: words.agents,
        credentials: Some(words.credentials),
        partial: false,
        renamed: words
            .renamed
            .into_iter()
            .map(|(old, new)| (old, name(&new)))
            .collect(),
        unknown: Unknown::Refused,
    }
}

pub(super) fn agent(vocabulary: &Vocabulary, name: &str) -> Agent {
    Agent {
        name: AgentName::parse(name).unwrap(),
        labels: vocabulary.agents.get(name).cloned().unwrap_or_default(),
    }
}

pub(super) fn decide(
    set: &PolicySet,
    vocabulary: &Vocabulary,
    agent: &str,
    action: &str,
    params: Parameters,
) -> Ruling {
    let name = ActionName::parse(action).unwrap();
    let shape = vocabulary.shape(&name);
    let action = Action {
        template: vocabulary.template(&name).cloned(),
        response_secret: shape.is_some_and(|shape| shape.response_secret),
        risk: shape
            .and_then(|shape| shape.risks.first())
            .copied()
            .unwrap_or(Risk::Medium),
        special: shape.is_some_and(|shape| shape.special),
        name,
        params,
        summary: None,
    };
    let agent = self::agent(vocabulary, agent);
    let target = Target {
        method: http::Method::POST,
        authority: Authority::parse("acme.atlassian.net", 443).unwrap(),
        path: UrlPath::parse("/rest/api/3/issue").unwrap(),
        query: Query::default(),
        tls: true,
    };
    // 2025-11-03T22:30:00Z
    let time = UNIX_EPOCH + Duration::from_secs(1_762_209_000);
    set.decide(&Facts {
        agent: &agent,
        action: &action,
        target: &target,
        content_type: "application/json",
        body_bytes: Some(2),
        time,
        credential: None,
    })
}
