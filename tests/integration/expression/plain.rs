//! Conditions that are decided without CEL: they answer what CEL does, whatever the request says.

use std::collections::BTreeMap;
use std::mem::discriminant;

use proptest::prelude::{Just, Strategy, any, prop, prop_assert, prop_assert_eq};
use proptest::prop_oneof;
use tollgate::expression::{Outcome, Program, ProgramDraft};
use tollgate::model::action::{Parameter, Parameters};
use tollgate::model::target::Query;
use tollgate::model::value::Value;

use super::conditions::Request;
use crate::support::property::{Cases, Claim, holds};

fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "params.a",
        "params.b",
        "params['c']",
        "params.absent",
        "agent.name",
        "agent.labels.team",
        "agent.labels['none']",
        "agent.labels",
        "action.risk",
        "request.time",
        "request.body_bytes",
        "request.query",
        "request.query['a']",
    ])
}

fn literal() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "'dev'",
        "'devops'",
        "''",
        "'é'",
        "1",
        "7",
        "-1",
        "true",
        "false",
        "1.5",
        "risk('high')",
        "risk('low')",
        "params.b",
    ])
}

fn test() -> impl Strategy<Value = String> {
    let order = prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">="]);
    let call = prop::sample::select(vec![
        "startsWith",
        "endsWith",
        "contains",
        "matches",
        "glob",
    ]);
    let text = prop::sample::select(vec!["'dev'", "'ops'", "''", "'d*v'", "'^de'"]);
    let key = prop::sample::select(vec!["a", "b", "c", "absent"]);
    prop_oneof![
        name().prop_map(str::to_owned),
        (name(), order.clone(), literal()).prop_map(|(n, o, l)| format!("{n} {o} {l}")),
        (literal(), order, name()).prop_map(|(l, o, n)| format!("{l} {o} {n}")),
        (name(), call, text).prop_map(|(n, c, t)| format!("{n}.{c}({t})")),
        key.clone().prop_map(|key| format!("has(params.{key})")),
        Just("has(agent.labels.team)".to_owned()),
        Just("has(agent.labels.none)".to_owned()),
        (literal(), name()).prop_map(|(l, n)| format!("{l} in {n}")),
        (name(), literal(), literal()).prop_map(|(n, l, m)| format!("{n} in [{l}, {m}]")),
        name().prop_map(|n| format!("{n} in []")),
    ]
}

fn condition() -> impl Strategy<Value = String> {
    test().prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} && {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} || {b})")),
            inner.prop_map(|a| format!("!({a})")),
        ]
    })
}

fn value() -> impl Strategy<Value = Value> {
    let text = prop::sample::select(vec!["dev", "devops", "ops", "", "é", "d\nv"]);
    let one = prop_oneof![
        text.prop_map(Value::from),
        prop::sample::select(vec![-1, 0, 1, 7, i64::MAX]).prop_map(Value::Int),
        any::<bool>().prop_map(Value::Bool),
        prop::sample::select(vec![1.0, 1.5, f64::NAN]).prop_map(Value::Number),
        Just(Value::Oversize(9_000)),
    ];
    let list = prop::collection::vec(one.clone(), 0..4).prop_map(Value::list);
    prop_oneof![3 => one, 1 => list]
}

fn request() -> impl Strategy<Value = Request> {
    let name = prop::sample::select(vec!["a", "b", "c"]);
    prop::collection::vec((name, value()), 0..5).prop_map(request_of)
}

fn request_of(pairs: Vec<(&str, Value)>) -> Request {
    let mut params = Parameters::new();
    for (name, value) in pairs {
        let name = name.into();
        params.set(Parameter {
            name,
            value,
            secret: false,
        });
    }
    let labels = BTreeMap::from([("team".to_owned(), "devops".to_owned())]);
    let query = Query::parse(Some("a=dev&b")).unwrap();
    Request {
        labels,
        params,
        query,
    }
}

fn program(source: &str) -> Option<Program> {
    ProgramDraft::parse(source).ok().map(ProgramDraft::finish)
}

