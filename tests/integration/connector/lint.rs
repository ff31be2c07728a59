//! What the linter warns of: files that load, and probably say something else than is meant.

use tollgate::config::diagnostic::{Report, Severity, Source};
use tollgate::connector::Catalog;

use super::{compile, told};

/// Returns the warnings of one route of a connector that takes a key in `X-Key` and `?key=`.
fn warnings(route: &str) -> Vec<&'static str> {
    let text = format!(
        "connector: x\nauth: [{{ id: k, fields: [key], header: {{ X-Key: '{{key}}' }} }}]\ncredentials_in: ['query:key']\ndomains: [api.test]\nroutes:\n  - {{ {route} }}\n"
    );
    let (_, report) = compile(&[&text]);
    assert!(!report.has_errors(), "{}", told(&report, Severity::Error));
    let codes = report.diagnostics.iter().map(|problem| problem.code);
    codes.filter(|code| *code != "missing-test").collect()
}

#[test]
fn errors_that_name_a_call_need_a_route_that_reads_one() {
    for (route, warned) in [
        ("match: POST /rpc, risk: low", true),
        ("match: POST /rpc, rpc: '*', risk: low", false),
    ] {
        let text = format!(
            "connector: x\nauth: none\ndomains: [api.test]\nerrors: json_rpc\nroutes: [{{ action: call, {route} }}]\n"
        );
        let (_, report) = compile(&[&text]);
        let codes: Vec<_> = report
            .diagnostics
            .iter()
            .map(|problem| problem.code)
            .collect();
        assert_eq!(
            codes.contains(&"errors-without-rpc"),
            warned,
            "{route}: {codes:?}"
        );
    }
}

#[test]
fn each_doubt_is_told_by_its_name() {
    for (route, expected) in [
        ("action: item.get, match: GET /items", &[][..]),
        (
            "action: item.delete, match: GET /items/delete",
            &["get-that-writes"],
        ),
        (
            "action: item.delete, match: GET /items/delete, risk: medium",
            &[],
        ),
        ("action: get_record_set, match: GET /set", &[]),
        (
            "action: item.delete, match: DELETE /items, risk: low",
            &["low-risk-delete"],
        ),
        (
            "action: token.create, match: POST /tokens",
            &["missing-response-secrets"],
        ),
        (
            "action: user.password.reset, match: POST /reset",
            &["missing-response-secrets"],
        ),
        (
            "action: token.create, match: POST /tokens, response_secrets: [$.token]",
            &[],
        ),
        (
            "action: token.create, match: POST /tokens, response_secrets: []",
            &[],
        ),
        ("action: token.revoke, match: POST /revoke", &[]),
        ("action: secret.set, match: PUT /secret", &[]),
        ("action: any, match: 'GET /{*path}'", &["catch-all"]),
        ("action: any, match: '* /a/{b}', risk: high", &["catch-all"]),
        (
            "action: ping, match: '* /ping', risk: low",
            &["low-risk-write"],
        ),
        (
            "action: item.search, match: POST /items/search, risk: low",
            &["low-risk-write"],
        ),
        (
            "action: item.search, match: POST /items/search, risk: low, reads: true",
            &[],
        ),
        (
            "action: item.search, match: POST /items/search, risk: medium",
            &[],
        ),
        (
            "action: a, match: GET /a;b, risk: low",
            &["unreachable-route"],
        ),
        ("action: a, match: GET other.test/a", &["unreachable-route"]),
        (
            "action: a, match: GET /a, params: { b: $.b }",
            &["parameter-never-found"],
        ),
        ("action: a, match: POST /a, params: { b: $.b }", &[]),
        (
            "action: a, match: GET /a, params: { b: 'header:X-Key' }",
            &["parameter-never-found"],
        ),
        (
            "action: a, match: GET /a, params: { b: 'header:Host' }",
            &["parameter-never-found"],
        ),
        (
            "action: a, match: GET /a, params: { b: 'header:X_Y' }",
            &["parameter-never-found"],
        ),
        (
            "action: a, match: GET /a, params: { b: 'header:X-Forwarded-User' }",
            &["parameter-never-found"],
        ),
        (
            "action: a, match: GET /a, params: { b: 'query:key' }",
            &["parameter-never-found"],
        ),
        (
            "action: a, match: 'GET /a/{issue_key}'",
            &["loose-identifier"],
        ),
        (
            "action: a, match: POST /a, when: has(body.a)",
            &["when-without-plain"],
        ),
    ] {
        assert_eq!(warnings(route), expected, "{route}");
    }
}

