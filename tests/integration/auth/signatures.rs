//! Schemes that sign: Signature Version 4 against AWS's own test suite, keyed hashes against published examples.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value as Json;
use tollgate::auth::{ApplyError, Fields, Payload, RequestFacts, Rewritten, SigningScope};

use super::{compile, fields};

/// From the test suite of `awslabs/aws-c-auth` v0.9.0 (Apache-2.0), as the crate `aws-sigv4` ships it. Left out are the requests
/// that no canonical target spells, those that sign headers which the gateway does not sign, and one whose path is encoded once,
/// as only S3 wants it.
const VECTORS: &str = include_str!("sigv4-vectors.json");

const KEYS: [(&str, &str); 2] = [
    ("id", "AKIAIOSFODNN7EXAMPLE"),
    ("secret", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
];

/// A request to sign.
struct Asked<'r> {
    method: &'r str,
    target: &'r str,
    host: &'r str,
    headers: &'r [(&'r str, &'r str)],
    payload: Payload<'r>,
    at: SystemTime,
}

fn rewrite(scheme: &str, credential: &Fields, asked: &Asked<'_>) -> Result<Rewritten, ApplyError> {
    let scheme = compile(scheme).expect("the scheme is good");
    let pairs = asked.headers.iter().map(|(name, value)| {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        (name, HeaderValue::from_str(value).unwrap())
    });
    let headers: HeaderMap = pairs.collect();
    let (path, query) = match asked.target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (asked.target, None),
    };
    let signed_for = SigningScope::of(&headers, query);
    let request = RequestFacts {
        method: &asked.method.parse::<Method>().unwrap(),
        host: asked.host,
        payload: asked.payload,
        signed_for: signed_for.as_ref(),
        now: asked.at,
        nonce: [7; 16],
    };
    scheme.rewrite(credential, (&headers, path, query), request)
}

fn header<'r>(rewritten: &'r Rewritten, name: &str) -> Option<&'r str> {
    let mut headers = rewritten.headers.iter();
    let (_, value) = headers.find(|(known, _)| known == name)?;
    Some(value.to_str().unwrap())
}

fn moment(text: &str) -> SystemTime {
    let format = &time::format_description::well_known::Rfc3339;
    time::OffsetDateTime::parse(text, format).unwrap().into()
}

#[test]
fn signatures_are_those_of_the_published_suite_in_header_and_query() {
    let vectors: Vec<Json> = serde_json::from_str(VECTORS).unwrap();
    assert_eq!(vectors.len(), 19);
    for vector in &vectors {
        let text = |pointer: &str| vector.pointer(pointer).and_then(Json::as_str);
        let request = text("/request").unwrap();
        let (head, body) = request.split_once("\n\n").unwrap_or((request, ""));
        let mut lines = head.lines();
        let mut line = lines.next().unwrap().split(' ');
        let (method, target) = (line.next().unwrap(), line.next().unwrap());
        let headers: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(':')).collect();
        let mut credential = fields(&[
            ("id", text("/context/credentials/access_key_id").unwrap()),
            (
                "secret",
                text("/context/credentials/secret_access_key").unwrap(),
            ),
        ]);
        if let Some(token) = text("/context/credentials/token") {
            credential.extend(fields(&[("token", token)]));
        }
        for (place, wanted) in [("header", text("/header")), ("query", text("/query"))] {
            let Some(wanted) = wanted else { continue };
            let scheme = format!(
                "{{ id: t, fields: [id, secret, {{ name: token, optional: true }}], sigv4: {{ access_key_id: '{{id}}', secret_access_key: '{{secret}}', session_token: '{{token}}', service: service, region: us-east-1, in: {place} }} }}"
            );
            let asked = Asked {
                method,
                target,
                host: "example.amazonaws.com",
                headers: &headers,
                payload: Payload::Whole(body.trim_end().as_bytes()),
                at: moment(text("/context/timestamp").unwrap()),
            };
            let signed = rewrite(&scheme, &credential, &asked).unwrap();
            let found = match place {
                "header" => header(&signed, "authorization").unwrap(),
                _ => signed.query.as_deref().unwrap(),
            };
            let name = text("/name").unwrap();
            assert!(
                found.contains(&format!("ignature={wanted}")),
                "{name} {place}: {found}"
            );
        }
    }
}

