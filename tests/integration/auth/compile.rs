use insta::assert_snapshot;
use tollgate::auth::{Field, Places};

use super::compile;

const JIRA: &str = "
id: api_token
fields: [{ name: email, secret: false }, token, { name: extra }]
basic: { username: '{email}', password: '{token}' }
header: { X-Extra: '{extra}' }
query: { key: '{token}' }
env: { JIRA_API_TOKEN: '{placeholder}', JIRA_EMAIL: '<{email}>' }
";

fn problems(text: &str) -> String {
    compile(text).expect_err("it has problems")
}

#[test]
fn fields_stay_in_file_order_and_are_secret_unless_said() {
    let scheme = compile(JIRA).unwrap();
    let field = |name: &str, secret| Field {
        name: name.to_owned(),
        secret,
        optional: false,
    };
    assert_eq!(
        scheme.fields(),
        [
            field("email", false),
            field("token", true),
            field("extra", true)
        ]
    );
    assert_eq!(scheme.id, "api_token");
}

#[test]
fn places_are_where_the_scheme_writes() {
    let expected = Places {
        headers: vec!["authorization".into(), "x-extra".into()],
        query: vec!["key".into()],
        ..Places::default()
    };
    assert_eq!(compile(JIRA).unwrap().places(), expected);
}

#[test]
fn env_keeps_its_placeholders() {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let expected = [
        pair("JIRA_API_TOKEN", "{placeholder}"),
        pair("JIRA_EMAIL", "<{email}>"),
    ];
    assert_eq!(compile(JIRA).unwrap().env(), expected);
}

