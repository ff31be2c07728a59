//! The one-pass reader agrees with a tree and pointers into it.

use proptest::prelude::{Just, Strategy, any, prop_assert_eq, prop_oneof};
use proptest::sample::select;
use serde_json::{Map, Value as Json, json};

use super::{ask, routes};
use crate::support::property::{Cases, Claim, holds};

const ROUTES: &str = r#"
  - action: read
    match: POST /
    params:
      a: $.a
      ab: [$.a.b, $.x.b]
      items: "$.items[*]"
      first: "$.items[0]"
      inner: "$.items[*].b"
"#;

fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        (-1.0e6..1.0e6_f64).prop_map(|number| json!(number + 0.5)),
        "[a-z\u{e9}\"\\\\]{0,4}".prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 40, 4, |inner| {
        let key = select(vec!["a", "b", "x", "items", "other"]).prop_map(str::to_owned);
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            proptest::collection::vec((key, inner), 0..4)
                .prop_map(|entries| Json::from(Map::from_iter(entries))),
        ]
    })
}

/// One path on a tree: its values, or `Err` where something else lies on the way or at the end.
fn walk(tree: &Json, path: &[&str]) -> Result<Option<Vec<Json>>, ()> {
    let Some((step, rest)) = path.split_first() else {
        return match tree {
            Json::Array(_) | Json::Object(_) => Err(()),
            leaf => Ok(Some(vec![leaf.clone()])),
        };
    };
    match (tree, *step) {
        (Json::Array(items), "*") => {
            let mut found = Vec::new();
            for item in items.iter().filter(|item| !item.is_null()) {
                found.extend(walk(item, rest)?.unwrap_or_default());
            }
            Ok(Some(found))
        }
        (Json::Array(items), "0") => items
            .first()
            .filter(|item| !item.is_null())
            .map_or(Ok(None), |item| walk(item, rest)),
        (Json::Object(entries), key) if key != "*" && key != "0" => entries
            .get(key)
            .filter(|value| !value.is_null())
            .map_or(Ok(None), |value| walk(value, rest)),
        _ => Err(()),
    }
}

/// Alternatives: a misfit is excused by another that is found; two that differ refuse.
fn param(tree: &Json, alternatives: &[&[&str]]) -> Result<Option<Json>, ()> {
    let list = alternatives.iter().any(|path| path.contains(&"*"));
    let outcomes: Vec<_> = alternatives.iter().map(|path| walk(tree, path)).collect();
    let found: Vec<Vec<Json>> = outcomes
        .iter()
        .filter_map(|outcome| outcome.clone().ok().flatten())
        .collect();
    match found.as_slice() {
        [] if outcomes.iter().any(Result::is_err) => Err(()),
        [] => Ok(None),
        [first, rest @ ..] if rest.iter().all(|other| other == first) => Ok(Some(if list {
            Json::from(first.clone())
        } else {
            first[0].clone()
        })),
        _ => Err(()),
    }
}

fn expected(tree: &Json) -> Result<Map<String, Json>, ()> {
    let mut params = Map::new();
    let paths: [(&str, &[&[&str]]); 5] = [
        ("a", &[&["a"]]),
        ("ab", &[&["a", "b"], &["x", "b"]]),
        ("items", &[&["items", "*"]]),
        ("first", &[&["items", "0"]]),
        ("inner", &[&["items", "*", "b"]]),
    ];
    for (name, alternatives) in paths {
        if let Some(value) = param(tree, alternatives)? {
            params.insert(name.to_owned(), value);
        }
    }
    Ok(params)
}

#[test]
fn agrees_with_a_tree() {
    let cases = Cases::given(256).claimed(200);
    holds(cases, &(json(), any::<bool>()), |(tree, pretty)| {
        if tree.is_null() {
            return Ok(Claim::None);
        }
        let body = if pretty {
            serde_json::to_string_pretty(&tree)
        } else {
            serde_json::to_string(&tree)
        }
        .unwrap();
        let found = ask("POST https://api.test/")
            .body(&body)
            .of(&routes(ROUTES));
        match expected(&tree) {
            Err(()) => prop_assert_eq!(
                found.map_err(|error| error.code),
                Err("parameter_form"),
                "{}",
                body
            ),
            Ok(params) => {
                let actions = found.unwrap();
                let read: Map<String, Json> = actions[0]
                    .params
                    .iter()
                    .map(|param| {
                        (
                            param.name.to_string(),
                            serde_json::to_value(&param.value).unwrap(),
                        )
                    })
                    .collect();
                prop_assert_eq!(read, params, "{}", body);
            }
        }
        Ok(Claim::Made)
    });
}

#[test]
fn accepts_only_what_a_tree_parser_accepts() {
    let cases = Cases::given(2000).claimed(40);
    holds(
        cases,
        &(
            json(),
            any::<proptest::sample::Index>(),
            select(b"{}[],:\"0-.eE\\ \xff\x00n".to_vec()),
        ),
        |(tree, cut, byte)| {
            let mut body = serde_json::to_vec(&tree).unwrap();
            let at = cut.index(body.len());
            body[at] = byte;
            let catalog = routes(ROUTES);
            let target = super::target("POST https://api.test/").unwrap();
            let place = catalog.locate(&target.authority, &target.path).unwrap();
            let headers = http::HeaderMap::new();
            let reading = tollgate::connector::Reading {
                target: &target,
                headers: &headers,
                body: Some(&body),
                catalog: &catalog,
            };
            let candidates = place.candidates(&target.method, &target.query);
            if candidates.understand(&reading).is_err() {
                return Ok(Claim::None);
            }
            prop_assert_eq!(
                serde_json::from_slice::<Json>(&body)
                    .map(|_| ())
                    .map_err(|error| error.to_string()),
                Ok(())
            );
            Ok(Claim::Made)
        },
    );
}

#[test]
fn reads_a_key_with_brackets_where_nothing_is_merged() {
    let catalog = routes(
        r#"  - { action: read, match: POST /, params: { ids: { from: "$['ids[]']", type: string } } }
"#,
    );
    let found = ask("POST https://api.test/")
        .body(r#"{"ids[]":"a"}"#)
        .of(&catalog);
    let actions = found.unwrap();
    assert_eq!(actions[0].params.get("ids"), Some(&"a".into()));
}
