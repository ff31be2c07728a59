//! Strict reading: what YAML would do quietly is told, all at once, with its place.

use std::collections::BTreeMap;

use insta::assert_snapshot;
use serde::Deserialize;
use tollgate::config::diagnostic::Report;
use tollgate::config::yaml::{At, Entries, OneOrMany, ShortOr, read};

use super::source;

#[derive(Debug, Deserialize)]
struct File {
    connector: At<String>,
    #[serde(default)]
    version: Option<u32>,
    #[serde(default)]
    http: bool,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    hosts: OneOrMany<At<String>>,
    #[serde(default)]
    routes: Vec<Route>,
}

#[derive(Debug, Deserialize)]
struct Route {
    action: At<String>,
    #[serde(rename = "match")]
    matches: At<String>,
    #[serde(default)]
    when: Option<At<String>>,
    #[serde(default)]
    risk: Option<At<Risk>>,
    #[serde(default)]
    params: Entries<OneOrMany<ShortOr<At<String>, Param>>>,
    #[serde(default)]
    body: Option<serde_json::Value>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Risk {
    Low,
    High,
}

#[derive(Debug, Deserialize)]
struct Param {
    from: At<String>,
    #[serde(default)]
    required: bool,
}

fn good(text: &str) -> File {
    let mut report = Report::default();
    let file = read(&source(text), &mut report);
    file.unwrap_or_else(|| panic!("{}", report.to_text()))
}

/// Returns what is told about a text that must not be read.
fn problems(text: &str) -> String {
    let mut report = Report::default();
    assert!(
        read::<File>(&source(text), &mut report).is_none(),
        "accepted: {text}"
    );
    report.to_text()
}

/// Returns the codes of what is told about the `when` of a route.
fn codes_of_when(value: &str) -> Vec<&'static str> {
    let text =
        format!("connector: demo\nroutes:\n  - action: a\n    match: GET /\n    when: {value}\n");
    let mut report = Report::default();
    let file = read::<File>(&source(&text), &mut report);
    assert_eq!(file.is_none(), report.has_errors());
    if report.has_errors() {
        let help = report.to_text();
        assert!(help.contains("help: "), "{help}");
    }
    report
        .diagnostics
        .iter()
        .map(|diagnostic| diagnostic.code)
        .collect()
}

#[test]
fn reads_values_with_their_places() {
    let file =
        good("connector: demo\nroutes:\n  - action: a\n    match: 'GET /ö'\n    risk: high\n");
    let route = &file.routes[0];
    assert_eq!((route.matches.line, route.matches.column), (4, 12));
    assert_eq!(route.matches.value, "GET /ö");
    assert_eq!(
        route.risk.as_ref().map(|risk| (&risk.value, risk.line)),
        Some((&Risk::High, 5))
    );
    assert_eq!((file.connector.line, file.connector.column), (1, 12));
}

#[test]
fn reads_short_and_long_forms_with_places_inside() {
    let text = "connector: demo\nhosts: a.b\nroutes:\n  - action: a\n    match: GET /\n    params:\n      z: $.z\n      a: { from: $.a, required: true }\n      m: [$.m, { from: $.n }]\n";
    let file = good(text);
    assert_eq!(file.hosts.0[0].value, "a.b");
    let params = &file.routes[0].params.0;
    let names: Vec<&str> = params.iter().map(|(name, _)| name.value.as_str()).collect();
    assert_eq!(names, ["z", "a", "m"]);
    assert_eq!((params[0].0.line, params[0].0.column), (7, 7));
    let ShortOr::Long(param) = &params[1].1.0[0] else {
        panic!("{params:?}")
    };
    assert_eq!(
        (param.from.line, param.from.column, param.required),
        (8, 18, true)
    );
    assert_eq!(params[2].1.0.len(), 2);
}

