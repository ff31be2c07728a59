use http::{HeaderMap, HeaderValue, Method};
use insta::assert_snapshot;
use proptest::prelude::*;
use tollgate::auth::{ApplyError, Outgoing, Payload, RequestFacts};
use tollgate::model::target::Query;

use super::{compile, fields};

fn outgoing<'a>(
    headers: &'a mut HeaderMap,
    query: &'a mut Option<String>,
    path: &'a mut String,
) -> Outgoing<'a> {
    let request = RequestFacts {
        method: &Method::GET,
        host: "api.test",
        payload: Payload::Streamed,
        signed_for: None,
        now: std::time::UNIX_EPOCH,
        nonce: [0; 16],
    };
    Outgoing {
        headers,
        query,
        path,
        request,
    }
}

/// Applies a scheme to a request with an agent's own headers; returns headers, one per line, and the query.
#[test]
fn nothing_that_is_printed_shows_what_was_put_on() {
    let scheme = "{ id: t, fields: [k], header: { X-Key: '{k}' }, query: { key: '{k}' } }";
    let scheme = compile(scheme).expect("the scheme is good");
    let mut headers = HeaderMap::new();
    let mut query = None;
    let mut path = String::from("/");
    let mut outgoing = outgoing(&mut headers, &mut query, &mut path);
    scheme
        .apply(&fields(&[("k", "hidden-secret")]), &mut outgoing)
        .expect("it can be put on");
    assert!(!format!("{outgoing:?}").contains("hidden"));
    assert_eq!(query.as_deref(), Some("key=hidden-secret"));
    assert!(!format!("{headers:?}").contains("hidden"), "{headers:?}");
}

fn apply(
    scheme: &str,
    credential: &[(&str, &str)],
    query: Option<&str>,
) -> Result<String, ApplyError> {
    let scheme = compile(scheme).expect("the scheme is good");
    let mut headers = HeaderMap::new();
    headers.append(
        "authorization",
        HeaderValue::from_static("Bearer of-the-agent"),
    );
    headers.append(
        "authorization",
        HeaderValue::from_static("Basic of-the-agent"),
    );
    let mut query = query.map(str::to_owned);
    scheme.apply(
        &fields(credential),
        &mut outgoing(&mut headers, &mut query, &mut String::from("/")),
    )?;
    let lines: Vec<String> = headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().expect("ASCII")))
        .collect();
    Ok(format!(
        "{} ?{}",
        lines.join(" | "),
        query.unwrap_or_default()
    ))
}

#[test]
fn a_bearer_token_replaces_every_authorization_of_the_agent() {
    let sent = apply(
        "{ id: t, fields: [access_token], bearer: '{access_token}' }",
        &[("access_token", "s3cret")],
        None,
    );
    assert_snapshot!(sent.unwrap(), @"authorization: Bearer s3cret ?");
}

#[test]
fn basic_is_base64_of_name_and_password() {
    let scheme = "{ id: t, fields: [{ name: email, secret: false }, token], basic: { username: '{email}', password: '{token}' } }";
    let sent = apply(
        scheme,
        &[("email", "Aladdin"), ("token", "open sesame")],
        None,
    );
    assert_snapshot!(sent.unwrap(), @"authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ== ?");
}

#[test]
fn basic_takes_a_literal_name_an_empty_password_and_utf8() {
    let scheme = "{ id: t, fields: [key], basic: { username: '{key}', password: '' } }";
    assert_snapshot!(apply(scheme, &[("key", "sk_live")], None).unwrap(), @"authorization: Basic c2tfbGl2ZTo= ?");
    let scheme = "{ id: t, fields: [key], basic: { username: x-token, password: '{key}' } }";
    assert_snapshot!(apply(scheme, &[("key", "ü")], None).unwrap(), @"authorization: Basic eC10b2tlbjrDvA== ?");
}

#[test]
fn a_colon_cannot_move_the_end_of_the_user_name() {
    let scheme = "{ id: t, fields: [name, key], basic: { username: '{name}', password: '{key}' } }";
    let error = apply(scheme, &[("name", "a:b"), ("key", "k")], None).unwrap_err();
    assert_snapshot!(error, @"field `name` cannot be written into a header");
}

