//! What a connector file cannot say: each problem with its code and place.

use tollgate::config::diagnostic::Severity;

use super::{compile, file, told};

/// Compiles a connector `x` with these routes and returns its errors.
fn errors(routes: &str) -> String {
    told(&compile(&[&file(routes)]).1, Severity::Error)
}

fn check(route: &str, expected: &str) {
    let errors = errors(&format!("  - {{ action: a, {route} }}"));
    assert!(
        errors.contains(expected),
        "{route}: {errors:?} lacks {expected:?}"
    );
}

#[test]
fn refuses_two_routes_that_nothing_tells_apart() {
    let alike = "  - { action: a, match: 'GET /x/{a}' }\n  - { action: b, match: 'GET|POST /x/{b}', risk: low }";
    insta::assert_snapshot!(errors(alike), @"route-conflict at 0.yaml:5:25 and 0.yaml:6:25: two routes accept `GET|POST /x/{b}`");
    let told_apart = [
        "  - { action: a, match: 'GET /x/{a}' }\n  - { action: b, match: 'POST /x/{b}' }",
        "  - { action: a, match: 'GET /x?k=1' }\n  - { action: b, match: 'GET /x?k=2' }",
        "  - { action: a, match: 'POST /x', when: 'has(body.a)' }\n  - { action: b, match: 'POST /x' }",
        "  - { action: a, match: 'GET /x/{a}.json' }\n  - { action: b, match: 'GET /x/{b}' }",
    ];
    for routes in told_apart {
        assert_eq!(errors(routes), "");
    }
}

#[test]
fn refuses_labels_that_routes_of_one_match_have_at_different_places() {
    let swapped = "  - { action: a, match: 'POST /x/{one}/{two}', when: 'has(body.a)' }\n  - { action: b, match: 'POST /x/{two}/{one}' }";
    insta::assert_snapshot!(errors(swapped), @"label at 0.yaml:5:25 and 0.yaml:6:25: label `two` stands at two places of one path");
    let renamed = "  - { action: a, match: 'POST /x/{one}/{two}', when: 'has(body.a)' }\n  - { action: b, match: 'POST /x/{one}/{other}' }";
    assert_eq!(errors(renamed), "");
}

#[test]
fn refuses_names_that_mean_something_else() {
    for name in ["unknown", "Bad", "a..b", "'{graphql.field}'", "x.a"] {
        let errors = errors(&format!("  - {{ action: {name}, match: GET / }}"));
        assert!(errors.contains("action at 0.yaml:5:15"), "{name}: {errors}");
    }
    for id in ["tunnel", "Jira", "a.b"] {
        let (_, report) = compile(&[&format!("connector: {id}\nauth: none")]);
        assert!(
            told(&report, Severity::Error).contains("connector-id"),
            "{id}"
        );
    }
}

#[test]
fn refuses_matches_that_say_nothing_certain() {
    for (route, expected) in [
        ("match: /x", "is not a match"),
        ("match: GET x", "has no path"),
        ("match: get /x", "methods are upper-case"),
        ("match: TRACE /x", "refused by the gateway"),
        ("match: GET|* /x", "beside another method"),
        ("match: 'GET /{a}{b}'", "more than one parameter"),
        ("match: 'GET /{*a}/b'", "must be the last segment"),
        ("match: 'GET /x{*a}'", "must be a whole segment"),
        ("match: 'GET /{a}/{a}'", "captures one name twice"),
        ("match: 'GET /{A}'", "is not a parameter name"),
        ("match: GET //x", "empty segment"),
        ("match: GET /../x", "cannot stand in a path"),
        ("match: 'GET a*.test/x'", "partial label"),
        ("match: '* /x'", "has no risk by method"),
        ("match: GET|POST /x", "has no risk by method"),
        (
            "match: POST /x/git-upload-pack, git: true",
            "is not for that",
        ),
        ("match: 'POST /x/{service}', git: true", "is not for that"),
        ("match: GET /x, risk: tiny", "0.yaml:5"),
    ] {
        check(route, expected);
    }
}

