//! Where a scheme puts a credential, as the text that credentials are bound to.

use super::compile;

fn placement(text: &str) -> String {
    compile(text).unwrap().placement().to_owned()
}

/// Stored credentials authenticate this text, so it may never change: a new form begins with another byte.
#[test]
fn the_first_form_is_written_for_good() {
    let text = "
id: all
fields: [token, { name: user, secret: false }]
basic: { username: '{user}', password: 'x{token}' }
header: { X-B: 'v2 {token}', x-a: '{user}\"' }
query: { 'api key': '{token}' }
env: { ACME_TOKEN: '{placeholder}' }
";
    assert_eq!(
        placement(text),
        r#"1{"fields":{"token":"secret","user":"public"},"put":{"basic:authorization":"{user}:x{token}","header:x-a":"{user}\"","header:x-b":"v2 {token}","query:api key":"{token}"}}"#
    );
    assert_eq!(
        placement("{ id: t, fields: [token], bearer: '{token}' }"),
        r#"1{"fields":{"token":"secret"},"put":{"header:authorization":"Bearer {token}"}}"#
    );
}

#[test]
fn what_sends_the_same_bytes_has_one_placement() {
    let pairs = [
        (
            "bearer: '{token}'",
            "header: { AUTHORIZATION: 'Bearer {token}' }",
        ),
        (
            "header: { X-A: '{token}', X-B: 'b' }",
            "header: { x-b: 'b', x-a: '{token}' }",
        ),
        (
            "bearer: '{token}'",
            "bearer: '{token}'\nenv: { ACME_TOKEN: '{placeholder}' }",
        ),
    ];
    for (one, other) in pairs {
        let scheme = |way: &str| placement(&format!("id: t\nfields: [token]\n{way}"));
        assert_eq!(scheme(one), scheme(other));
    }
}

#[test]
fn what_sends_other_bytes_or_elsewhere_has_another() {
    let ways = [
        "bearer: '{token}'",
        "bearer: ' {token}'",
        "bearer: '{token}{token}'",
        "basic: { username: '{token}', password: '' }",
        "basic: { username: '', password: '{token}' }",
        "basic: { username: 'a', password: 'b:{token}' }",
        "basic: { username: 'a', password: ':b{token}' }",
        "header: { Authorization: '{token}' }",
        "header: { Authorization: 'Basic {token}' }",
        "header: { X-Request-Id: '{token}' }",
        "header: { X-Request-Id: 'Bearer {token}' }",
        "query: { image_url: 'https://evil.test/c?{token}' }",
        "query: { token: '{token}' }",
        "query: { Token: '{token}' }",
        "bearer: '{token}'\nquery: { t: '{token}' }",
        "bearer: '{token}'\nheader: { X-Late: '{token}' }",
    ];
    let mut seen = std::collections::BTreeSet::new();
    for way in ways {
        let text = placement(&format!("id: t\nfields: [token]\n{way}"));
        assert!(seen.insert(text), "{way}");
    }
    let fields = ["[token]", "[token, { name: user, secret: false }]"];
    let [one, other] =
        fields.map(|fields| placement(&format!("id: t\nfields: {fields}\nbearer: '{{token}}'")));
    assert_ne!(one, other);
}

/// A release that changes one of these makes credentials unbound, and must say so in CHANGELOG.md.
#[test]
fn the_embedded_connectors_put_credentials_where_they_did() {
    let mut report = tollgate::config::diagnostic::Report::default();
    let sources = tollgate::snapshot::built_in_connectors();
    let catalog = tollgate::connector::Catalog::compile(&sources, &mut report);
    let lines: Vec<String> = catalog
        .connectors()
        .flat_map(|connector| {
            let line = |scheme: &tollgate::auth::Scheme| {
                format!("{} {}  {}", connector.id(), scheme.id, scheme.placement())
            };
            connector.schemes().iter().map(line).collect::<Vec<_>>()
        })
        .collect();
    insta::assert_snapshot!("auth_placements", lines.join("\n"));
}