#[test]
fn a_condition_over_the_host_narrows_a_route_and_needs_no_other() {
    for (when, expected) in [
        ("has(path.bucket)", &[][..]),
        ("has(path.object)", &["when-without-plain", "catch-all"]),
        ("has(query.acl)", &["when-without-plain", "catch-all"]),
    ] {
        let text = format!(
            "connector: x\nauth: none\ndomains: [store.test, '{{bucket}}.store.test']\nroutes: [{{ action: object.get, match: 'GET /{{*object}}', when: {when} }}]\n"
        );
        let (_, report) = compile(&[&text]);
        assert!(!report.has_errors(), "{}", told(&report, Severity::Error));
        let codes = report.diagnostics.iter().map(|problem| problem.code);
        let codes: Vec<_> = codes.filter(|code| *code != "missing-test").collect();
        assert_eq!(codes, expected, "{when}");
    }
}

#[test]
fn one_test_for_each_resource_is_enough_where_the_path_says_all() {
    let tested = "{ action: item.get, match: GET /items, tests: [{ request: GET https://api.test/items, expect: {} }] }";
    for (route, warned) in [
        ("action: item.list, match: 'GET /items/{a}'", false),
        ("action: item.delete, match: 'DELETE /items/{a}'", false),
        ("action: thing.list, match: 'GET /things/{a}'", true),
        (
            "action: item.part.list, match: 'GET /items/{a}/parts'",
            true,
        ),
        (
            "action: item.create, match: POST /items, params: { b: $.b }",
            true,
        ),
        (
            "action: item.search, match: GET /search, params: { b: 'query:b' }",
            true,
        ),
        (
            "action: item.close, match: POST /items, when: body.b == 1",
            true,
        ),
        (
            "action: 'item.{a}', match: 'GET /made/{a}', risk: low",
            true,
        ),
    ] {
        let text = format!(
            "connector: x\nauth: none\ndomains: [api.test]\nroutes: [{tested}, {{ {route} }}]\n"
        );
        let (_, report) = compile(&[&text]);
        assert!(!report.has_errors(), "{}", told(&report, Severity::Error));
        let mut codes = report.diagnostics.iter().map(|problem| problem.code);
        assert_eq!(codes.any(|code| code == "missing-test"), warned, "{route}");
    }
}

#[test]
fn a_connector_that_lets_every_header_pass_is_told() {
    let text = "connector: x\nauth: none\ndomains: [api.test]\nunknown_headers: pass\nroutes: [{ action: a, match: GET /a }]\n";
    let (_, report) = compile(&[text]);
    let mut codes = report.diagnostics.iter().map(|problem| problem.code);
    assert!(codes.any(|code| code == "unknown-headers"));
}

#[test]
fn a_declared_header_is_one_that_may_be_sent_unseen() {
    for (entry, message) in [
        ("x-*", "stands for too many headers"),
        ("'*'", "is not the name of a header"),
        ("x-vend*", "stands for too many headers"),
        ("x_vendor", "is not the name of a header"),
        ("X-Forwarded-User", "never goes upstream"),
        ("Sec-Fetch-Mode", "never goes upstream"),
        ("Connection", "never goes upstream"),
        ("Sudo", "switches identity"),
        ("impersonate-*", "switches identity"),
        ("X-HTTP-Method-Override", "another method or URL"),
        ("X-Original-URL", "another method or URL"),
    ] {
        let text = format!(
            "connector: x\nauth: none\ndomains: [api.test]\nallow_headers: [{entry}]\nroutes: [{{ action: a, match: GET /a }}]\n"
        );
        let (_, report) = compile(&[&text]);
        let errors = told(&report, Severity::Error);
        assert!(errors.contains(message), "{entry}: {errors}");
    }
}