#[test]
fn refuses_conditions_that_it_cannot_judge() {
    for (when, expected) in [
        ("body.a == body.b", "two values of the request"),
        ("!(body.a == 1)", "can only negate `has(…)`"),
        ("body.a", "compared with nothing"),
        ("body == 1", "cannot read `body`"),
        ("secrets.a == 1", "cannot read `secrets`"),
        ("query.a == 1", "always a text"),
        ("body.a < \"b\"", "orders something other than numbers"),
        ("body.a.endsWith(\"b\")", "cannot call `endsWith`"),
        ("body.a.startsWith(body.b)", "needs one literal"),
        ("git.force.startsWith(\"b\")", "cannot read `git.force`"),
        ("body.a.exists(x, x == 1)", "cannot use"),
        ("path.nothing == \"a\"", "captures no `nothing`"),
        ("body.a in []", "needs a list of literals"),
        ("body.a ==", "is not an expression"),
    ] {
        check(&format!("match: POST /x, when: '{when}'"), expected);
    }
    check("match: POST /x, only: [a]", "`only` needs a `when`");
    check(
        "match: POST /x, when: has(body.a), only: [a]",
        "no route without `when`",
    );
}

#[test]
fn refuses_parameters_that_it_cannot_read() {
    for (params, expected) in [
        ("{ a: nowhere }", "is not a source"),
        ("{ a: { type: int } }", "has no `from`"),
        (
            "{ a: 'form:x' }",
            "reads a form, and its bodies are not forms",
        ),
        ("{ a: 'form:x[' }", "is not a name"),
        ("{ a: 'form:x[]' }", "is not a name"),
        ("{ a: 'path:x' }", "nothing captures `x`"),
        ("{ a: '$.[' }", "is not a JSONPath"),
        ("{ a: '$..a..b' }", "more than one `..`"),
        ("{ a: { from: $.a, pattern: '(' } }", "is not a pattern"),
        ("{ a: { from: $.a, pattern: 'a)|(b' } }", "is not a pattern"),
        (
            "{ a: { from: $.a, pattern: a, type: int } }",
            "is not a string",
        ),
        ("{ a: { from: $.a, merge: [header] } }", "cannot be merged"),
        (
            "{ a: { from: 'query:a', merge: [form] } }",
            "needs a source in the body",
        ),
        ("{ A: $.a }", "is not a parameter name"),
        ("{ a: { from: $.a, colour: red } }", "colour"),
        ("{ a: { from: [] } }", "empty list"),
    ] {
        check(&format!("match: POST /x, params: {params}"), expected);
    }
    for (params, expected) in [
        ("{ a: $.a }", "is not read from a captured label"),
        ("{ a: { pattern: '(' } }", "is not a pattern"),
        (
            "{ a: { from: 'query:a' } }",
            "is not read from a captured label",
        ),
        ("{ A: { fold: lower } }", "is not a parameter name"),
    ] {
        let text = format!(
            "connector: x\nauth: none\ndomains: [x.test]\ndefaults: {{ params: {params} }}\nroutes: [{{ action: a, match: 'GET /x/{{a}}' }}]\n"
        );
        let told = told(&compile(&[&text]).1, Severity::Error);
        assert!(told.contains(expected), "{params}: {told}");
    }
    check(
        "match: POST /x, body: none, params: { a: $.a }",
        "says `body: none`",
    );
    check("match: POST /x, body: xml", "is not a way to read bodies");
    check("match: POST /x, body: [json, json]", "listed twice");
    check(
        "match: POST /x, body: form, params: { a: $.a }",
        "reads JSON",
    );
    check(
        "match: POST /x, body: [json, form], when: has(body.a)",
        "lists others too",
    );
    check(
        "match: POST /x, summary: 'make {b}'",
        "not a parameter of the route",
    );
    check("match: POST /x, limits: { body: many }", "is not a size");
    let long = format!("$.{}", "a.".repeat(100_000));
    check(
        &format!("match: POST /x, params: {{ a: {long}a }}"),
        "is over 1024 bytes",
    );
    check(
        &format!("match: 'GET /{}'", "a/".repeat(100_000)),
        "is over 2048 bytes",
    );
}

