//! `JSONPath`s that need a tree: what the gateway finds is what another implementation finds, in documents of every shape.

use jsonpath_rust::query::js_path_vals;
use proptest::prelude::{Just, Strategy, prop, prop_assert_eq, prop_oneof};
use serde_json::{Value as Json, json};

use super::{ask, routes};
use crate::support::property::{Cases, Claim, holds};

const PATHS: [&str; 12] = [
    "$..a",
    "$.b..c",
    "$..[0]",
    "$..*",
    "$.b[?@.c == 'x'].d",
    "$.b[?@.c > 1 && !@.a].d",
    "$.b[?@.c != null || @.a[0]].d",
    "$.b[?(@['c'] <= 1.5)].d",
    "$.e[-1:]",
    "$.e[::2]",
    "$.e[3:0:-1]",
    "$['a','b','e'][1]",
];

fn documents() -> impl Strategy<Value = Json> {
    let key = prop::sample::select(vec!["a", "b", "c", "d", "e"]);
    let leaf = prop_oneof![
        Just(Json::Null),
        Just(json!(true)),
        (0_i64..4).prop_map(Json::from),
        Just(json!(1.5)),
        Just(json!("x")),
    ];
    leaf.prop_recursive(5, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Json::Array),
            prop::collection::hash_map(key.clone(), inner, 0..6).prop_map(|pairs| json!(pairs)),
        ]
    })
}

fn sorted<'v>(values: impl IntoIterator<Item = &'v Json>) -> Vec<String> {
    let scalar = |value: &&Json| !value.is_null();
    let mut texts: Vec<_> = values
        .into_iter()
        .filter(scalar)
        .map(Json::to_string)
        .collect();
    texts.sort_unstable();
    texts
}

#[test]
fn a_path_finds_what_another_reader_finds() {
    let cases = Cases::given(400).claimed(100);
    holds(cases, &(documents(), 0..PATHS.len()), |(document, at)| {
        let path = PATHS[at];
        let expected = js_path_vals(path, &document).unwrap();
        let route = format!("  - {{ action: a, match: POST /a, params: {{ p: \"{path}\" }} }}");
        let body = document.to_string();
        let read = ask("POST https://api.test/a")
            .body(&body)
            .of(&routes(&route));
        // A list or an object where values are read refuses the request, as does another container in front.
        let Ok(actions) = read else {
            return Ok(Claim::None);
        };
        let found = actions[0].params.get("p").map_or_else(Vec::new, |value| {
            serde_json::to_value(value)
                .unwrap()
                .as_array()
                .unwrap()
                .clone()
        });
        prop_assert_eq!(sorted(&found), sorted(expected), "{} in {}", path, body);
        Ok(Claim::Made)
    });
}

#[test]
fn a_path_that_looks_at_values_again_and_again_is_refused() {
    for (path, expected) in [
        ("$.a[?@..b]", "a path in a filter that is not plain"),
        ("$.a[?@.b == $.c]", "a comparison of something else"),
        ("$.a[?$.c]", "`$` in a filter"),
        ("$.a[?length(@.b) > 1]", "a comparison of something else"),
        ("$.a[?match(@.b, 'x')]", "a function in a filter"),
        ("$.a[?@.b == @.c]", "a comparison of something else"),
    ] {
        let route = format!("  - {{ action: a, match: POST /a, params: {{ p: \"{path}\" }} }}");
        let (_, report) = super::compile(&[&super::file(&route)]);
        let errors = super::told(&report, tollgate::config::diagnostic::Severity::Error);
        assert!(errors.contains(expected), "{path}: {errors:?}");
    }
}
