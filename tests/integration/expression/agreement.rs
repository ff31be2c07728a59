//! A value that is there means the same to a policy's condition and to a connector's `when`; what is absent means what each says.

use http::HeaderMap;
use proptest::prelude::{Strategy, any, prop, prop_assert_eq};
use proptest::prop_oneof;
use tollgate::config::diagnostic::{Report, Source};
use tollgate::connector::{Catalog, Reading};
use tollgate::expression::{Outcome, ProgramDraft};
use tollgate::model::action::{Parameter, Parameters};
use tollgate::model::target::{Authority, Path, Query, Target};
use tollgate::model::value::Value;

use super::conditions::Request;
use crate::support::property::{Cases, Claim, holds};

/// A test of `V` whose literals are of one type, `t`, `n` or `b`, as both can write it.
fn test() -> impl Strategy<Value = (char, String)> {
    let equality = || prop::sample::select(vec!["==", "!="]);
    let order = prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">="]);
    let text = || prop::sample::select(vec!["'dev'", "'devops'", "''", "'é'"]);
    let number = || prop::sample::select(vec!["1", "7", "-1", "1.5", "9007199254740993"]);
    let truth = prop::sample::select(vec!["true", "false"]);
    prop_oneof![
        (equality(), text()).prop_map(|(o, l)| ('t', format!("V {o} {l}"))),
        (equality(), text()).prop_map(|(o, l)| ('t', format!("{l} {o} V"))),
        (text(), text()).prop_map(|(l, m)| ('t', format!("V in [{l}, {m}]"))),
        (order.clone(), number()).prop_map(|(o, l)| ('n', format!("V {o} {l}"))),
        (order, number()).prop_map(|(o, l)| ('n', format!("{l} {o} V"))),
        (number(), number()).prop_map(|(l, m)| ('n', format!("V in [{l}, {m}]"))),
        (equality(), truth).prop_map(|(o, l)| ('b', format!("V {o} {l}"))),
    ]
}

/// A condition over values of one type: that of its first test.
fn condition() -> impl Strategy<Value = (char, String)> {
    prop::collection::vec((test(), prop::sample::select(vec!["&&", "||"])), 1..4).prop_map(
        |tests| {
            let kind = tests[0].0.0;
            let mut text = String::new();
            for ((of, test), join) in tests.into_iter().filter(|((of, _), _)| *of == kind) {
                debug_assert_eq!(of, kind);
                text = match text.as_str() {
                    "" => test,
                    before => format!("({before} {join} {test})"),
                };
            }
            (kind, text)
        },
    )
}

fn value(kind: char) -> impl Strategy<Value = Value> {
    let text = prop::sample::select(vec!["dev", "devops", "ops", "", "é"]);
    let whole = prop::sample::select(vec![-1, 0, 1, 7, 9_007_199_254_740_992, i64::MAX]);
    prop_oneof![
        text.prop_map(Value::from),
        whole.prop_map(Value::Int),
        prop::sample::select(vec![1.5, 2.5, -0.5]).prop_map(Value::Number),
        any::<bool>().prop_map(Value::Bool),
    ]
    .prop_filter("of the type", move |value| {
        kind == match value {
            Value::Text(_) => 't',
            Value::Int(_) | Value::Number(_) => 'n',
            Value::Bool(_) => 'b',
            Value::List(_) | Value::Oversize(_) => '-',
        }
    })
}

/// What a policy makes of `params.v`.
fn by_policy(condition: &str, value: Option<&Value>) -> Outcome {
    let source = condition.replace('V', "params.v");
    let program = ProgramDraft::parse(&source).unwrap().finish();
    let mut params = Parameters::new();
    if let Some(value) = value {
        params.set(Parameter {
            name: "v".into(),
            value: value.clone(),
            secret: false,
        });
    }
    program.evaluate(&Request {
        labels: std::collections::BTreeMap::new(),
        params,
        query: Query::default(),
    })
}

/// Whether a route applies by its `when` on `body.v`; `None` where the request is refused.
fn by_route(condition: &str, value: Option<&Value>) -> Option<bool> {
    let when = condition.replace('V', "body.v").replace('\'', "\\\"");
    let text = format!(
        "connector: x\nauth: none\ndomains: [api.test]\nroutes:\n  - {{ action: hit, match: POST /, when: \"{when}\" }}\n  - {{ action: miss, match: POST / }}\n"
    );
    let source = Source {
        name: "x.yaml".into(),
        text: text.into(),
        built_in: false,
    };
    let mut report = Report::default();
    let catalog = Catalog::compile(&[source], &mut report);
    assert!(!report.has_errors(), "{}", report.to_text());
    let target = Target {
        method: http::Method::POST,
        authority: Authority::parse("api.test", 443).unwrap(),
        path: Path::parse("/").unwrap(),
        query: Query::default(),
        tls: true,
    };
    let place = catalog.place(&target).unwrap();
    let candidates = place.candidates(&target.method, &target.query);
    let body = match value {
        Some(value) => serde_json::json!({ "v": value }).to_string(),
        None => "{}".to_owned(),
    };
    let read = candidates.understand(&Reading {
        target: &target,
        headers: &HeaderMap::new(),
        body: Some(body.as_bytes()),
        catalog: &catalog,
    });
    let actions = read.ok()?.actions;
    Some(actions.iter().any(|action| action.name.as_str() == "x.hit"))
}

#[test]
fn policies_and_routes_agree_on_a_value_that_is_there() {
    let cases = Cases::given(192).claimed(120);
    let inputs =
        condition().prop_flat_map(|(kind, text)| (value(kind), proptest::prelude::Just(text)));
    holds(cases, &inputs, |(value, condition)| {
        // A route may read an integer where its literals have no fraction only.
        let Some(applies) = by_route(&condition, Some(&value)) else {
            return Ok(Claim::None);
        };
        let expected = if applies {
            Outcome::True
        } else {
            Outcome::False
        };
        prop_assert_eq!(
            by_policy(&condition, Some(&value)),
            expected,
            "{} of {:?}",
            condition,
            value
        );
        Ok(Claim::Made)
    });
}

#[test]
fn an_absent_value_fails_a_policy_and_makes_a_route_not_apply() {
    for condition in [
        "V == 'dev'",
        "V != 'dev'",
        "V in ['dev']",
        "V < 1",
        "V != true",
    ] {
        assert!(
            matches!(by_policy(condition, None), Outcome::Failed(_)),
            "{condition}"
        );
        assert_eq!(by_route(condition, None), Some(false), "{condition}");
    }
    // What is tested for being there is no comparison.
    assert_eq!(by_policy("!has(V)", None), Outcome::True);
    assert_eq!(by_route("!has(V)", None), Some(true));
}

#[test]
fn a_value_of_another_type_fails_a_policy_and_refuses_a_request() {
    for (condition, value) in [
        ("V == 'dev'", Value::Int(7)),
        ("V != 'dev'", Value::Bool(true)),
        ("V < 1", Value::from("0")),
        ("V == true", Value::from("true")),
    ] {
        assert!(
            matches!(by_policy(condition, Some(&value)), Outcome::Failed(_)),
            "{condition}"
        );
        assert_eq!(by_route(condition, Some(&value)), None, "{condition}");
    }
}
