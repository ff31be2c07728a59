//! What understanding a request takes of memory: a few times its own size, whatever it repeats, nests or names.

use proptest::prelude::{Just, Strategy, prop, prop_oneof};
use serde_json::{Value as Json, json};

use tollgate::connector::{Catalog, Memory, Reading};

use super::{routes, target};
use crate::support::allocated::most_allocated;
use crate::support::property::{Cases, Claim, holds};

const ROUTES: &str = r#"
  - { action: json, match: POST /json, params: { a: "$.a[*]", b: "$.b", c: "$.c[0].d" } }
  - { action: deep, match: POST /deep, params: { a: "$..a", b: "$.b[?@.c == 'x'].d", c: "$.e[-1:]" } }
  - { action: form, match: POST /form, body: form, params: { a: "form:a[*]", b: "form:b[c]", c: "form:c" } }
  - { action: upload, match: POST /upload, body: multipart, params: { a: form:a } }
  - { action: "call.{rpc.method}", match: POST /rpc, rpc: "*", risk: low, params: { x: arg:x, y: "arg:y[*]" } }
  - { action: "{graphql.field}", match: POST /graphql, graphql: "*", risk: low, params: { x: arg:x, y: "arg:y[*]" } }
  - { action: batch, match: POST /batch, batch: "$[*]", risk: low }
"#;

/// Hands out so much, and no more.
#[derive(Debug)]
struct Purse {
    left: usize,
    taken: usize,
}

impl Memory for Purse {
    fn take(&mut self, bytes: usize) -> bool {
        let left = self.left.checked_sub(bytes);
        self.left = left.unwrap_or(self.left);
        self.taken += left.map_or(0, |_| bytes);
        left.is_some()
    }
}

struct Cost {
    /// The code of the refusal, or nothing.
    refused: Option<&'static str>,
    allocated: usize,
    taken: usize,
}

/// Reads a body with so much memory beside it.
fn read(catalog: &Catalog, path: &str, body: &str, left: usize) -> Cost {
    let target = target(&format!("POST https://api.test/{path}")).unwrap();
    let place = catalog.locate(&target.authority, &target.path).unwrap();
    let candidates = place.candidates(&target.method, &target.query);
    let mut headers = http::HeaderMap::new();
    if path == "upload" {
        headers.insert(
            "content-type",
            "multipart/form-data; boundary=x".parse().unwrap(),
        );
    }
    let reading = Reading {
        target: &target,
        headers: &headers,
        body: Some(body.as_bytes()),
        catalog,
    };
    let mut memory = Purse { left, taken: 0 };
    let (understood, allocated) =
        most_allocated(|| candidates.understand_within(&reading, &mut memory));
    Cost {
        refused: understood.err().map(|error| error.code.as_str()),
        allocated,
        taken: memory.taken,
    }
}

#[track_caller]
fn check(catalog: &Catalog, path: &str, body: &str) -> Cost {
    let cost = read(catalog, path, body, usize::MAX);
    let most = 8 * body.len().max(256 << 10);
    assert!(
        cost.allocated <= most,
        "{path}: {} bytes for a body of {}, which begins {:?}",
        cost.allocated,
        body.len(),
        body.chars().take(60).collect::<String>()
    );
    cost
}

fn graphql(document: &str, variables: &Json) -> String {
    json!({ "query": document, "variables": variables }).to_string()
}

#[test]
fn a_variable_used_thousands_of_times_is_shared() {
    let catalog = routes(ROUTES);
    let document = format!("query($v:String){{f(y:[{}])}}", "$v ".repeat(4_000));
    let cost = check(
        &catalog,
        "graphql",
        &graphql(&document, &json!({ "v": "x".repeat(600_000) })),
    );
    assert_eq!(cost.refused, None);
    // What is short enough to be judged would be copied each time.
    let cost = check(
        &catalog,
        "graphql",
        &graphql(&document, &json!({ "v": "x".repeat(8_000) })),
    );
    assert_eq!(cost.refused, Some("unreadable_body"));
    let aliases: String = (0..50)
        .map(|at| format!("a{at}:f(y:[{}]) ", "$v ".repeat(80)))
        .collect();
    let document = format!("query($v:String){{{aliases}}}");
    let cost = check(
        &catalog,
        "graphql",
        &graphql(&document, &json!({ "v": "x".repeat(8_000) })),
    );
    assert_eq!(cost.refused, Some("unreadable_body"));
}