#[test]
fn all_problems_come_at_once_each_with_its_place() {
    let text = "
id: Bad Id
fields:
  - token
  - token
  - { name: UPPER, secret: false }
  - placeholder
  - idle
bearer: '{tokn}'
basic: { username: 'a:{token}', password: '{token' }
header:
  Host: '{token}'
  'bad header': '{token}'
  X-Late: 'é{token}'
env:
  HTTPS_PROXY: x
  ACME_TOKEN: '{token}'
";
    assert_snapshot!(problems(text), @"
    2:5 auth-id: `Bad Id` is not the id of an auth scheme (ids are `[a-z][a-z0-9_-]*`)
    5:5 auth-field: field `token` is there twice (remove one)
    6:5 auth-field: `UPPER` is not the name of a field (names are `[a-z][a-z0-9_]*`)
    7:5 auth-field: a field cannot be called `placeholder` (`env` uses this name for the secret; choose another one)
    9:9 auth-unknown-field: there is no field `tokn` (the fields are `token`, `token`, `UPPER`, `placeholder`, `idle`)
    10:43 auth-template: a `{` is not closed (a template is text and `{field}`)
    10:20 auth-template: the user name holds a `:` (RFC 7617 ends the user name at the first colon)
    12:9 auth-header: a credential cannot go into `Host`: it frames the request (name a header that the API reads)
    14:11 auth-template: a header holds visible ASCII only (remove other characters)
    13:17 auth-header: `bad header` is not a header name (see RFC 9110 section 5.1)
    10:20 auth-header: `bearer` and `basic` both write `authorization` (keep one, or make two schemes)
    17:15 auth-env: field `token` is a secret, and agents read variables (write `{placeholder}` for it)
    16:16 auth-env: `HTTPS_PROXY` cannot be set by a connector: it belongs to the gateway or the system (name the variable that the API's own SDK reads)
    16:16 auth-env: a variable holds a placeholder or a public field, not a fixed text (write `{placeholder}` or `{field}`; other variables are the operator's to set)
    7:5 auth-unused-field: secret field `placeholder` is never sent (name it in a template, remove it, or say `secret: false`)
    8:5 auth-unused-field: secret field `idle` is never sent (name it in a template, remove it, or say `secret: false`)
    ");
}

#[test]
fn hop_by_hop_and_framing_headers_are_no_place_for_a_credential() {
    let names = "Connection Keep-Alive Proxy-Authorization TE Trailer Transfer-Encoding Upgrade Host Content-Length \
                 Content-Type Content-Encoding Expect Accept-Encoding Range";
    for name in names.split_whitespace() {
        let text = problems(&format!(
            "{{ id: t, fields: [k], header: {{ {name}: '{{k}}' }} }}"
        ));
        assert!(
            text.contains("auth-header: a credential cannot go into"),
            "{name}: {text}"
        );
    }
}

#[test]
fn one_header_is_written_once() {
    assert_snapshot!(problems("{ id: t, fields: [k], header: { X-Key: '{k}', x-key: '{k}' } }"), @"1:54 auth-header: `x-key` is written twice (header names ignore case)");
    assert_snapshot!(problems("{ id: t, fields: [k], bearer: '{k}', header: { authorization: '{k}' } }"), @"1:63 auth-header: `authorization` is written twice (header names ignore case)");
    assert_snapshot!(problems("{ id: t, fields: [k], bearer: '{k}', basic: { username: u, password: '{k}' } }"), @"1:57 auth-header: `bearer` and `basic` both write `authorization` (keep one, or make two schemes)");
}

#[test]
fn a_scheme_without_a_way_or_fields_is_refused() {
    assert_snapshot!(problems("{ id: t, fields: [k] }"), @"
    1:7 auth-no-way: auth scheme `t` puts nothing on (add `bearer`, `basic`, `header`, `query`, `cookie`, `path`, `body`, `sigv4` or `hmac`)
    1:19 auth-unused-field: secret field `k` is never sent (name it in a template, remove it, or say `secret: false`)
    ");
    assert_snapshot!(problems("{ id: t, fields: [], header: {} }"), @"
    1:7 auth-field: auth scheme `t` has no fields (list the fields of a credential: `fields: [token]`)
    1:7 auth-no-way: auth scheme `t` puts nothing on (add `bearer`, `basic`, `header`, `query`, `cookie`, `path`, `body`, `sigv4` or `hmac`)
    ");
}

#[test]
fn braces_hold_a_field_name_and_nothing_else() {
    for (template, message) in [
        ("{k", "a `{` is not closed"),
        ("k}{k}", "a `}` has no `{` before it"),
        ("{}{k}", "`{` and `}` must enclose the name of a field"),
        ("{{k}}", "`{` and `}` must enclose the name of a field"),
        ("{k | upper}", "there is no field `k | upper`"),
        ("{k}\\n", "the template holds a control character"),
    ] {
        let text = problems(&format!("{{ id: t, fields: [k], bearer: \"{template}\" }}"));
        assert!(text.contains(message), "{template}: {text}");
    }
}

#[test]
fn unknown_keys_and_wrong_shapes_are_yaml_problems_with_their_place() {
    for text in [
        "{ id: t, fields: [k], bearer: '{k}', cookie: x }",
        "{ id: t, fields: [{ name: k, secert: false }], bearer: '{k}' }",
        "{ id: t, fields: [[k]], bearer: '{k}' }",
        "{ id: t, fields: [k], basic: { username: '{k}' } }",
    ] {
        let text = problems(text);
        assert!(text.starts_with("1:"), "{text}");
    }
}

#[test]
fn the_schema_knows_both_forms_of_a_field() {
    let schema = schemars::schema_for!(tollgate::auth::SchemeManifest).to_value();
    let forms = &schema["$defs"]["FieldManifest"]["anyOf"];
    assert_eq!(forms.as_array().map(Vec::len), Some(2), "{schema:#}");
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["required"], serde_json::json!(["id", "fields"]));
}

#[test]
fn a_secret_does_not_become_part_of_the_url_that_a_person_opens() {
    let scheme = |grant: &str| {
        format!(
            "
id: login
fields: [{{ name: client_id, secret: false }}, client_secret, refresh_token, api_key]
oauth2:
  grant: {grant}
  token_url: https://auth.test/token
  authorize_url: https://auth.test/authorize
  params: {{ app: '{{client_id}}', key: 'x{{api_key}}' }}
"
        )
    };
    assert_snapshot!(problems(&scheme("authorization_code")), @"8:38 auth-oauth2: secret field `api_key` would stand in a URL (`params` are part of the URL that `credential add --oauth` prints and a browser opens: name fields with `secret: false` only)");
    assert!(compile(&scheme("refresh_token")).is_ok());
}
