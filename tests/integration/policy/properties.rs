//! Whatever a policy file and a request say: deciding ends, a deny wins, and the order in the file does not matter.

use proptest::prelude::{Strategy, any, prop, prop_assert, prop_assert_eq, proptest};
use tollgate::config::diagnostic::Report;
use tollgate::model::action::{ActionName, Parameter, Parameters, Risk};
use tollgate::model::value::Value;
use tollgate::policy::{Decision, PolicySet, combine};

use super::world::{agent, decide, source, told, vocabulary};

const AGENTS: [&str; 3] = ["default", "devops", "helper"];
const ACTIONS: [&str; 8] = [
    "jira.issue.get",
    "jira.issue.create",
    "jira.issue.delete",
    "jira.issue.comment.create",
    "jira.unknown",
    "github.repo.get",
    "github.token.create",
    "jira.made.up",
];

fn permission() -> impl Strategy<Value = String> {
    let who = prop::sample::select(vec!["'*'", "team=care", "team=ops", "helper", "devops"]);
    let what = prop::sample::select(vec![
        "connector: '*', access: supervised",
        "connector: jira, access: full, credential: jira-ops",
        "connector: jira, access: read_only",
        "connector: github, access: ask",
        "connector: jira, access: none, where: 'has(params.title)'",
        "allow: ['*']",
        "allow: [jira.issue.comment.*], credential: jira-care",
        "ask: [jira.issue.*], where: 'has(params.issue_key) && params.issue_key == \"A-1\"'",
        "deny: [jira.issue.delete], where: 'params.issue_key.startsWith(\"A\")'",
        "allow: [github.token.create, jira.unknown]",
        "ask: ['*'], hosts: [a.example]",
    ]);
    (who, what).prop_map(|(who, what)| format!("  - {{ agents: [{who}], {what} }}\n"))
}

fn policy() -> impl Strategy<Value = String> {
    let what = prop::sample::select(vec![
        "actions: ['*'], decision: allow",
        "actions: [jira.issue.*], decision: require_approval",
        "actions: ['*.delete'], when: 'agent.labels.team != \"ops\"', decision: deny",
        "actions: [jira.issue.create], when: '\"prod\" in params.labels', decision: deny",
        "actions: ['*'], when: 'action.risk > risk(\"medium\")', decision: require_approval",
        "actions: ['*'], when: 'has(params.title) && params.title.matches(\"(a+)+$\")', decision: allow",
    ]);
    what.prop_map(str::to_owned)
}

fn params() -> impl Strategy<Value = Parameters> {
    let value = proptest::prop_oneof![
        any::<i64>().prop_map(Value::Int),
        any::<bool>().prop_map(Value::Bool),
        any::<f64>().prop_map(Value::Number),
        ".{0,20}".prop_map(|text| Value::text(&text)),
        prop::collection::vec("prod|web".prop_map(|text| Value::text(&text)), 0..4)
            .prop_map(Value::list),
        proptest::strategy::Just(Value::Oversize(9_999)),
    ];
    let name = prop::sample::select(vec!["issue_key", "title", "labels", "project", "zzz"]);
    prop::collection::vec((name, value), 0..5).prop_map(|pairs| {
        let mut params = Parameters::new();
        pairs.into_iter().for_each(|(name, value)| {
            params.set(Parameter {
                name: name.into(),
                value,
                secret: false,
            })
        });
        params
    })
}

fn text(permissions: &[String], policies: &[String]) -> String {
    let policies = policies
        .iter()
        .enumerate()
        .map(|(at, policy)| format!("  - {{ id: p{at}, {policy} }}\n"));
    format!(
        "permissions:\n{}policies:\n{}",
        permissions.concat(),
        policies.collect::<String>()
    )
}

proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 64, ..Default::default() })]
    #[test]
    fn order_does_not_matter_and_a_deny_wins(
        permissions in prop::collection::vec(permission(), 1..6),
        policies in prop::collection::vec(policy(), 1..4),
        params in params(),
    ) {
        let vocabulary = vocabulary();
        let compile = |text: &str| {
            let mut report = Report::default();
            let set = PolicySet::compile(&[source("case", text)], &vocabulary, &mut report);
            assert!(!report.has_errors(), "{text}{}", told(&report));
            set
        };
        let there = compile(&text(&permissions, &policies));
        let reversed: Vec<_> = permissions.iter().rev().cloned().collect();
        let back = compile(&text(&reversed, &policies));
        let denied = compile(&format!("{}  - {{ id: stop, actions: ['*'], decision: deny }}\n", text(&permissions, &policies)));
        for agent in AGENTS {
            for action in ACTIONS {
                let one = decide(&there, &vocabulary, agent, action, params.clone());
                let other = decide(&back, &vocabulary, agent, action, params.clone());
                prop_assert_eq!((one.decision, one.no_permission, &one.credential, &one.hosts), (other.decision, other.no_permission, &other.credential, &other.hosts));
                let stopped = decide(&denied, &vocabulary, agent, action, params.clone());
                prop_assert_eq!((stopped.decision, stopped.no_permission), (Decision::Deny, false));
                prop_assert!(stopped.by.contains(&"stop".to_owned()));
                let both = combine(vec![one.clone(), stopped]);
                prop_assert_eq!((both.decision, both.no_permission), (Decision::Deny, false));
                prop_assert!(one.decision == Decision::Deny || !one.no_permission);
            }
        }
    }
}