#[test]
fn a_route_that_another_takes_on_every_host_is_told() {
    let shadowed = |domains: &str, routes: &str| {
        let text = format!("connector: x\nauth: none\ndomains: [{domains}]\nroutes: [{routes}]\n");
        let (_, report) = compile(&[&text]);
        let codes = report.diagnostics.iter().map(|problem| problem.code);
        codes.filter(|code| *code == "shadowed-route").count()
    };
    let own = "{ action: a, match: 'GET a.test/x/{b}' }, { action: b, match: 'GET /x/{c}' }";
    assert_eq!(shadowed("a.test", own), 1);
    // There is another host, another method, another path, or a condition.
    assert_eq!(shadowed("a.test, b.test", own), 0);
    for routes in [
        "{ action: a, match: 'GET a.test/x/{b}' }, { action: b, match: 'GET|POST /x/{c}', risk: low }",
        "{ action: a, match: 'GET a.test/x/{b}' }, { action: b, match: 'GET /{c}' }",
        "{ action: a, match: 'GET a.test/x/{b}', when: 'query.q == \"1\"' }, { action: b, match: 'GET /x/{c}' }",
    ] {
        assert_eq!(shadowed("a.test", routes), 0, "{routes}");
    }
}

#[test]
fn a_file_over_another_is_not_told_of_what_it_cannot_mend() {
    let base = "connector: x\nauth: none\ndomains: [api.test]\nroutes:\n  - { action: any, match: 'GET /{*path}' }\n  - { action: token.create, match: 'POST /a/{a_key}' }\n  - { action: b, match: DELETE /b }\n  - { action: c, match: GET api.test/c, params: { d: 'header:X-D' } }\n";
    let over = "connector: y\nextends: x\ndomains: [y.test]\ncredentials_in: ['header:X-D']\ndefaults: { risk: { DELETE: low } }\nroutes:\n  - { action: own, match: GET /own }\n";
    let mut report = compile(&[base, over]).1;
    let of_over = |place: &str| place.starts_with("y.") || place.is_empty();
    report
        .diagnostics
        .retain(|problem| problem.places.iter().all(|place| of_over(&place.note)));
    insta::assert_snapshot!(told(&report, Severity::Warning), @r"
    low-risk-delete at 0.yaml:7:25: `y.b` deletes with risk low
    parameter-never-found at 0.yaml:8:25: `d` of `y.c` is never found: what stands there is a credential, and is taken out
    missing-test at 1.yaml:7:27: no test names `y.own`
    ");
}

#[test]
fn a_file_that_takes_a_built_in_s_place_is_compared_with_it() {
    let source = |name: &str, built_in: bool, routes: &str| Source {
        name: name.into(),
        text: format!("connector: x\nauth: none\ndomains: [api.test]\nroutes:\n{routes}").into(),
        built_in,
    };
    let old = "  - { action: a, match: DELETE /a }\n  - { action: b, match: GET /b }\n  - { action: c, match: GET /c }\n";
    let new = "  - { action: a, match: DELETE /a, risk: medium }\n  - { action: d, match: GET /b, renamed_from: [b] }\n";
    let sources = [
        source("built-in.yaml", true, old),
        source("own.yaml", false, new),
    ];
    let mut report = Report::default();
    Catalog::compile(&sources, &mut report);
    let about = |code: &str| code.starts_with("ri") || code.starts_with("routes");
    report.diagnostics.retain(|problem| about(problem.code));
    insta::assert_snapshot!(told(&report, Severity::Warning), @r"
    routes-removed at own.yaml:1:12: the built-in `x` has actions that this file has not: c
    risk-lowered at own.yaml:1:12: the built-in `x` holds these for riskier: a (high to medium)
    ");
}
