//! Runs `tests/policies/*.yaml`: a policy file over one vocabulary, and what it decides or why it does not load.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use tollgate::config::diagnostic::Report;
use tollgate::model::action::{ActionName, Parameter, Parameters};
use tollgate::model::credential::CredentialId;
use tollgate::model::value::Value;
use tollgate::policy::{Choice, Decision, PolicySet, Subject};

use super::world::{decide, folder, read, source, told, vocabulary};

#[derive(Deserialize)]
struct File {
    policy: String,
    #[serde(default)]
    cases: Vec<Case>,
}

#[derive(Deserialize, Debug)]
struct Case {
    agent: String,
    action: String,
    #[serde(default)]
    params: BTreeMap<String, serde_json::Value>,
    decision: Decision,
    by: Option<Vec<String>>,
    no_permission: Option<bool>,
    passes_response_secrets: Option<bool>,
    credential: Option<String>,
    hosts: Option<Vec<String>>,
    reason: Option<String>,
    failures: Option<Vec<String>>,
}

fn value(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::String(text) if text == "oversize" => Value::Oversize(9_000),
        serde_json::Value::String(text) => text.as_str().into(),
        serde_json::Value::Number(number) => number.as_i64().unwrap().into(),
        serde_json::Value::Array(items) => Value::list(items.iter().map(value).collect()),
        other => panic!("{other}"),
    }
}

fn check(path: &Path) {
    let vocabulary = vocabulary();
    let file: File = read(path);
    let mut report = Report::default();
    let set = PolicySet::compile(&[source("case", &file.policy)], &vocabulary, &mut report);
    assert!(
        !report.has_errors(),
        "{}: {}",
        path.display(),
        told(&report)
    );
    for case in &file.cases {
        let mut params = Parameters::new();
        for (name, json) in &case.params {
            params.set(Parameter {
                name: name.as_str().into(),
                value: value(json),
                secret: false,
            });
        }
        let ruling = decide(&set, &vocabulary, &case.agent, &case.action, params);
        let shown = format!("{}: {case:?}\n{ruling:?}", path.display());
        assert_eq!(ruling.decision, case.decision, "{shown}");
        assert!(
            case.by.as_ref().is_none_or(|by| *by == ruling.by),
            "{shown}"
        );
        assert!(
            case.no_permission
                .is_none_or(|wanted| wanted == ruling.no_permission),
            "{shown}"
        );
        assert!(
            case.passes_response_secrets
                .is_none_or(|passes| passes == ruling.passes_response_secrets),
            "{shown}"
        );
        let credential = case
            .credential
            .as_ref()
            .map(|id| CredentialId::parse(id).unwrap());
        assert!(
            credential.is_none_or(|wanted| Choice::One(wanted) == ruling.credential),
            "{shown}"
        );
        assert!(
            case.hosts
                .as_ref()
                .is_none_or(|hosts| *hosts == ruling.hosts),
            "{shown}"
        );
        assert!(
            case.reason.is_none() || case.reason == ruling.reason,
            "{shown}"
        );
        assert_eq!(
            case.failures.clone().unwrap_or_default(),
            ruling.failures,
            "{shown}"
        );
    }
}

#[test]
fn decides_every_case_as_written() {
    let mut files = 0;
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if !["vocabulary.yaml", "problems.yaml"]
            .iter()
            .any(|name| path.ends_with(name))
        {
            check(&path);
            files += 1;
        }
    }
    assert!(files >= 3);
}