/// A rule whose condition, if any, is whether a parameter is there; such a condition never fails.
fn plain_rule() -> impl Strategy<Value = (String, String)> {
    let what = prop::sample::select(vec![
        "connector: '*', access: supervised",
        "connector: jira, access: full",
        "connector: jira, access: read_only",
        "connector: jira, access: none",
        "connector: '*', access: ask",
        "allow: [jira.issue.*]",
        "allow: ['*']",
        "ask: [jira.issue.*]",
        "deny: [jira.issue.*]",
    ]);
    // Some issue has each of these; a condition on what no action has would not load.
    let condition = prop::sample::select(vec!["", "title", "labels", "issue_key"]);
    let policy = prop::sample::select(vec![
        "actions: ['*'], decision: allow",
        "actions: [jira.issue.*], decision: require_approval",
        "actions: ['*'], decision: deny",
    ]);
    let who = prop::sample::select(vec!["'*'", "team=care", "helper"]);
    (who, what, condition, policy).prop_map(|(who, what, condition, policy)| {
        let (key, when) = match condition {
            "" => (String::new(), String::new()),
            name => (
                format!(", where: 'has(params.{name})'"),
                format!(", when: 'has(params.{name})'"),
            ),
        };
        (
            format!("  - {{ agents: [{who}], {what}{key} }}\n"),
            format!("{policy}{when}"),
        )
    })
}

proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 64, ..Default::default() })]
    #[test]
    fn an_outlook_says_for_each_way_that_conditions_turn_out_what_is_decided(
        rules in prop::collection::vec(plain_rule(), 1..6),
        policies in 1..3_usize,
    ) {
        let vocabulary = vocabulary();
        let (permissions, all): (Vec<_>, Vec<_>) = rules.into_iter().unzip();
        let text = text(&permissions, &all[..policies.min(all.len())]);
        let mut report = Report::default();
        let set = PolicySet::compile(&[source("case", &text)], &vocabulary, &mut report);
        assert!(!report.has_errors(), "{text}{}", told(&report));
        for name in AGENTS {
            let agent = agent(&vocabulary, name);
            for action in ACTIONS {
                let shape = vocabulary.shape(&ActionName::parse(action).unwrap());
                let risk = shape.and_then(|shape| shape.risks.first()).copied().unwrap_or(Risk::Medium);
                let special = shape.is_some_and(|shape| shape.special);
                let outlook = set.outlook(&agent, action, (risk, special));
                for held in 0..8_u32 {
                    let held: Vec<&str> = ["title", "labels", "issue_key"]
                        .into_iter()
                        .enumerate()
                        .filter_map(|(at, name)| (held >> at & 1 == 1).then_some(name))
                        .collect();
                    let mut params = Parameters::new();
                    for name in &held {
                        params.set(Parameter { name: (*name).into(), value: Value::text("x"), secret: false });
                    }
                    let holds = |when: &String| held.iter().any(|name| *when == format!("has(params.{name})"));
                    let said = outlook.cases.iter().rev().find(|case| case.when.iter().all(holds));
                    let said = said.map_or(outlook.decision, |case| case.decision);
                    let decided = decide(&set, &vocabulary, name, action, params).decision;
                    prop_assert_eq!(said, decided, "{} {} {:?}\n{}", name, action, held, text);
                }
            }
        }
    }
}

/// Says the contract's sentence anew over what was written: a permission that opens the connector for the agent, or nothing goes.
fn opens(permissions: &[String], agent: &str, action: &str, params: &Parameters) -> bool {
    let labels = match agent {
        "devops" => "team=ops",
        "helper" => "team=care",
        _ => "-",
    };
    let connector = action.split('.').next().unwrap();
    let text = |name: &str| params.get(name).and_then(Value::as_text).map(str::to_owned);
    permissions.iter().any(|written| {
        let has = |part: &str| written.contains(part);
        let meant = ["'*'", labels, agent]
            .iter()
            .any(|who| has(&format!("agents: [{who}]")));
        let preset = has("access: supervised")
            || has("access: full") && connector == "jira"
            || has("access: read_only") && connector == "jira"
            || has("access: ask") && connector == "github";
        let holds = !has("where") || text("issue_key").is_some_and(|key| key == "A-1");
        let listed = has("allow: ['*']")
            || has("ask: ['*']")
            || has("allow: [jira.issue.comment.*]") && connector == "jira"
            || has("ask: [jira.issue.*]") && connector == "jira" && holds
            || has("allow: [github.token.create, jira.unknown]")
                && ["jira", "github"].contains(&connector);
        meant && (preset || listed)
    })
}

proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 128, ..Default::default() })]
    #[test]
    fn nothing_goes_for_an_agent_without_a_permission_that_opens_the_connector(
        permissions in prop::collection::vec(permission(), 0..4),
        policies in prop::collection::vec(policy(), 1..4),
        params in params(),
    ) {
        let vocabulary = vocabulary();
        let mut report = Report::default();
        let written = text(&permissions, &policies).replace("permissions:\npolicies", "policies");
        let set = PolicySet::compile(&[source("case", &written)], &vocabulary, &mut report);
        prop_assert!(!report.has_errors(), "{written}{}", told(&report));
        for agent in AGENTS {
            for action in ACTIONS {
                let ruling = decide(&set, &vocabulary, agent, action, params.clone());
                let opened = opens(&permissions, agent, action, &params);
                prop_assert!(opened || ruling.decision == Decision::Deny, "{written}{agent} {action} {ruling:?}");
                prop_assert!(!opened || !ruling.no_permission, "{written}{agent} {action} {ruling:?}");
            }
        }
    }
}

#[test]
fn nothing_to_combine_is_denied() {
    assert_eq!(combine(Vec::new()).decision, Decision::Deny);
}