#[test]
fn headers_of_the_api_are_all_written() {
    let scheme = "{ id: t, fields: [key, app], header: { DD-API-KEY: '{key}', Authorization: 'Token app={app}, v=1' } }";
    let sent = apply(scheme, &[("key", "k1"), ("app", "a1")], None);
    assert_snapshot!(sent.unwrap(), @"authorization: Token app=a1, v=1 | dd-api-key: k1 ?");
}

#[test]
fn header_values_are_marked_sensitive() {
    for way in [
        "bearer: '{k}'",
        "basic: { username: u, password: '{k}' }",
        "header: { X-Key: '{k}' }",
    ] {
        let scheme = compile(&format!("{{ id: t, fields: [k], {way} }}")).unwrap();
        let (mut headers, mut query) = (HeaderMap::new(), None);
        scheme
            .apply(
                &fields(&[("k", "s3cret")]),
                &mut outgoing(&mut headers, &mut query, &mut String::from("/")),
            )
            .unwrap();
        assert!(headers.values().all(HeaderValue::is_sensitive), "{way}");
        assert!(!format!("{headers:?}").contains("s3cret"), "{way}");
    }
}

#[test]
fn a_query_key_replaces_every_spelling_of_its_name_and_nothing_else() {
    let scheme = "{ id: t, fields: [k], query: { api key: 'v {k}' } }";
    let check = |query, expected| {
        assert_eq!(
            apply(scheme, &[("k", "a/b&c=d+ü")], query)
                .unwrap()
                .split_once('?')
                .unwrap()
                .1,
            expected
        )
    };
    let pair = "api%20key=v%20a%2Fb%26c%3Dd%2B%C3%BC";
    check(None, pair.to_owned());
    check(Some(""), pair.to_owned());
    check(
        Some("api+key=mine&api%20key=mine&%61pi%20key&api%20key=2"),
        pair.to_owned(),
    );
    check(
        Some("a=1&api+key=mine&b=%zz&API+key=2&c"),
        format!("a=1&b=%zz&API+key=2&c&{pair}"),
    );
}

#[test]
fn one_scheme_can_write_in_several_ways() {
    let scheme = "{ id: t, fields: [k, s], bearer: '{k}', header: { X-S: '{s}' }, query: { b: '{k}', a: '{s}' } }";
    let sent = apply(scheme, &[("k", "1"), ("s", "2")], Some("a=0&c=3"));
    assert_snapshot!(sent.unwrap(), @"authorization: Bearer 1 | x-s: 2 ?c=3&a=2&b=1");
}

#[test]
fn control_characters_are_refused_wherever_they_would_go() {
    for way in [
        "bearer: '{k}'",
        "basic: { username: u, password: '{k}' }",
        "header: { X: '{k}' }",
        "query: { q: '{k}' }",
    ] {
        for value in ["a\r\nHost: evil", "a\n", "\0", "a\tb", "\u{7f}"] {
            let error = apply(
                &format!("{{ id: t, fields: [k], {way} }}"),
                &[("k", value)],
                None,
            )
            .unwrap_err();
            assert!(
                matches!(error, ApplyError::NotAHeaderValue(field) if field == "k"),
                "{way} {value:?}"
            );
        }
    }
}

#[test]
fn a_missing_field_is_named() {
    let error = apply(
        "{ id: t, fields: [k, s], bearer: '{k}{s}' }",
        &[("k", "v")],
        None,
    )
    .unwrap_err();
    assert_snapshot!(error, @"the credential has no field `s`");
}

proptest! {
    #[test]
    fn what_is_put_into_a_query_is_read_back_by_our_own_reader(value in "[^\\x00-\\x1f\\x7f]{0,40}", name in "[a-zA-Z+/]([a-zA-Z+/ ]{0,6}[a-zA-Z+/])?") {
        let scheme = compile(&format!("{{ id: t, fields: [k], query: {{ '{name}': '{{k}}' }} }}")).unwrap();
        let (mut headers, mut query) = (HeaderMap::new(), Some("a=%26&b".to_owned()));
        scheme.apply(&fields(&[("k", &value)]), &mut outgoing(&mut headers, &mut query, &mut String::from("/"))).unwrap();
        let read = Query::parse(query.as_deref()).expect("canonical");
        prop_assert_eq!(read.all(&name).collect::<Vec<_>>(), [value.as_str()]);
    }
}