#[test]
fn refuses_heads_that_it_cannot_honour() {
    for (head, expected) in [
        ("auth: none\ndomains: ['api-*.test']", "partial label"),
        (
            "auth: none\ndomains: ['a.**.test']",
            "can only be the first",
        ),
        ("auth: none\ndomains: ['x.test:0']", "port"),
        ("auth: none\ndomains: ['x.test', 'x.test']", "listed twice"),
        (
            "auth: none\nbase_paths: [/a/]\ndomains: [x.test]",
            "ends in `/`",
        ),
        (
            "auth: none\nheaders: { Host: a }",
            "cannot be a default header",
        ),
        (
            "auth: none\ncredentials_in: [cookie]",
            "is not a place of a credential",
        ),
        (
            "auth: none\nhealth: { request: GET /me }",
            "is not a low-risk route",
        ),
        (
            "domains: [x.test]",
            "does not say how a credential is put on",
        ),
        ("auth: some", "none"),
        ("auth: none\nerrors: jria", "is not a shape of errors"),
        (
            "auth: none\nerrors: { status: 503, body: a }",
            "never answered with 408, 425 or 5xx",
        ),
        ("auth: none\npaths: { allow: [everything] }", "everything"),
    ] {
        let (_, report) = compile(&[&format!("connector: x\n{head}")]);
        let errors = told(&report, Severity::Error);
        assert!(
            errors.contains(expected),
            "{head}: {errors:?} lacks {expected:?}"
        );
    }
}

#[test]
fn tells_all_problems_at_once() {
    let errors = errors(
        "  - { action: A, match: 'GET x' }\n  - { action: b, match: '* /', params: { c: d } }",
    );
    let codes: Vec<&str> = errors
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert_eq!(codes, ["action", "match", "params", "risk"]);
}

#[test]
fn warns_of_what_is_probably_not_meant() {
    let routes = r#"
  - { action: a, match: DELETE /a, risk: low }
  - { action: b, match: POST /b, when: has(body.b) }
  - { action: c, match: GET elsewhere.test/c }
  - action: d
    match: GET /d/{issue_key}
    tests: [{ request: "GET https://api.test/d/ghp_0123456789abcdefghij", expect: {} }]
"#;
    let (_, report) = compile(&[&file(routes)]);
    assert!(!report.has_errors());
    let warnings = told(&report, Severity::Warning);
    for code in [
        "low-risk-delete",
        "when-without-plain",
        "unreachable-route",
        "loose-identifier",
        "secret-in-test",
        "missing-test",
    ] {
        assert_eq!(
            warnings
                .lines()
                .filter(|line| line.starts_with(code))
                .count(),
            if code == "missing-test" { 3 } else { 1 },
            "{warnings}"
        );
    }
}

#[test]
fn has_a_schema() {
    let schema = schemars::schema_for!(tollgate::connector::Manifest);
    let text = serde_json::to_string(&schema).unwrap();
    for key in ["connector", "routes", "match", "merge", "^x-", "none"] {
        assert!(text.contains(&format!("\"{key}\"")), "{key}");
    }
}

#[test]
fn refuses_a_websocket_that_cannot_be_opened() {
    for (route, expected) in [
        ("match: POST /x, websocket: true", "cannot open a WebSocket"),
        (
            "match: 'GET|POST /x', risk: low, websocket: true",
            "cannot open a WebSocket",
        ),
        (
            "match: GET /x, websocket: true, params: { a: $.a }",
            "reads the body",
        ),
        (
            "match: GET /x, websocket: true, when: 'query.a == \"1\"'",
            "has no route without `when`",
        ),
    ] {
        check(route, expected);
    }
    // The two are never mistaken for each other.
    let both =
        "  - { action: a, match: GET /x }\n  - { action: b, match: GET /x, websocket: true }";
    assert_eq!(errors(both), "");
}

