//! Places of a credential that need the whole request: cookies, paths and bodies.

use std::time::UNIX_EPOCH;

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue, Method};
use tollgate::auth::{ApplyError, Payload, RequestFacts};

use super::{compile, fields};

const FACTS: RequestFacts<'static> = RequestFacts {
    method: &Method::POST,
    host: "api.test",
    payload: Payload::Streamed,
    signed_for: None,
    now: UNIX_EPOCH,
    nonce: [0; 16],
};

fn path(template: &str, secret: &str, sent: &str) -> Result<String, ApplyError> {
    let scheme = compile(&format!("{{ id: t, fields: [k], path: '{template}' }}")).unwrap();
    let target = (&HeaderMap::new(), sent, None);
    let rewritten = scheme.rewrite(&fields(&[("k", secret)]), target, FACTS)?;
    Ok(rewritten.path.unwrap())
}

#[test]
fn a_secret_in_the_path_takes_as_many_segments_as_it_has() {
    let slack = |sent| path("/services/{k}", "T0/B0/s3cret", sent);
    assert_eq!(
        slack("/services/Tx/Bx/fake").unwrap(),
        "/services/T0/B0/s3cret"
    );
    let telegram = path("/bot{k}", "1:s3cret", "/botfake/sendMessage");
    assert_eq!(telegram.unwrap(), "/bot1:s3cret/sendMessage");
    for short in ["/services", "/services/Tx", "/services/Tx/Bx"] {
        assert!(
            matches!(slack(short), Err(ApplyError::NoPlace(_))),
            "{short}"
        );
    }
    assert!(matches!(
        slack("/workflows/Tx/Bx/fake"),
        Err(ApplyError::NoPlace(_))
    ));
}

#[test]
fn a_secret_cannot_lead_out_of_its_place_in_the_path() {
    for secret in [
        "../admin", "a//b", "a/./b", "a?b", "a#b", "a%2fb", "a b", "a\\b", "a/",
    ] {
        let error = path("/services/{k}", secret, "/services/a/b/c/d").unwrap_err();
        assert!(
            matches!(error, ApplyError::NotAPath(_)),
            "{secret}: {error}"
        );
    }
}

#[test]
fn a_cookie_joins_those_that_pass_and_replaces_the_agents_own() {
    let scheme = compile("{ id: t, fields: [k], cookie: { session: '{k}', v: '2' } }").unwrap();
    let mut headers = HeaderMap::new();
    headers.append(
        COOKIE,
        HeaderValue::from_static("a=1; session=of-the-agent;b=2"),
    );
    headers.append(COOKIE, HeaderValue::from_static("session=again"));
    let written = scheme
        .rewrite(&fields(&[("k", "s3cret")]), (&headers, "/", None), FACTS)
        .unwrap();
    let [(name, value)] = &*written.headers else {
        panic!("{:?}", written.headers)
    };
    assert_eq!(name, COOKIE);
    assert!(value.is_sensitive());
    assert_eq!(value, "a=1; b=2; session=s3cret; v=2");
    for bad in ["a; admin=1", "a,b", "a b", "\"a\""] {
        let fields = fields(&[("k", bad)]);
        assert!(
            scheme
                .rewrite(&fields, (&headers, "/", None), FACTS)
                .is_err(),
            "{bad}"
        );
    }
}

fn fill(body: &str, content_type: &str) -> Result<String, ApplyError> {
    let scheme = compile("{ id: t, fields: [k], body: { '$.auth.key': '{k}', '$.routing_key': '{k}', 'form:token': '{k}' } }").unwrap();
    let filled = scheme.fill_body(&fields(&[("k", "s3\"cret")]), content_type, body.as_bytes())?;
    Ok(String::from_utf8(filled.unwrap().to_vec()).unwrap())
}

#[test]
fn a_body_changes_only_where_the_credential_goes() {
    let json = "application/json; charset=utf-8";
    assert_eq!(
        fill(
            "{\"routing_key\" : \"fake\",  \"big\": 123456789012345678901234567890 }",
            json
        )
        .unwrap(),
        "{\"auth\":{\"key\":\"s3\\\"cret\"},\"routing_key\" : \"s3\\\"cret\",  \"big\": 123456789012345678901234567890 }"
    );
    assert_eq!(
        fill(
            "grant_type=refresh&token=fake&b=%20",
            "application/x-www-form-urlencoded"
        )
        .unwrap(),
        "grant_type=refresh&b=%20&token=s3%22cret"
    );
    for (body, content_type) in [
        ("[]", json),
        ("{\"auth\":1}", json),
        ("", json),
        ("{}", "text/plain"),
        ("{}", "multipart/form-data; boundary=x"),
    ] {
        let error = fill(body, content_type).unwrap_err();
        assert!(
            matches!(error, ApplyError::NoPlace(_)),
            "{body} {content_type}: {error}"
        );
    }
}

#[test]
fn places_that_no_request_has_are_load_errors() {
    for way in [
        "path: 'services/{k}'",
        "path: '/services/{k}/'",
        "path: '/a?b={k}'",
        "path: '/%2e/{k}'",
        "cookie: { 'a=b': '{k}' }",
        "body: { 'key': '{k}' }",
        "body: { '$..key': '{k}' }",
        "body: { '$.a[0]': '{k}' }",
        "body: { 'form:': '{k}' }",
        "sigv4: { access_key_id: '{nothing}', secret_access_key: '{k}' }",
    ] {
        let problems = compile(&format!("{{ id: t, fields: [k], {way} }}")).unwrap_err();
        assert!(problems.contains("auth-"), "{way}: {problems}");
    }
}
