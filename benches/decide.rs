//! Deciding on one action: policies for other actions cost nothing, conditions under a microsecond each.
#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]

use std::collections::BTreeMap;
use std::time::UNIX_EPOCH;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use mimalloc::MiMalloc;
use tollgate::config::diagnostic::{Report, Source};
use tollgate::model::action::{Action, ActionName, Parameter, Parameters, Risk};
use tollgate::model::agent::{Agent, AgentName};
use tollgate::model::target::{Authority, Path, Query, Target};
use tollgate::model::value::ValueType;
use tollgate::model::vocabulary::{ActionShape, ParamShape, Vocabulary};
use tollgate::policy::{Facts, PolicySet};

/// What the binary allocates with.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn vocabulary(actions: usize) -> Vocabulary {
    let param = ParamShape {
        value_type: Some(ValueType::String),
        list: false,
        one_spelling: true,
        optional: false,
    };
    let shape = ActionShape {
        response_secret: false,
        risks: [Risk::High].into(),
        special: false,
        params: BTreeMap::from([("issue_key".to_owned(), param)]),
    };
    let name = |at: usize| ActionName::parse(&format!("jira.r{at}.delete")).unwrap();
    Vocabulary {
        actions: (0..actions).map(|at| (name(at), shape.clone())).collect(),
        connectors: ["jira".to_owned()].into(),
        agents: BTreeMap::from([("devops".to_owned(), BTreeMap::new())]),
        ..Vocabulary::default()
    }
}

fn compile(text: &str, vocabulary: &Vocabulary) -> PolicySet {
    let mut report = Report::default();
    let source = Source {
        name: "bench".into(),
        text: text.into(),
        built_in: false,
    };
    let set = PolicySet::compile(&[source], vocabulary, &mut report);
    assert!(!report.has_errors(), "{report:?}");
    set
}

fn measure(criterion: &mut Criterion, group: &str, text: impl Fn(usize) -> String) {
    let mut group = criterion.benchmark_group(group);
    let vocabulary = vocabulary(1_000);
    let agent = Agent {
        name: AgentName::parse("devops").unwrap(),
        labels: BTreeMap::new(),
    };
    let mut params = Parameters::new();
    params.set(Parameter {
        name: "issue_key".into(),
        value: "WEB-7".into(),
        secret: false,
    });
    let name = ActionName::parse("jira.r0.delete").unwrap();
    let action = Action {
        template: None,
        response_secret: false,
        name,
        risk: Risk::High,
        special: false,
        params,
        summary: None,
    };
    let target = Target {
        method: http::Method::DELETE,
        authority: Authority::parse("acme.atlassian.net", 443).unwrap(),
        path: Path::parse("/rest/api/3/issue/WEB-7").unwrap(),
        query: Query::default(),
        tls: true,
    };
    for policies in [1, 10, 100] {
        let lines: String = (0..policies).map(&text).collect();
        let permission =
            "permissions:\n  - { agents: ['*'], connector: jira, access: full }\npolicies:\n";
        let set = compile(&format!("{permission}{lines}"), &vocabulary);
        let facts = Facts {
            agent: &agent,
            action: &action,
            target: &target,
            content_type: "",
            body_bytes: None,
            time: UNIX_EPOCH,
            credential: None,
        };
        group.bench_with_input(
            BenchmarkId::from_parameter(policies),
            &facts,
            |bencher, facts| {
                bencher.iter(|| set.decide(facts));
            },
        );
    }
    group.finish();
}

fn decide(criterion: &mut Criterion) {
    let condition = "'params.issue_key.startsWith(\"OPS-\") && !(\"oncall\" in agent.labels)'";
    measure(criterion, "decide/for_this_action", |at| {
        format!("  - {{ id: p{at}, actions: ['jira.*'], when: {condition}, decision: deny }}\n")
    });
    measure(criterion, "decide/for_other_actions", |at| {
        format!(
            "  - {{ id: p{at}, actions: [jira.r{}.delete], when: {condition}, decision: deny }}\n",
            at + 1
        )
    });
    measure(criterion, "decide/pattern", |at| {
        format!(
            "  - {{ id: p{at}, actions: ['*'], when: 'params.issue_key.matches(\"^OPS-[0-9]+$\")', decision: deny }}\n"
        )
    });
}

criterion_group!(benches, decide);
criterion_main!(benches);
