//! Members of a batch are classified among all connectors, by the checks of a request of its own.

use tollgate::connector::Catalog;

use super::{ask, catalog};

const SUITE: &str = r#"
connector: suite
auth: [{ id: key, fields: [token], header: { X-Key: "{token}" }, query: { key: "{token}" } }]
domains: [suite.test]
unknown_headers: pass
routes:
  - { action: batch.run, match: POST /batch, batch: "$.requests[*]", risk: low }
  - { action: me.read, match: GET /me }
  - { action: user.create, match: POST /users, params: { name: $.name } }
  - { action: user.delete, match: "DELETE /users/{user}" }
"#;

/// Has a part of the same host, which is nearer than the whole.
const ADMIN: &str = r#"
connector: admin
auth: none
domains: [suite.test]
base_paths: [/admin]
routes: [{ action: user.delete, match: "DELETE /users/{user}" }]
"#;

/// A batch of one member, as JSON has it.
fn batch(catalog: &Catalog, member: &str) -> String {
    let body = format!(r#"{{"requests":[{member}]}}"#);
    ask("POST https://suite.test/batch")
        .body(&body)
        .told(catalog)
}

#[test]
fn a_member_that_belongs_to_another_connector_refuses_the_batch() {
    let catalog = catalog(&[SUITE, ADMIN]);
    // Alone, it is the other connector's, whose policies it would get around.
    let alone = ask("DELETE https://suite.test/admin/users/7").told(&catalog);
    assert!(alone.starts_with("admin.user.delete"), "{alone}");
    let member = r#"{"method":"DELETE","path":"/admin/users/7"}"#;
    assert_eq!(batch(&catalog, member), "refused: unreadable_body");
    // But for its spelling, it is a route of the other one.
    let member = r#"{"method":"DELETE","path":"/ADMIN/users/7"}"#;
    assert_eq!(batch(&catalog, member), "refused: near_route");
    let member = r#"{"method":"DELETE","path":"/users/7"}"#;
    let own = batch(&catalog, member);
    assert!(own.contains("suite.user.delete"), "{own}");
}

#[test]
fn a_member_is_refused_for_what_a_request_is_refused_for() {
    let catalog = catalog(&[SUITE]);
    for (member, code) in [
        (
            r#"{"path":"/me","headers":{"X-HTTP-Method":"DELETE"}}"#,
            "method_override",
        ),
        (
            r#"{"path":"/me","headers":{"X-Original-URL":"/users/7"}}"#,
            "method_override",
        ),
        (r#"{"path":"/me?_method=DELETE"}"#, "method_override"),
        (
            r#"{"path":"/me","headers":{"Sudo":"root"}}"#,
            "identity_header",
        ),
        (r#"{"path":"/me?sudo=root"}"#, "identity_header"),
        (r#"{"path":"/me?__proto__=1"}"#, "ambiguous_parameter"),
        (r#"{"path":"/me/"}"#, "near_route"),
        (r#"{"path":"/me;a"}"#, "not_canonical"),
        (r#"{"path":"//me"}"#, "not_canonical"),
        (r#"{"path":"/me#x"}"#, "not_canonical"),
        (r#"{"path":"/%6de"}"#, "not_canonical"),
        (r#"{"path":"/me","method":"get"}"#, "not_canonical"),
        (
            r#"{"path":"/me","headers":{"X-Note":"a\u00a0b"}}"#,
            "not_canonical",
        ),
        (r#"{"path":"/me","method":"TRACE"}"#, "unreadable_body"),
        (
            r#"{"method":"POST","path":"/users","headers":{"Content-Type":"application/json; charset=utf-7"},"body":{"name":"a"}}"#,
            "unsupported_media",
        ),
    ] {
        assert_eq!(
            batch(&catalog, member),
            format!("refused: {code}"),
            "{member}"
        );
    }
}

#[test]
fn what_is_taken_out_of_a_request_refuses_a_batch() {
    let catalog = catalog(&[SUITE]);
    for headers in [
        // Although the connector lets every other header pass.
        r#""X-Real-Ip":"10.0.0.1""#,
        r#""X-Forwarded-Host":"admin.test""#,
        r#""Transfer-Encoding":"chunked""#,
        r#""Connection":"X-Note","X-Note":"a""#,
        r#""X_Note":"a""#,
        r#""Host":"other.test""#,
    ] {
        let member = format!(r#"{{"path":"/me","headers":{{{headers}}}}}"#);
        let told = batch(&catalog, &member);
        assert_eq!(told, "refused: undeclared_header", "{headers}");
    }
    let coded = r#"{"method":"POST","path":"/users","headers":{"Content-Encoding":"deflate"},"body":{"name":"a"}}"#;
    assert_eq!(batch(&catalog, coded), "refused: unreadable_body");
    let plain = r#"{"path":"/me","headers":{"Host":"suite.test","X-Note":"a"}}"#;
    assert_eq!(
        batch(&catalog, plain),
        "suite.batch.run() + suite.me.read()"
    );
}