#[test]
fn long_keys_of_a_variable_are_not_looked_at_again_and_again() {
    let catalog = routes(ROUTES);
    let keys: serde_json::Map<_, _> = (10..24)
        .map(|at| (format!("{}{at}", "k".repeat(40_000)), json!(1)))
        .collect();
    let document = format!("query($v:V){{f(y:[{}])}}", "$v ".repeat(3_000));
    let cost = check(
        &catalog,
        "graphql",
        &graphql(&document, &json!({ "v": keys })),
    );
    assert_eq!(cost.refused, Some("unreadable_body"));
}

#[test]
fn fragments_that_all_fields_spread_are_not_copied_for_each() {
    let catalog = routes(ROUTES);
    let names: String = (0..900)
        .map(|at| format!("{}{at} ", "n".repeat(500)))
        .collect();
    let aliases: String = (0..50).map(|at| format!("a{at}:f{{...F}} ")).collect();
    let document = format!("{{{aliases}}} fragment F on T{{{names}}}");
    check(&catalog, "graphql", &graphql(&document, &json!({})));
    // Nor walked through for each without an end.
    let aliases: String = (0..50).map(|at| format!("a{at}:f{{...F}} ")).collect();
    let document = format!("{{{aliases}}} fragment F on T{{{}}}", "a ".repeat(9_000));
    let cost = check(&catalog, "graphql", &graphql(&document, &json!({})));
    assert_eq!(cost.refused, Some("unreadable_body"));
}