#[test]
fn reads_anchors_merge_keys_and_free_top_level_keys() {
    let file = good(
        "x-common: &c { action: a, match: GET / }\nx-team: ops\nconnector: demo\nroutes:\n  - *c\n  - <<: *c\n    action: b\n",
    );
    let actions: Vec<&str> = file
        .routes
        .iter()
        .map(|route| route.action.value.as_str())
        .collect();
    assert_eq!(actions, ["a", "b"]);
}

#[test]
fn reads_json_values_of_any_type() {
    let file = good(
        "connector: demo\nversion: 3\nhttp: true\nroutes:\n  - action: a\n    match: GET /\n    body: { n: 1, f: 1.5, t: yes, z: 017, x: null, q: '1', l: [true, -2] }\n",
    );
    let body = serde_json::to_string(&file.routes[0].body).unwrap();
    assert_snapshot!(body, @r#"{"n":1,"f":1.5,"t":"yes","z":"017","x":null,"q":"1","l":[true,-2]}"#);
    assert_eq!(
        (file.version, file.http, file.headers.len()),
        (Some(3), true, 0)
    );
    assert!(file.routes[0].when.is_none());
}

#[test]
fn tells_every_broken_route_of_a_file() {
    assert_snapshot!(problems("connector: demo\nroutes:\n  - action: a\n    match: 5\n    risk: hgih\n  - action: b\n    mach: GET /\n  - action: c\n    match: GET /c\n  - action: [d]\n    match: GET /d\n"), @r#"
    error[wrong-type]: expected text, found the number `5`
      --> demo.yaml:4:12
      |
    4 |     match: 5
      |            ^
      |
      help: put it in quotes: `'5'`

    error[unknown-value]: `hgih` is not a value here
      --> demo.yaml:5:11
      |
    5 |     risk: hgih
      |           ^
      |
      help: did you mean `high`? known here: `low`, `high`

    error[missing-key]: `match` is missing
      --> demo.yaml:6:5
      |
    6 |   - action: b
      |     ^

    error[unknown-key]: `mach` is not a key here
      --> demo.yaml:7:5
      |
    7 |     mach: GET /
      |     ^
      |
      help: did you mean `match`? known here: `action`, `match`, `when`, `risk`, `params`, `body`

    error[wrong-type]: expected text, found a list
      --> demo.yaml:10:13
       |
    10 |   - action: [d]
       |             ^
       |
      help: if this is text, use single quotes or a block, as in `when: |`: a value that starts with `! * & " { [` or holds `: ` is read as YAML
    "#);
}

#[test]
fn tells_duplicate_empty_and_unknown_keys() {
    assert_snapshot!(problems("connector: demo\nversion: 1\nversion: 2\nConnector: x\n'': y\nheaders: { A: b, A: c }\n"), @r"
    error[duplicate-key]: `version` is set twice
      --> demo.yaml:3:1
      |
    3 | version: 2
      | ^
      --> demo.yaml:2:1   first set here
      |
    2 | version: 1
      | ^

    error[unknown-key]: `Connector` is not a key here
      --> demo.yaml:4:1
      |
    4 | Connector: x
      | ^
      |
      help: did you mean `connector`? known here: `connector`, `version`, `http`, `headers`, `hosts`, `routes`

    error[empty-key]: a key is empty
      --> demo.yaml:5:1
      |
    5 | '': y
      | ^

    error[duplicate-key]: `A` is set twice
      --> demo.yaml:6:18
      |
    6 | headers: { A: b, A: c }
      |                  ^
      --> demo.yaml:6:12   first set here
      |
    6 | headers: { A: b, A: c }
      |            ^
    ");
}

#[test]
fn never_takes_a_value_for_another_type() {
    assert_snapshot!(problems("connector: 5\nversion: '3'\nhttp: yes\nheaders: { A: 1, B: true, C: }\nhosts: ~\nroutes: {}\n"), @r"
    error[wrong-type]: expected text, found the number `5`
      --> demo.yaml:1:12
      |
    1 | connector: 5
      |            ^
      |
      help: put it in quotes: `'5'`

    error[wrong-type]: expected a whole number from 0 to 4294967295, found text
      --> demo.yaml:2:10
      |
    2 | version: '3'
      |          ^

    error[wrong-type]: expected `true` or `false`, found text
      --> demo.yaml:3:7
      |
    3 | http: yes
      |       ^

    error[wrong-type]: expected text, found the number `1`
      --> demo.yaml:4:15
      |
    4 | headers: { A: 1, B: true, C: }
      |               ^
      |
      help: put it in quotes: `'1'`

    error[wrong-type]: expected text, found `true`
      --> demo.yaml:4:21
      |
    4 | headers: { A: 1, B: true, C: }
      |                     ^
      |
      help: put it in quotes: `'true'`

    error[empty-value]: there is no value here
      --> demo.yaml:4:28
      |
    4 | headers: { A: 1, B: true, C: }
      |                            ^
      |
      help: give a value, write `null`, or leave the key out

    error[wrong-type]: expected text, found `~`
      --> demo.yaml:5:8
      |
    5 | hosts: ~
      |        ^
      |
      help: put it in quotes: `'~'`

    error[wrong-type]: expected a list, found a mapping
      --> demo.yaml:6:9
      |
    6 | routes: {}
      |         ^
    ");
}

#[test]
fn refuses_every_tag() {
    assert_snapshot!(problems("connector: !!str demo\nroutes:\n  - !x\n    action: a\n    match: ! GET /\n    when: !has(x)\n"), @r#"
    error[tag]: `!!str` is read as a YAML tag, and tags are not used here
      --> demo.yaml:1:12
      |
    1 | connector: !!str demo
      |            ^
      |
      help: if this is text, use single quotes or a block, as in `when: |`: a value that starts with `! * & " { [` or holds `: ` is read as YAML

    error[tag]: `!x` is read as a YAML tag, and tags are not used here
      --> demo.yaml:3:5
      |
    3 |   - !x
      |     ^
      |
      help: if this is text, use single quotes or a block, as in `when: |`: a value that starts with `! * & " { [` or holds `: ` is read as YAML

    error[tag]: `!` is read as a YAML tag, and tags are not used here
      --> demo.yaml:5:12
      |
    5 |     match: ! GET /
      |            ^
      |
      help: if this is text, use single quotes or a block, as in `when: |`: a value that starts with `! * & " { [` or holds `: ` is read as YAML

    error[tag]: `!has(x)` is read as a YAML tag, and tags are not used here
      --> demo.yaml:6:11
      |
    6 |     when: !has(x)
      |           ^
      |
      help: if this is text, use single quotes or a block, as in `when: |`: a value that starts with `! * & " { [` or holds `: ` is read as YAML
    "#);
}

#[test]
fn tells_how_to_write_an_expression_that_yaml_would_read() {
    for value in [
        "!has(x)",
        "! has(x)",
        "*.x == 1",
        "\"a\" in x",
        "{a} == b",
        "[1].all(x, x)",
        "x ? y : z",
        "{a: 1}",
        "[1]",
        "&x",
    ] {
        assert!(!codes_of_when(value).is_empty(), "accepted: {value}");
    }
    for value in [
        "'!has(x)'",
        "|\n      !has(x) ? a : b",
        "x == 1",
        "has(a) && b in [1, 2]",
    ] {
        assert!(codes_of_when(value).is_empty(), "refused: {value}");
    }
}

#[test]
fn refuses_an_empty_value_where_null_is_meant() {
    assert_eq!(codes_of_when(""), ["empty-value"]);
    assert!(codes_of_when("null").is_empty());
}

#[test]
fn survives_hostile_files() {
    let bomb = format!(
        "x-0: &a0 [1,1,1,1,1,1,1,1,1,1]\n{}connector: *a7\n",
        (1..8)
            .map(|level| {
                let below = vec![format!("*a{}", level - 1); 10].join(",");
                format!("x-{level}: &a{level} [{below}]\n")
            })
            .collect::<String>()
    );
    let deep = format!("connector: {}", "[".repeat(100_000));
    let nested = (0..2_000)
        .map(|depth| format!("{}a:\n", " ".repeat(depth)))
        .collect::<String>();
    for text in [
        bomb.as_str(),
        &deep,
        &nested,
        "connector: &a [*a]",
        "a: b\n---\na: c\n",
        "%YAML 1.2\n---\na: b\n",
        "\u{0}",
        "a: \"\\ud800\"",
        "? [a]\n: b\n",
    ] {
        let mut report = Report::default();
        assert!(read::<File>(&source(text), &mut report).is_none());
        assert!(report.has_errors());
    }
}

#[test]
fn counts_columns_in_characters_and_shows_no_control_characters() {
    assert_snapshot!(problems("connector: demo\nhosts: { 'ä\u{202e}b': x }\n\"ä\u{202e}\": 1\n"), @r#"
    error[wrong-type]: expected text, found a mapping
      --> demo.yaml:2:8
      |
    2 | hosts: { 'ä\u{202e}b': x }
      |        ^
      |
      help: if this is text, use single quotes or a block, as in `when: |`: a value that starts with `! * & " { [` or holds `: ` is read as YAML

    error[unknown-key]: `ä\u{202e}` is not a key here
      --> demo.yaml:3:1
      |
    3 | "ä\u{202e}": 1
      | ^
      |
      help: known here: `connector`, `version`, `http`, `headers`, `hosts`, `routes`
    "#);
}

#[test]
fn reads_places_out_of_no_other_format() {
    let at: At<String> = serde_json::from_str("\"x\"").unwrap();
    assert_eq!((at.value.as_str(), at.line, at.column), ("x", 0, 0));
    // What the store holds as JSON is YAML too, so it is read with places.
    let file = good("{\"connector\": \"a\\u00e9\\/\", \"hosts\": [\"a.b\"], \"routes\": []}");
    assert_eq!(
        (file.connector.value.as_str(), file.hosts.0[0].column),
        ("aé/", 38)
    );
}

#[test]
fn reads_variants_by_their_one_key() {
    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "lowercase")]
    enum Scheme {
        None,
        Bearer(String),
        Basic { username: String },
    }
    let read_one = |text: &str| {
        let mut report = Report::default();
        read::<Scheme>(&source(text), &mut report).ok_or_else(|| report.to_text())
    };
    assert_eq!(read_one("none"), Ok(Scheme::None));
    assert_eq!(read_one("bearer: t"), Ok(Scheme::Bearer("t".into())));
    assert_eq!(
        read_one("basic: { username: u }"),
        Ok(Scheme::Basic {
            username: "u".into()
        })
    );
    assert_snapshot!(read_one("{ bearer: a, none: b }").unwrap_err(), @r"
    error[wrong-type]: expected exactly one key
      --> demo.yaml:1:1
      |
    1 | { bearer: a, none: b }
      | ^
    ");
    assert_snapshot!(read_one("basik: {}").unwrap_err(), @r"
    error[unknown-value]: `basik` is not a value here
      --> demo.yaml:1:1
      |
    1 | basik: {}
      | ^
      |
      help: did you mean `basic`? known here: `none`, `bearer`, `basic`
    ");
    assert_snapshot!(read_one("basic: { user: u }").unwrap_err(), @r"
    error[missing-key]: `username` is missing
      --> demo.yaml:1:8
      |
    1 | basic: { user: u }
      |        ^

    error[unknown-key]: `user` is not a key here
      --> demo.yaml:1:10
      |
    1 | basic: { user: u }
      |          ^
      |
      help: did you mean `username`? known here: `username`
    ");
}

#[test]
fn goes_on_with_what_can_be_read() {
    let mut report = Report::default();
    let text =
        "connector: demo\nroutes:\n  - { action: a, match: 5 }\n  - { action: b, match: GET / }\n";
    let file: File = tollgate::config::yaml::read_partial(&source(text), &mut report).unwrap();
    assert_eq!((file.routes.len(), report.diagnostics.len()), (1, 1));
}