#[test]
fn tells_problems_of_files_that_lie_over_others() {
    let base = file("  - { action: a.get, match: GET /a }\n  - { action: b.get, match: GET /b }");
    let over = |rest: &str| format!("connector: y\nextends: x\ndomains: [y.test]\n{rest}");
    let told = |text: &str| told(&compile(&[&base, text]).1, Severity::Error);
    assert_eq!(told(&over("remove: [a.get]")), "");
    let help = |text: &str| {
        let problems = compile(&[&base, text]).1.diagnostics;
        let removes = problems
            .into_iter()
            .find(|problem| problem.code == "remove");
        removes.unwrap().help
    };
    assert_eq!(
        help(&over("remove: [a.gte]")).as_deref(),
        Some("did you mean `a.get`?")
    );
    assert_eq!(help(&over("remove: [quite.different]")), None);
    insta::assert_snapshot!(told(&over("remove: [a.gte]")), @"remove at 1.yaml:4:10: `remove`: the extended connector has no action `a.gte`");
    insta::assert_snapshot!(told(&over("routes: [{ action: c, match: GET /c, override: true }]")), @"override at 1.yaml:4:20: `override`: the extended connector has no action `c`");
    // What conflicts is told where each of the two stands.
    insta::assert_snapshot!(told(&over("routes: [{ action: c, match: GET /a }]")), @"route-conflict at 0.yaml:5:29 and 1.yaml:4:30: two routes accept `GET /a`");
    insta::assert_snapshot!(told("connector: y\nextends: z\nauth: none"), @"extends at 1.yaml:2:10: there is no connector `z` to extend");
    insta::assert_snapshot!(told("connector: y\nextends: y\nauth: none"), @"extends at 1.yaml:2:10: there is no connector `y` to extend");
    let circle = compile(&[
        "connector: x\nextends: y\nauth: none",
        "connector: y\nextends: x\nauth: none",
    ]);
    insta::assert_snapshot!(super::told(&circle.1, Severity::Error), @r"
    extends at 1.yaml:2:10: `x` extends itself, or too many files do
    extends at 0.yaml:2:10: `y` extends itself, or too many files do
    ");
}

#[test]
fn a_wrong_kind_of_body_is_one_problem() {
    let (_, report) = compile(&[&format!(
        "body: xml\n{}",
        file(
            "  - { action: a, match: POST /a, when: has(body.a), only: [a], params: { b: $.b } }\n  - { action: b, match: POST /a }"
        )
    )]);
    insta::assert_snapshot!(told(&report, Severity::Error), @"body at 0.yaml:1:7: `xml` is not a way to read bodies");
}

#[test]
fn refuses_what_cannot_be_merged_also_where_nothing_is_read() {
    check("match: POST /x, merge: [path]", "`path` cannot be merged");
    let (_, report) = compile(&["connector: x\nauth: none\nmerge: [header]"]);
    insta::assert_snapshot!(told(&report, Severity::Error), @"merge at 0.yaml:3:9: `header` cannot be merged");
}

#[test]
fn refuses_limits_that_nothing_keeps() {
    check("match: POST /x, limits: { body: 0KiB }", "at least 1 byte");
    check(
        "match: POST /x, limits: { first_byte: 0s }",
        "over before it begins",
    );
}

#[test]
fn refuses_terms_that_cannot_hold() {
    check(
        "match: POST /x, response_secrets: [access_token]",
        "is not a place in an answer",
    );
    check(
        "match: POST /x, response_secrets: ['$.[']",
        "is not a JSONPath",
    );
    check(
        "match: POST /x, response_secrets: [$.a], risk: low",
        "is critical",
    );
    check(
        "match: POST /x, response_params: { a: 'query:x' }",
        "is not a place in an answer",
    );
    check(
        "match: POST /x, response_secrets: [$.a], response_params: { b: $.b }",
        "nothing of it is recorded",
    );
    check(
        "match: POST /x, response_params: { a: 'header:Set-Cookie' }",
        "a cookie is a credential",
    );
    check(
        "match: POST /x, response_params: { a: { from: $.a, fold: lower } }",
        "is one place, without options",
    );
}
