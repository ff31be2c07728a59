//! Requests that must not be read as something harmless: the lines of attacks.md on bodies, names and paths.

use super::{Ask, ask, routes};

const ROUTES: &str = r#"
  - { action: pr.close, match: "PATCH /repos/{owner}/{repo}/pulls/{number}", when: 'body.state == "closed"', only: [state] }
  - action: pr.update
    match: PATCH /repos/{owner}/{repo}/pulls/{number}
    params: { title: $.title }
  - action: issue.delete
    match: DELETE /issue/{key}
    params: { key: { pattern: "[A-Z]+-[0-9]+" } }
  - action: issue.label
    match: POST /issue/{key}/labels
    params: { labels: "$.labels[*]", key: { pattern: "[A-Z]+-[0-9]+" } }
  - { action: odd.fold, match: POST /fold, params: { k: $.mark } }
"#;

const CLOSE: &str = "PATCH https://api.test/repos/o/r/pulls/1";

fn check(ask: &Ask<'_>, expected: &str) {
    assert_eq!(
        ask.told(&routes(ROUTES)),
        expected,
        "{} {:?}",
        ask.line,
        ask.body
    );
}

fn check_body(line: &str, body: &str, expected: &str) {
    check(&ask(line).body(body), expected);
}

#[test]
fn judges_a_form_in_a_title_as_a_title() {
    let update = r#"x.pr.update(owner="o", repo="r", number="1", title="x&state=closed&y=")"#;
    check_body(CLOSE, r#"{"title":"x&state=closed&y="}"#, update);
}

#[test]
fn refuses_a_body_name_in_the_query() {
    check_body(
        &format!("{CLOSE}?state=closed"),
        "{}",
        "refused: ambiguous_parameter",
    );
    check_body(
        &format!("{CLOSE}?State=closed"),
        "{}",
        "refused: ambiguous_parameter",
    );
    check_body(
        &format!("{CLOSE}?state[]=closed"),
        "{}",
        "refused: ambiguous_parameter",
    );
    check(
        &ask(&format!("{CLOSE}?state=closed")),
        "refused: ambiguous_parameter",
    );
}

#[test]
fn judges_a_close_with_more_as_both() {
    let both = r#"x.pr.close(owner="o", repo="r", number="1") + x.pr.update(owner="o", repo="r", number="1")"#;
    check_body(CLOSE, r#"{"state":"closed","base":"evil"}"#, both);
    check_body(CLOSE, r#"{"state":"closed","base":null}"#, both);
}

#[test]
fn refuses_keys_that_are_equal_under_case_folding() {
    for body in [
        r#"{"State":"closed"}"#,
        r#"{"ſtate":"closed"}"#,
        r#"{"\u017ftate":"closed"}"#,
        r#"{"STATE":1,"state":"open"}"#,
    ] {
        check_body(CLOSE, body, "refused: unreadable_body");
    }
    // KELVIN SIGN folds to `k`.
    check_body(
        "POST https://api.test/fold",
        "{\"mar\u{212a}\":1}",
        "refused: unreadable_body",
    );
}

#[test]
fn refuses_what_is_read_in_two_ways() {
    let nested = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let bodies = [
        r#"{"state":"open","state":"closed"}"#,
        r#"{"state":"open","st\u0061te":"closed"}"#,
        r#"{"a":{"b":1,"b":2}}"#,
        r#"{"a":9223372036854775808}"#,
        r#"{"a":99999999999999999999999}"#,
        r#"{"a":-9223372036854775809}"#,
        r#"{"a":1e999}"#,
        r#"{"a":1} {"state":"closed"}"#,
        r#"{"a":1}x"#,
        r#"{"a":1,}"#,
        r#"{'a':1}"#,
        r#"{"a":"\ud800"}"#,
        r#"{"a":NaN}"#,
        "\u{feff}{}",
        "state=closed",
        " ",
        nested.as_str(),
    ];
    for body in bodies {
        check_body(CLOSE, body, "refused: unreadable_body");
    }
    for body in [
        r#"["state"]"#,
        r#""state""#,
        r#"{"state":1}"#,
        r#"{"state":["closed"]}"#,
    ] {
        check_body(CLOSE, body, "refused: parameter_form");
    }
}

#[test]
fn refuses_bytes_that_are_not_utf8() {
    let catalog = routes(ROUTES);
    let target = tollgate::model::target::Target {
        method: http::Method::PATCH,
        authority: tollgate::model::target::Authority::parse("api.test", 443).unwrap(),
        path: tollgate::model::target::Path::parse("/repos/o/r/pulls/1").unwrap(),
        query: tollgate::model::target::Query::default(),
        tls: true,
    };
    let candidates = catalog
        .locate(&target.authority, &target.path)
        .unwrap()
        .candidates(&target.method, &target.query);
    let headers = http::HeaderMap::new();
    let reading = |body| tollgate::connector::Reading {
        target: &target,
        headers: &headers,
        body,
        catalog: &catalog,
    };
    for body in [&b"{\"a\":\"\xff\"}"[..], b"{\"\xc3\x28\":1}"] {
        assert_eq!(
            candidates
                .understand(&reading(Some(body)))
                .unwrap_err()
                .code
                .as_str(),
            "unreadable_body"
        );
    }
    assert_eq!(
        candidates
            .understand(&reading(None))
            .unwrap_err()
            .code
            .as_str(),
        "unreadable_body"
    );
}

#[test]
fn never_reads_a_list_as_empty() {
    let line = "POST https://api.test/issue/OPS-7/labels";
    check_body(
        line,
        r#"{"labels":["prod"]}"#,
        r#"x.issue.label(key="OPS-7", labels=["prod"])"#,
    );
    check_body(line, r#"{"labels":"prod"}"#, "refused: parameter_form");
    check_body(
        line,
        r#"{"labels":{"0":"prod"}}"#,
        "refused: parameter_form",
    );
    check_body(line, r#"["prod"]"#, "refused: parameter_form");
    check_body(line, "{}", r#"x.issue.label(key="OPS-7")"#);
}

#[test]
fn reads_a_path_as_exactly_what_is_sent_or_not_at_all() {
    let key = r#"x.issue.delete(key="OPS-7")"#;
    for (path, expected) in [
        ("OPS-7", key),
        ("%4fPS-7", key),
        ("ops-7", "refused: parameter_form"),
        ("10042", "refused: parameter_form"),
        ("OPS-7;a", "refused: path"),
        ("x/..;/OPS-7", "refused: path"),
        ("OPS-7.", "refused: path"),
        ("OPS-7%20", "refused: path"),
        ("%252e", "refused: path"),
        ("a%2FOPS-7", "refused: path"),
        (
            "OPS-7/",
            r#"x.unknown!(method="DELETE", path="/issue/OPS-7/")"#,
        ),
    ] {
        check(
            &ask(&format!("DELETE https://api.test/issue/{path}")),
            expected,
        );
    }
}

#[test]
fn a_value_over_the_limit_is_neither_cut_nor_judged() {
    let long = "x".repeat(8 * 1024 + 1);
    check_body(
        CLOSE,
        &format!(r#"{{"title":"{long}"}}"#),
        r#"x.pr.update(owner="o", repo="r", number="1", title="(over the limit: 8193)")"#,
    );
    let many = vec![r#""l""#; 1_001].join(",");
    let line = "POST https://api.test/issue/OPS-7/labels";
    let expected = r#"x.issue.label(key="OPS-7", labels="(over the limit: 1001)")"#;
    check_body(line, &format!(r#"{{"labels":[{many}]}}"#), expected);
}

#[test]
fn refuses_a_body_of_too_many_values() {
    let bomb = format!("{{\"a\":[{}0]}}", r#"{"":0},"#.repeat(30_000));
    check_body(CLOSE, &bomb, "refused: unreadable_body");
}

#[test]
fn refuses_a_header_that_is_there_twice() {
    let catalog = routes("  - { action: a, match: GET /a, params: { t: 'header:X-T' } }");
    let line = "GET https://api.test/a";
    assert_eq!(ask(line).header("x-t", "1").told(&catalog), r#"x.a(t="1")"#);
    assert_eq!(
        ask(line)
            .header("x-t", "1")
            .header("x-t", "2")
            .told(&catalog),
        "refused: ambiguous_parameter"
    );
}