#[test]
fn tells_every_problem_of_a_file_at_once() {
    let file: File = read(&folder().join("problems.yaml"));
    let mut report = Report::default();
    PolicySet::compile(&[source("case", &file.policy)], &vocabulary(), &mut report);
    insta::assert_snapshot!(told(&report), @r#"
    2:16 error[unknown-agent] there is no agent `devop` (did you mean `devops`?)
    2:35 error[unknown-connector] there is no connector `jria` (did you mean `jira`?)
    3:16 error[unknown-agent] no agent has the label `team=car` (did you mean `team=care`?)
    3:35 error[unknown-action] there is no action `jira.issue.remove` (did you mean `jira.issue.get`?)
    4:5 error[no-agents] `agents` is empty and would match no agent (use `"*"` for all)
    4:30 error[permission] `connector` is given without `access` (say `access: full`, `supervised`, `read_only`, `ask` or `none`)
    5:5 error[permission] the permission says nothing (say `connector` and `access`, or `allow`, `ask` or `deny`)
    6:65 error[unknown-credential] there is no credential `jira-car` (did you mean `jira-care`?)
    6:107 error[host] `*.atlassian.net` is not a host: labels are 1 to 63 letters, digits, `-` or `_` (a host is exact, never a glob)
    7:67 error[foreign-credential] the credential `jira-care` is for `jira`, and the permission is not
    8:29 warning[renamed-action] `jira.issue.destroy` is an old name (it is `jira.issue.delete` now)
    8:75 error[expression] `==` compares a string with an int
    10:24 error[unknown-action] no action matches `jira.isue.*` (did you mean `jira.issue.*`?)
    10:37 error[unknown-action] no action matches `githbu.*` (did you mean `github.*`?)
    11:11 error[policy-id] two policies are called `a`
    11:51 error[unsupported] `budget` is not supported by this version
    11:73 error[unsupported] `shadow` is not supported by this version
    11:5 error[no-actions] `actions` is empty and would match no action
    12:52 error[expression] `params.project` is not a parameter of `jira.issue.comment.create`
    13:49 error[expression] `>=` compares a risk with a string
    14:36 error[expression] no action here has a parameter `porject` (did you mean `project`?)
    15:50 error[expression] `when` is empty (leave the key out, or quote what begins with `!`, `*` or `"`, as in `when: '!has(params.x)'`)
    16:50 warning[may-be-absent] `params.title` may be absent in `jira.issue.create`, and then the condition fails (write `has(params.title) && …`, or `params.?title.orvalue(…)`)
    16:50 warning[spelling] `params.title` of `jira.issue.create` can be spelled in several ways (give it `pattern` or `fold` in the connector, or another spelling gets around this)
    17:36 error[expression] the expression is a string, not a bool
    18:36 error[expression] the expression nests deeper than 64 levels (chains of `+` and of calls nest too; use a list with `in`, or several policies)
    20:14 warning[unknown-agent] there is no agent `nobody`
    21:30 error[unknown-action] there is no action `jira.issue.gett` (did you mean `jira.issue.get`?)
    22:5 error[policy-test] `key` is not a parameter of `jira.issue.get`
    23:5 error[policy-test] a test has either `action` or `request`
    "#);
}

#[test]
fn warns_of_what_fails_or_has_no_effect() {
    let text = r#"permissions:
  - { agents: [devops], connector: jira, access: full }
policies:
  - { id: a, agents: [helper], actions: [jira.issue.get], decision: allow }
  - { id: b, actions: [jira.issue.edit], when: 'params.priority > 3', decision: deny }
  - { id: c, actions: [jira.issue.link], when: 'params.id == "7"', decision: deny }
  - { id: d, agents: ["*"], actions: [github.*], decision: require_approval }
  - { id: e, agents: [devops], actions: [jira.issue.edit], when: 'has(params.priority) && params.priority > 3 || params.?priority.orValue(1) == 2', decision: allow }
  - { id: f, actions: ["*"], decision: require_approval }
"#;
    let mut report = Report::default();
    PolicySet::compile(&[source("case", text)], &vocabulary(), &mut report);
    let warnings: Vec<_> = report
        .diagnostics
        .iter()
        .map(|problem| (problem.code, problem.places[0].line))
        .collect();
    let expected = [
        ("may-be-absent", 5),
        ("may-be-absent", 6),
        ("untyped", 6),
        ("full-unknown", 2),
        ("no-permission", 4),
        ("no-permission", 7),
    ];
    assert_eq!(warnings, expected, "{}", told(&report));
}

#[test]
fn a_stored_permission_is_told_by_its_id() {
    let mut report = Report::default();
    let vocabulary = vocabulary();
    let set = PolicySet::compile(
        &[source(
            "store:7",
            r#"permissions: [{"agents":["default"],"connector":"*","access":"supervised"}]"#,
        )],
        &vocabulary,
        &mut report,
    );
    assert_eq!(told(&report), "");
    let ruling = decide(
        &set,
        &vocabulary,
        "default",
        "jira.issue.get",
        Parameters::new(),
    );
    assert_eq!(
        (ruling.decision, ruling.no_permission),
        (Decision::Allow, false)
    );
    assert_eq!(ruling.by, ["permission store:7"]);
}

#[test]
fn a_lost_negation_does_not_load_and_a_written_one_does() {
    let vocabulary = vocabulary();
    let try_out = |when: &str| {
        let text = format!(
            "policies:\n  - id: a\n    actions: [jira.issue.create]\n    decision: deny\n    when: {when}\n"
        );
        let mut report = Report::default();
        PolicySet::compile(&[source("case", &text)], &vocabulary, &mut report);
        report.has_errors()
    };
    for lost in [
        "!has(params.project)",
        "! has(params.project)",
        "!x has(params.project)",
        "!",
        "",
        "~",
    ] {
        assert!(try_out(lost), "{lost}");
    }
    for written in [
        "'!has(params.project)'",
        "\"!has(params.project)\"",
        "|\n      !has(params.project)",
        ">-\n      !has(params.project)\n      && true",
        "\n      '!has(params.project)'",
    ] {
        assert!(!try_out(written), "{written}");
    }
}

#[test]
fn the_example_file_loads_and_its_tests_pass() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies.d/jira.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let vocabulary = vocabulary();
    let mut report = Report::default();
    let set = PolicySet::compile(
        &[source("policies.d/jira.yaml", &text)],
        &vocabulary,
        &mut report,
    );
    assert_eq!(told(&report), "");
    assert_eq!(set.tests().len(), 3);
    for test in set.tests() {
        let Subject::Action(action) = &test.subject else {
            panic!("the example tests actions")
        };
        let ruling = decide(
            &set,
            &vocabulary,
            test.agent.name.as_str(),
            action.name.as_str(),
            action.params.clone(),
        );
        assert_eq!(
            test.complaints(std::slice::from_ref(&action.name), &ruling),
            Vec::<String>::new()
        );
    }
}

#[test]
fn a_test_says_what_it_got_instead() {
    let vocabulary = vocabulary();
    let text = "tests:\n  - { agent: devops, action: jira.issue.get, expect: { action: jira.issue.edit, decision: allow, by: [x] } }\n";
    let set = PolicySet::compile(&[source("case", text)], &vocabulary, &mut Report::default());
    let ruling = decide(
        &set,
        &vocabulary,
        "devops",
        "jira.issue.get",
        Parameters::new(),
    );
    let complaints =
        set.tests()[0].complaints(&[ActionName::parse("jira.issue.get").unwrap()], &ruling);
    insta::assert_snapshot!(complaints.join("\n"), @r"
    expected action `jira.issue.edit`, got `jira.issue.get`
    expected allow, got deny by silence
    expected `x` to decide, got silence
    ");
}