#[test]
fn values_under_a_descent_are_found_without_their_paths() {
    let catalog = routes(ROUTES);
    let body = json!({ "k".repeat(100_000): vec![1; 20_000] }).to_string();
    assert_eq!(check(&catalog, "deep", &body).refused, None);
    let nested = (0..100).fold(
        json!(vec![1; 20_000]),
        |inner, _| json!({ "k".repeat(5_000): inner }),
    );
    assert_eq!(check(&catalog, "deep", &nested.to_string()).refused, None);
    let small = format!(r#"{{"z":[{}1]}}"#, r#"{"a":"x"},"#.repeat(24_000));
    assert_eq!(check(&catalog, "deep", &small).refused, None);
    let empty = format!(r#"{{"z":[{}1]}}"#, r#"{"":0},"#.repeat(24_000));
    check(&catalog, "deep", &empty);
    let flat: serde_json::Map<_, _> = (0..45_000)
        .map(|at| (format!("k{at}"), json!(at)))
        .collect();
    check(&catalog, "deep", &Json::Object(flat).to_string());
}

#[test]
fn forms_parts_calls_and_members_cost_a_few_times_their_size() {
    let catalog = routes(ROUTES);
    let long = "x".repeat(8_000);
    for (path, body) in [
        ("form", format!("a={long}&").repeat(120)),
        ("form", "a[]=%41&".repeat(45_000)),
        ("form", format!("c={}", "%41".repeat(300_000))),
        ("upload", format!("{}--x--\r\n", format!("--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n{long}\r\n").repeat(100))),
        ("rpc", format!("[{}]", vec![json!({ "jsonrpc": "2.0", "id": 1, "method": "m", "params": { "x": long, "y": [long, long] } }).to_string(); 40].join(","))),
        ("batch", format!("[{}]", vec![format!(r#"{{"path":"/x?{}"}}"#, "a&".repeat(10_000)); 45].join(","))),
        ("batch", format!("[{}]", vec![json!({ "method": "POST", "path": "/form", "headers": { "content-type": "application/x-www-form-urlencoded" }, "body": format!("c={long}") }).to_string(); 45].join(","))),
        ("json", json!({ "a": vec![long.as_str(); 120], "b": "\n".repeat(200_000) }).to_string()),
        ("json", format!("{{\"{}\":1}}", "\u{7f}".repeat(500_000))),
        ("json", format!("{{\"A{}\":1,\"a\":[]}}", "\\u0061".repeat(100_000))),
    ] {
        check(&catalog, path, &body);
    }
}

#[test]
fn a_member_with_more_headers_than_a_map_can_have_is_refused() {
    let headers: serde_json::Map<_, _> = (0..40_000)
        .map(|at| (format!("x-{at}"), json!("")))
        .collect();
    let body = json!([{ "path": "/x", "headers": headers }]).to_string();
    let cost = read(&routes(ROUTES), "batch", &body, usize::MAX);
    assert_eq!(cost.refused, Some("unreadable_body"));
}

#[test]
fn what_is_copied_is_asked_for_first() {
    let catalog = routes(ROUTES);
    let body = json!({ "a": vec!["x".repeat(8_000); 100] }).to_string();
    let cost = read(&catalog, "json", &body, usize::MAX);
    assert_eq!(cost.refused, None);
    assert!(cost.taken >= 800_000, "{}", cost.taken);
    let cost = read(&catalog, "json", &body, 200_000);
    assert_eq!(cost.refused, Some("unreadable_body"));
    assert!(cost.allocated <= 400_000, "{}", cost.allocated);
    // A small request asks for nothing.
    assert_eq!(
        read(&catalog, "json", r#"{"a":["b"],"b":"c"}"#, 0).refused,
        None
    );
}

/// Shapes of JSON that cost: long keys, long texts, many small values, nesting.
fn shapes() -> impl Strategy<Value = Json> {
    let text = prop_oneof![
        Just(String::new()),
        Just("a".to_owned()),
        (1_usize..40_000).prop_map(|length| "k".repeat(length)),
        (1_usize..2_000).prop_map(|length| "\u{1}é".repeat(length)),
    ];
    let leaf = prop_oneof![
        Just(Json::Null),
        Just(json!(0)),
        Just(json!(1.5)),
        text.clone().prop_map(Json::from)
    ];
    leaf.prop_recursive(6, 200, 40, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..40).prop_map(Json::Array),
            prop::collection::vec((text.clone(), inner.clone()), 0..40)
                .prop_map(|pairs| pairs.into_iter().collect()),
            (inner.clone(), 1_usize..3_000).prop_map(|(item, count)| {
                let size = item.to_string().len().max(1);
                Json::Array(vec![item; count.min((1 << 20) / size)])
            }),
            (inner, 1_usize..60)
                .prop_map(|(item, depth)| (0..depth).fold(item, |inner, _| json!({ "a": inner }))),
        ]
    })
}

#[test]
fn whatever_its_shape_a_request_costs_a_few_times_its_size() {
    let cases = Cases::given(64).claimed(40);
    holds(cases, &(shapes(), 1_usize..4_000), |(shape, uses)| {
        let catalog = routes(ROUTES);
        let mut claim = Claim::None;
        let body = json!({ "a": shape, "b": [shape], "e": shape }).to_string();
        if body.len() <= 1 << 20 {
            claim = Claim::Made;
            for path in ["json", "deep", "rpc", "batch"] {
                check(&catalog, path, &body);
            }
        }
        let document = format!(
            "query($v:V){{a:f(x:$v,y:[{}])b:g(x:{{v:$v}})}}",
            "$v ".repeat(uses)
        );
        let body = graphql(&document, &json!({ "v": shape }));
        if body.len() <= 1 << 20 {
            claim = Claim::Made;
            check(&catalog, "graphql", &body);
        }
        Ok(claim)
    });
}