const S3: &str = "{ id: t, fields: [id, secret], sigv4: { access_key_id: '{id}', secret_access_key: '{secret}' } }";

fn s3(
    target: &str,
    headers: &[(&str, &str)],
    payload: Payload<'_>,
) -> Result<Rewritten, ApplyError> {
    let asked = Asked {
        method: "GET",
        target,
        host: "examplebucket.s3.amazonaws.com",
        headers,
        payload,
        at: moment("2013-05-24T00:00:00Z"),
    };
    rewrite(S3, &fields(&KEYS), &asked)
}

/// "Authenticating Requests: Using the Authorization Header", Amazon S3 API Reference.
#[test]
fn s3_is_signed_as_its_documentation_does_for_the_service_and_region_of_the_host() {
    for (target, signature) in [
        (
            "/?lifecycle",
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        ),
        (
            "/?max-keys=2&prefix=J",
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ] {
        let signed = s3(target, &[], Payload::Whole(b"")).unwrap();
        let authorization = header(&signed, "authorization").unwrap();
        assert!(
            authorization.ends_with(&format!("Signature={signature}")),
            "{authorization}"
        );
        assert!(
            authorization.contains("/20130524/us-east-1/s3/aws4_request"),
            "{authorization}"
        );
    }
}

#[test]
fn a_body_that_passes_unread_is_signed_as_unsigned_or_by_the_hash_that_the_client_says() {
    let unsigned = s3("/key", &[], Payload::Streamed).unwrap();
    assert_eq!(
        header(&unsigned, "x-amz-content-sha256"),
        Some("UNSIGNED-PAYLOAD")
    );
    let trailer = [("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")];
    let signed = s3("/key", &trailer, Payload::Streamed).unwrap();
    assert_eq!(header(&signed, "x-amz-content-sha256"), Some(trailer[0].1));
    let hash = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072";
    let signed = s3("/key", &[("x-amz-content-sha256", hash)], Payload::Streamed).unwrap();
    assert_eq!(header(&signed, "x-amz-content-sha256"), Some(hash));
}

#[test]
fn chunks_that_the_client_signed_itself_are_refused() {
    let said = [("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD")];
    let error = s3("/key", &said, Payload::Streamed).unwrap_err();
    insta::assert_snapshot!(error, @"the request cannot be signed: its chunks are signed one by one with the client's own key; send the body unsigned or whole");
}

#[test]
fn the_clients_own_signature_says_the_service_but_not_another_region_than_the_host() {
    let scope = |host: &str, credential: &str| {
        let header =
            format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=00");
        let asked = Asked {
            method: "POST",
            target: "/",
            host,
            headers: &[("authorization", &header)],
            payload: Payload::Whole(b"{}"),
            at: UNIX_EPOCH + Duration::from_secs(1_700_000_000),
        };
        let signed = rewrite(S3, &fields(&KEYS), &asked)?;
        let text = header_of(&signed).to_owned();
        assert!(!text.contains("AKIDAGENT"), "{text}");
        let scope = text.split_once("/20231114/").unwrap().1;
        Ok::<_, ApplyError>(scope.split(',').next().unwrap().to_owned())
    };
    let host = "email.eu-west-1.amazonaws.com";
    let of = |region: &str| format!("AKIDAGENT/20231114/{region}/ses/aws4_request");
    assert_eq!(
        scope(host, &of("eu-west-1")).unwrap(),
        "eu-west-1/ses/aws4_request"
    );
    assert_eq!(
        scope(host, &of("us-east-1")).unwrap(),
        "eu-west-1/email/aws4_request"
    );
    assert_eq!(
        scope("minio.internal", &of("home")).unwrap(),
        "home/ses/aws4_request"
    );
    let error = scope("minio.internal", "AKIDAGENT/x/y").unwrap_err();
    insta::assert_snapshot!(error, @"the request cannot be signed: neither its host nor its own signature names a service and a region");
}

fn header_of(rewritten: &Rewritten) -> &str {
    header(rewritten, "authorization").unwrap()
}

/// RFC 4231 section 4.3: key `Jefe`, data `what do ya want for nothing?`.
#[test]
fn a_keyed_hash_is_that_of_rfc_4231_in_each_encoding() {
    let sign = |how: &str, key: &str| {
        let scheme = format!(
            "{{ id: t, fields: [secret], hmac: {{ {how}, key: '{{secret}}', over: 'what do {{body}} for nothing?', header: {{ X-Sig: 'v1={{signature}}' }} }} }}"
        );
        let asked = Asked {
            method: "POST",
            target: "/",
            host: "api.test",
            headers: &[],
            payload: Payload::Whole(b"ya want"),
            at: UNIX_EPOCH,
        };
        let signed = rewrite(&scheme, &fields(&[("secret", key)]), &asked).unwrap();
        header(&signed, "x-sig").unwrap().to_owned()
    };
    let hex = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    assert_eq!(sign("alg: sha256", "Jefe"), format!("v1={hex}"));
    assert_eq!(
        sign("alg: sha256, key_encoding: base64", "SmVmZQ=="),
        format!("v1={hex}")
    );
    assert_eq!(
        sign("alg: sha256, key_encoding: hex", "4a656665"),
        format!("v1={hex}")
    );
    let base64 = "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=";
    assert_eq!(
        sign("alg: sha256, encoding: base64", "Jefe"),
        format!("v1={base64}")
    );
    let sha1 = "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79";
    assert_eq!(sign("alg: sha1", "Jefe"), format!("v1={sha1}"));
    let sha512 = "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737";
    assert_eq!(sign("alg: sha512", "Jefe"), format!("v1={sha512}"));
}

#[test]
fn what_is_signed_is_the_request_as_it_is_sent() {
    let scheme = "
id: t
fields: [secret, { name: app, secret: false }]
hmac:
  alg: sha256
  key: '{secret}'
  over: '{method} {host} {path} [{query}] {target} {timestamp} {timestamp_ms} {iso8601} {nonce} {app} {body_sha256}'
  header: { X-Nonce: '{nonce}' }
  query: { timestamp: '{timestamp_ms}', signature: '{signature}' }
";
    let asked = Asked {
        method: "GET",
        target: "/v1/orders?a=1&signature=of-the-agent&timestamp=1",
        host: "api.test",
        headers: &[],
        payload: Payload::Whole(b""),
        at: UNIX_EPOCH + Duration::from_millis(1_700_000_000_123),
    };
    let signed = rewrite(
        scheme,
        &fields(&[("secret", "hidden-secret"), ("app", "a7")]),
        &asked,
    )
    .unwrap();
    let nonce = "07".repeat(16);
    assert_eq!(header(&signed, "x-nonce"), Some(&*nonce));
    let query = "a=1&timestamp=1700000000123";
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let over = format!(
        "GET api.test /v1/orders [{query}] /v1/orders?{query} 1700000000 1700000000123 2023-11-14T22:13:20Z {nonce} a7 {empty}"
    );
    let expected = keyed_sha256(b"hidden-secret", over.as_bytes());
    assert_eq!(
        signed.query.as_deref(),
        Some(&*format!("{query}&signature={expected}"))
    );
}

/// HMAC written out by its definition, RFC 2104 section 2, for keys of at most a block.
fn keyed_sha256(key: &[u8], over: &[u8]) -> String {
    use sha2::{Digest as _, Sha256};
    let mut block = [0_u8; 64];
    block[..key.len()].copy_from_slice(key);
    let pad = |with: u8| block.map(|byte| byte ^ with).to_vec();
    let inner = Sha256::digest([pad(0x36), over.to_vec()].concat());
    let outer = Sha256::digest([pad(0x5c), inner.to_vec()].concat());
    outer.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_signature_that_is_never_sent_or_names_nothing_known_is_a_load_error() {
    let hmac = |over: &str, header: &str| {
        compile(&format!("{{ id: t, fields: [secret], hmac: {{ alg: sha256, key: '{{secret}}', over: '{over}', header: {{ X-Sig: '{header}' }} }} }}")).unwrap_err()
    };
    let never = hmac("{body}", "{timestamp}");
    assert!(never.contains("the signature is never sent"), "{never}");
    for (over, name) in [("{bodies}", "bodies"), ("{signature}", "signature")] {
        let unknown = hmac(over, "{signature}");
        let message = format!("there is no field `{name}`");
        assert!(unknown.contains(&message), "{unknown}");
    }
}
