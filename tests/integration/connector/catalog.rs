//! Whose target it is, and what policies may name.

use tollgate::config::diagnostic::{Report, Severity, Source};
use tollgate::connector::{BodyNeed, Catalog};
use tollgate::model::target::Authority;
use tollgate::model::vocabulary::Vocabulary;

use super::{ask, catalog, compile, told};

fn connector(id: &str, head: &str) -> String {
    format!(
        "connector: {id}\nauth: none\n{head}\nroutes: [{{ action: read, match: 'GET /{{*path}}' }}]"
    )
}

#[test]
fn exact_beats_longest_suffix_and_longest_base_path_wins() {
    let files = [
        connector("exact", "domains: [a.b.test]"),
        connector("star", "domains: ['*.b.test']"),
        connector("far", "domains: ['**.test']"),
        connector("near", "domains: ['**.b.test']"),
        connector(
            "deep",
            "domains: [{ host: a.b.test, base_paths: [/x, /x/y] }]",
        ),
    ];
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let catalog = catalog(&files);
    for (url, expected) in [
        ("a.b.test/q", r#"exact.read(path="q")"#),
        ("c.b.test/q", r#"star.read(path="q")"#),
        ("d.c.b.test/q", r#"near.read(path="q")"#),
        ("c.test/q", r#"far.read(path="q")"#),
        ("a.b.test/x/q", r#"deep.read(path="q")"#),
        ("a.b.test/x/y/q", r#"deep.read(path="q")"#),
        ("a.b.test/xx/q", r#"exact.read(path="xx/q")"#),
    ] {
        assert_eq!(
            ask(&format!("GET https://{url}")).told(&catalog),
            expected,
            "{url}"
        );
    }
    let known = |text: &str| catalog.knows(&Authority::parse(text, 443).unwrap());
    assert!(known("a.b.test") && !known("a.b.test:8443") && !known("test") && !known("192.0.2.1"));
    let exact = catalog.get("exact").unwrap();
    assert!(exact.binds(&Authority::parse("a.b.test", 443).unwrap()));
    assert!(!exact.binds(&Authority::parse("c.b.test", 443).unwrap()));
}

#[test]
fn two_connectors_cannot_share_a_domain_and_base_path() {
    let (_, report) = compile(&[
        &connector("one", "domains: ['{a}.x.test']"),
        &connector("two", "domains: ['*.x.test']"),
    ]);
    insta::assert_snapshot!(told(&report, Severity::Error), @"domain-conflict at 0.yaml:3:11 and 1.yaml:3:11: `*.x.test` on port 443 belongs to two connectors, or is listed twice");
    let (_, report) = compile(&[
        &connector("one", "domains: [x.test]"),
        &connector("two", "domains: ['x.test:443']"),
    ]);
    assert!(report.has_errors());
    catalog(&[
        &connector("one", "domains: [x.test]"),
        &connector("two", "domains: ['x.test:8443']"),
    ]);
}

#[test]
fn a_file_with_the_id_of_a_built_in_replaces_it() {
    let source = |name: &str, host: &str, built_in| Source {
        name: name.into(),
        text: connector("jira", &format!("domains: [{host}]")).into(),
        built_in,
    };
    let built_in = source("built-in", "a.test", true);
    let own = source("own", "b.test", false);
    for order in [[built_in.clone(), own.clone()], [own.clone(), built_in]] {
        let mut report = Report::default();
        let catalog = Catalog::compile(&order, &mut report);
        assert!(!report.has_errors());
        let sites: Vec<String> = catalog.get("jira").unwrap().authorities().collect();
        assert_eq!(sites, ["b.test"]);
    }
    let mut report = Report::default();
    Catalog::compile(&[own.clone(), own], &mut report);
    assert!(
        told(&report, Severity::Error).starts_with("connector-conflict at own:1:12 and own:1:12")
    );
}

#[test]
fn tells_policies_what_can_be_named() {
    let text = r#"
connector: v
auth: none
domains: ["{site}.v.test", { host: v.test, base_paths: ["/{org}"] }]
routes:
  - action: thing.make
    match: POST /things/{kind}
    params:
      kind: { fold: lower }
      amount: { from: $.amount, type: int, required: true }
      labels: "$.labels[*]"
      free: $.free
    renamed_from: [thing.create]
  - { action: thing.make, match: PUT /things, risk: high }
"#;
    let mut vocabulary = Vocabulary::default();
    catalog(&[text]).describe(&mut vocabulary);
    let lines: Vec<String> = vocabulary
        .actions
        .iter()
        .map(|(name, shape)| {
            let params = shape.params.iter().map(|(name, param)| {
                let kind = param
                    .value_type
                    .map_or("any".to_owned(), |kind| kind.to_string());
                let marks = [
                    (param.list, "[]"),
                    (param.optional, "?"),
                    (param.one_spelling, "!"),
                ];
                let marks: String = marks
                    .iter()
                    .filter(|(set, _)| *set)
                    .map(|(_, mark)| *mark)
                    .collect();
                format!("{name}: {kind}{marks}")
            });
            format!(
                "{name} {:?} {} [{}]",
                shape.risks,
                shape.special,
                params.collect::<Vec<_>>().join(", ")
            )
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    v.thing.make {Medium, High} false [amount: int?!, free: any?, kind: string?!, labels: any[]?, org: string?, site: string?!]
    v.unknown {High} true [method: string!, path: string]
    "#);
    assert_eq!(
        vocabulary.renamed["v.thing.create"].as_str(),
        "v.thing.make"
    );
}

#[test]
fn fills_the_summary_and_hides_secrets() {
    let routes = r#"
  - action: a
    match: POST /a/{who}
    params: { pin: { from: $.pin, secret: true } }
    summary: "let {who} in with {pin}"
"#;
    let actions = ask("POST https://api.test/a/ann")
        .body(r#"{"pin":"1234"}"#)
        .of(&super::routes(routes))
        .unwrap();
    assert_eq!(
        actions[0].summary.as_deref(),
        Some("let ann in with (secret)")
    );
    assert!(actions[0].params.iter().any(|param| param.secret));
}

#[test]
fn asks_for_the_body_only_where_it_decides() {
    let catalog = super::routes(
        r#"
  - { action: plain, match: POST /plain }
  - { action: reads, match: POST /reads, params: { a: $.a }, limits: { body: 32MiB } }
  - { action: query, match: POST /query, params: { a: 'query:a' } }
  - { action: upload, match: POST /upload, params: { a: 'query:a' }, body: none }
  - { action: either, match: 'POST /x/{a}/b', params: { p: $.p } }
  - { action: or, match: 'POST /x/c/{b}', limits: { body: 2KiB } }
"#,
    );
    for (path, expected) in [
        ("plain", None),
        ("nothing", None),
        ("reads", Some(Some(32 << 20))),
        ("query", Some(None)),
        ("upload", None),
        ("x/c/b", Some(Some(2048))),
        ("x/c/d", None),
    ] {
        let target = super::target(&format!("POST https://api.test/{path}")).unwrap();
        let place = catalog.locate(&target.authority, &target.path).unwrap();
        let candidates = place.candidates(&target.method, &target.query);
        let limit = match candidates.body_need(&http::HeaderMap::new()).unwrap() {
            BodyNeed::Nothing => None,
            BodyNeed::Read { dialect, limit } => {
                assert_eq!(dialect.content_type(), "application/json");
                Some(limit)
            }
        };
        assert_eq!(limit, expected, "{path}");
    }
}

/// What the routes of a request say of the exchange.
fn options(catalog: &Catalog, line: &str) -> tollgate::connector::ExchangeOptions {
    let target = super::target(line).unwrap();
    let place = catalog.locate(&target.authority, &target.path).unwrap();
    let understood =
        place
            .candidates(&target.method, &target.query)
            .understand(&tollgate::connector::Reading {
                target: &target,
                headers: &http::HeaderMap::new(),
                body: Some(b""),
                catalog,
            });
    understood.unwrap().options
}

#[test]
fn tells_what_holds_for_an_exchange() {
    let text = include_str!("../../connectors/options.yaml");
    let catalog = catalog(&[text]);
    let chat = options(&catalog, "POST https://terms.test/chat");
    assert_eq!(chat.first_byte, Some(std::time::Duration::from_secs(600)));
    assert!(!chat.passes.range && !chat.passes.cookies && chat.response_secrets.is_empty());
    let file = options(&catalog, "GET https://terms.test/files/a");
    assert!(file.passes.range && file.passes.cookies && file.reads_answer());
    assert_eq!(file.first_byte, Some(std::time::Duration::from_secs(120)));
    let upload = options(&catalog, "PUT https://terms.test/signed/a");
    assert!(upload.without_credential && !file.without_credential);
    let token = options(&catalog, "POST https://terms.test/tokens");
    assert_eq!(token.response_secrets.len(), 2);
    let mut headers = http::HeaderMap::new();
    headers.insert("content-type", "text/csv".parse().unwrap());
    let answer = file.answer_params(&headers, br#"{"name":"a.csv","size":7}"#);
    let told: Vec<String> = answer
        .iter()
        .map(|param| format!("{}={:?}", param.name, param.value.as_text()))
        .collect();
    assert_eq!(told, [r#"kind=Some("text/csv")"#, r#"name=Some("a.csv")"#]);
    // An answer that cannot be read says nothing, and refuses nothing.
    assert_eq!(
        file.answer_params(&http::HeaderMap::new(), b"<html>")
            .iter()
            .count(),
        0
    );
}

#[test]
fn one_strict_route_makes_the_exchange_strict() {
    let catalog = super::routes(
        r#"
  - { action: left, match: 'GET /a/{x}/b', range: true, cookies: pass, no_credential: true, limits: { first_byte: 5m } }
  - { action: right, match: 'GET /a/c/{y}' }
"#,
    );
    let both = options(&catalog, "GET https://api.test/a/c/b");
    assert!(!both.passes.range && !both.passes.cookies && !both.without_credential);
    assert_eq!(both.first_byte, Some(std::time::Duration::from_secs(300)));
}

#[test]
fn a_domain_takes_its_own_schemes() {
    let catalog = catalog(&[include_str!("../../connectors/shared_domain.yaml")]);
    let connector = catalog.get("shared").unwrap();
    let takes = |url: &str| {
        let target = super::target(&format!("GET https://{url}")).unwrap();
        let (authority, path) = (&target.authority, &target.path);
        let schemes = ["key", "oauth"];
        let taken = schemes.map(|scheme| connector.takes(authority, path, scheme));
        (taken, connector.is_public_at(authority, path))
    };
    assert_eq!(takes("acme.shared.test/rest/me"), ([true, true], false));
    assert_eq!(
        takes("api.shared.test/ex/1/rest/me"),
        ([false, true], false)
    );
    assert_eq!(takes("status.shared.test/rest/me"), ([false, false], true));
    assert_eq!(
        takes("a.pinned.shared.test/rest/me"),
        ([false, false], true)
    );
}

#[test]
fn a_tunnel_that_is_passed_through_is_one_special_action() {
    let catalog = catalog(&[include_str!("../../connectors/shared_domain.yaml")]);
    let passage = |host: &str| catalog.tls_passthrough(&Authority::parse(host, 443).unwrap());
    let (connector, action) = passage("a.pinned.shared.test").unwrap();
    assert_eq!(
        (connector.id(), super::describe(&action)),
        (
            "shared",
            r#"shared.tunnel.open!(host="a.pinned.shared.test:443")"#.to_owned()
        )
    );
    assert!(passage("acme.shared.test").is_none() && passage("other.test").is_none());
    let mut vocabulary = Vocabulary::default();
    catalog.describe(&mut vocabulary);
    let name = tollgate::model::action::ActionName::parse("shared.tunnel.open").unwrap();
    assert!(vocabulary.actions[&name].special);
}

#[test]
fn nobody_reads_what_is_passed_through() {
    let (_, report) = compile(&[
        &connector("one", "domains: [{ host: x.test, tls: passthrough }]"),
        &connector("two", "domains: [{ host: x.test, base_paths: [/a] }]"),
    ]);
    insta::assert_snapshot!(told(&report, Severity::Error), @"domain-conflict at 0.yaml:3:11 and 1.yaml:3:11: `x.test` on port 443 is passed through, and requests to it are read too");
}