#[test]
fn answers_what_cel_answers() {
    let cases = Cases::given(256).claimed(200);
    holds(
        cases,
        &(condition(), prop::collection::vec(request(), 8)),
        |(source, requests)| {
            // A conditional is none of the forms, so this is CEL alone.
            let (Some(it), Some(cel)) = (
                program(&source),
                program(&format!("({source}) ? true : false")),
            ) else {
                return Ok(Claim::None);
            };
            for request in requests {
                let (said, expected) = (it.evaluate(&request), cel.evaluate(&request));
                // Why it fails is told of the conditional there.
                let alike = discriminant(&said) == discriminant(&expected);
                prop_assert!(
                    alike,
                    "{} over {:?}: {:?}, not {:?}",
                    source,
                    request,
                    said,
                    expected
                );
            }
            Ok(Claim::Made)
        },
    );
}

/// Returns a letter for the type that a value is compared as; numbers are one.
fn kind(value: &Value) -> char {
    match value {
        Value::Text(_) => 't',
        Value::Int(_) | Value::Number(_) => 'n',
        Value::Bool(_) => 'b',
        Value::List(_) => 'l',
        Value::Oversize(_) => 'o',
    }
}

#[test]
fn a_comparison_of_different_types_fails_and_one_of_the_same_type_does_not() {
    let literals = vec![("'dev'", 't'), ("7", 'n'), ("1.5", 'n'), ("true", 'b')];
    let orders = vec!["==", "!=", "<", "<=", ">", ">="];
    let inputs = (
        value(),
        prop::sample::select(literals),
        prop::sample::select(orders),
    );
    let cases = Cases::given(256).claimed(100);
    holds(cases, &inputs, |(value, (literal, wanted), order)| {
        let equality = ["==", "!="].contains(&order);
        let nan = matches!(value, Value::Number(number) if number.is_nan());
        if !equality && (wanted == 'b' || nan) {
            return Ok(Claim::None);
        }
        let oversize = |value: &Value| matches!(value, Value::Oversize(_));
        let large =
            oversize(&value) || matches!(&value, Value::List(items) if items.iter().any(oversize));
        let request = request_of(vec![("a", value.clone())]);
        let failed = |source: String| {
            let outcome = program(&source).expect("it parses").evaluate(&request);
            matches!(outcome, Outcome::Failed(_))
        };
        let alike = kind(&value) == wanted && !large;
        prop_assert_eq!(failed(format!("params.a {order} {literal}")), !alike);
        prop_assert_eq!(failed(format!("{literal} {order} params.a")), !alike);
        prop_assert_eq!(failed(format!("!(params.a {order} {literal})")), !alike);
        if equality {
            prop_assert_eq!(failed(format!("params.a in [{literal}]")), !alike);
            prop_assert_eq!(failed(format!("[params.a] {order} [{literal}]")), !alike);
        }
        if let Value::List(items) = &value {
            let held = items.iter().all(|item| kind(item) == wanted) && !large;
            let found = program(&format!("{literal} in params.a"))
                .expect("it parses")
                .evaluate(&request)
                == Outcome::True;
            prop_assert_eq!(
                failed(format!("{literal} in params.a")),
                large || !(held || found)
            );
        }
        Ok(Claim::Made)
    });
}

#[test]
fn the_forms_are_all_met_with_both_answers() {
    let holds = [
        "params.a == 'devops'",
        "'devops' == params.a",
        "params.a != 'ops'",
        "params.a.startsWith('dev') && params.a.endsWith('ops') && params.a.contains('vo')",
        "params.a.matches('^dev') && params.a.glob('d*s')",
        "params.a in ['ops', 'devops']",
        "'devops' in params.b",
        "has(params.a) && !has(params.absent)",
        "agent.labels.team == 'devops' && 'team' in agent.labels",
        "params.c == 7 && params.c < 8 && 6 < params.c && params.c >= 7 && params.c <= 7",
        "action.risk >= risk('high') && risk('low') < action.risk",
        "false == params.d || params.d",
        "'a' in request.query && 'dev' in request.query['a'] && !('none' in request.query)",
    ];
    let request = request_of(vec![
        ("a", "devops".into()),
        ("b", Value::list(vec!["dev".into(), "devops".into()])),
        ("c", 7.into()),
        ("d", true.into()),
    ]);
    for source in holds {
        let answer = |source: &str| program(source).expect("it parses").evaluate(&request);
        assert_eq!(answer(source), Outcome::True, "{source}");
        assert_eq!(answer(&format!("!({source})")), Outcome::False, "{source}");
    }
}
