//! Schemes that mint: what compiles, what credentials are bound to, and what is asked and signed.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{ECDSA_P256_SHA256_FIXED, ED25519, UnparsedPublicKey};
use ring::{hmac, signature};
use serde_json::json;
use tollgate::auth::{Fields, MintInput, MintStep, TokenAnswer};

use super::{compile, fields};

const NOW: Duration = Duration::from_secs(1_700_000_000);

fn input(fields: &Fields) -> MintInput<'_> {
    MintInput {
        fields,
        slot: "",
        now: SystemTime::UNIX_EPOCH + NOW,
        nonce: [7; 16],
    }
}

fn oauth2(rest: &str) -> String {
    format!(
        "id: o\nfields: [{{ name: client_id, secret: false }}, client_secret]\noauth2: {{ grant: client_credentials, {rest} }}"
    )
}

/// Each leads a credential's bytes elsewhere, or asks for something else with them.
#[test]
fn whatever_changes_what_is_sent_where_changes_the_placement() {
    let url = "token_url: 'https://a.test/t'";
    let schemes = [
        oauth2(url),
        oauth2("token_url: 'https://a.test/u'"),
        oauth2("token_url: 'https://b.test/t'"),
        oauth2("token_url: 'https://{client_id}.a.test/t'"),
        oauth2(&format!("{url}, client_auth: post")),
        oauth2(&format!("{url}, scopes: [all]")),
        oauth2(&format!("{url}, params: {{ audience: b }}")),
        oauth2(&format!(
            "{url}, params: {{ audience: '{{client_secret}}' }}"
        )),
        oauth2(&format!(
            "{url}, then: {{ header: {{ X-A: '{{access_token}}' }} }}"
        )),
        oauth2(&format!(
            "{url}, then: {{ query: {{ a: '{{access_token}}' }} }}"
        )),
    ];
    let mut seen = std::collections::BTreeSet::new();
    for scheme in schemes {
        let placement = compile(&scheme).unwrap().placement().to_owned();
        assert!(placement.starts_with('2'), "{placement}");
        assert!(seen.insert(placement), "{scheme}");
    }
}

/// Stored credentials authenticate this text, so it may never change.
#[test]
fn the_second_form_is_written_for_good() {
    let scheme = compile(&oauth2("token_url: 'https://a.test/t', scopes: [x]")).unwrap();
    assert_eq!(
        scheme.placement(),
        r#"2{"fields":{"client_id":"public","client_secret":"secret"},"put":{"header:authorization":"Bearer {access_token}"},"mint":{"oauth2":{"grant":"client_credentials","token_url":"https://a.test/t","authorize_url":null,"device_url":null,"scopes":["x"],"client_auth":"basic","params":{},"jwt":null}}}"#
    );
}

#[test]
fn what_cannot_be_minted_is_told() {
    let exchange = |rest: &str| format!("id: e\nfields: [key]\nexchange: {{ {rest} }}");
    for (scheme, told) in [
        (oauth2("token_url: 'http://a.test/t'"), "HTTPS"),
        (oauth2("token_url: 'https://user@a.test/t'"), "HTTPS"),
        (oauth2("token_url: 'https://a.test/{client_secret}'"), "is a secret"),
        (oauth2("token_url: 'https://a.test/{nobody}'"), "no field `nobody`"),
        (oauth2("token_url: 'https://a.test/t', params: { grant_type: x }"), "writes `grant_type` itself"),
        (oauth2("token_url: 'https://a.test/t', scopes: ['a b']"), "is not a scope"),
        (oauth2("token_url: 'https://a.test/t', then: { header: { X-A: a } }"), "does not put"),
        (oauth2("token_url: 'https://a.test/t' }\nbearer: '{client_secret}'\nenv: {"), "two ways"),
        ("id: r\nfields: [refresh_token]\noauth2: { grant: refresh_token, token_url: 'https://a.test/t' }".to_owned(), "`client_id` is missing"),
        ("id: d\nfields: [refresh_token]\noauth2: { grant: device_code, client_auth: none, token_url: 'https://a.test/t' }".to_owned(), "`device_url` is missing"),
        ("id: j\nfields: [a]\noauth2: { grant: jwt_bearer, token_url: 'https://a.test/t', params: { a: '{a}' } }".to_owned(), "do not fit"),
        (exchange("request: POST https://a.test/l, token: $.t"), "never sent"),
        (exchange("request: DELETE https://a.test/l, token: $.t, form: { k: '{key}' }"), "no request"),
        (exchange("request: POST https://a.test/l, token: $..t, form: { k: '{key}' }"), "path to one value"),
        (exchange("request: POST https://a.test/l, token: $.t, form: { k: '{key}' }, json: { k: '{key}' }"), "both there"),
        ("id: j\nfields: [key]\njwt: { alg: HS256, key: '{key}', lifetime: 2d }".to_owned(), "1m to 24h"),
        ("id: j\nfields: [token]\njwt: { alg: HS256, key: '{token}' }".to_owned(), "name of what is minted"),
    ] {
        let problems = compile(&scheme).expect_err(&scheme);
        assert!(problems.contains(told), "{scheme}\n{problems}");
    }
}

#[test]
fn a_public_field_cannot_move_a_url() {
    let scheme = compile(&oauth2("token_url: 'https://{client_id}.a.test/t'")).unwrap();
    let urls = |id: &str| scheme.mint_urls(&BTreeMap::from([("client_id".into(), id.into())]));
    assert_eq!(urls("acme").unwrap(), ["https://acme.a.test/t"]);
    for evil in [
        "evil.test/",
        "evil.test#",
        "evil.test?",
        "a@evil.test",
        "a:1",
        "",
        ".",
        "..",
        "a..b",
        "a b",
        "ä",
        "%2e",
    ] {
        assert!(urls(evil).is_err(), "{evil}");
    }
}

/// Signs a token by a scheme, and returns what was signed and the signature.
fn signed(alg: &str, key: &str) -> (String, Vec<u8>) {
    let scheme = format!(
        "id: j\nfields: [key]\njwt: {{ alg: {alg}, key: '{{key}}', claims: {{ iss: me }} }}"
    );
    let scheme = compile(&scheme).unwrap();
    let fields = fields(&[("key", key)]);
    let Some(MintStep::Minted(minted)) = scheme.mint(input(&fields)).unwrap() else {
        panic!("nothing is asked for");
    };
    let token = minted.token.fields()["token"].expose().to_vec();
    let token = String::from_utf8(token).unwrap();
    let (message, signature) = token.rsplit_once('.').unwrap();
    let claims = message.split_once('.').unwrap().1;
    let claims: serde_json::Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    let made = NOW.as_secs() - 30;
    let nonce = URL_SAFE_NO_PAD.encode([7; 16]);
    assert_eq!(
        claims,
        json!({ "iat": made, "exp": made + 300, "jti": nonce, "iss": "me" })
    );
    (
        message.to_owned(),
        URL_SAFE_NO_PAD.decode(signature).unwrap(),
    )
}

#[test]
fn each_algorithm_signs_what_its_key_verifies() {
    let secret = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    for (name, algorithm) in [
        ("HS256", hmac::HMAC_SHA256),
        ("HS384", hmac::HMAC_SHA384),
        ("HS512", hmac::HMAC_SHA512),
    ] {
        let (message, signature) = signed(name, secret);
        hmac::verify(
            &hmac::Key::new(algorithm, secret.as_bytes()),
            message.as_bytes(),
            &signature,
        )
        .unwrap();
    }
    let pairs: [(
        &str,
        &rcgen::SignatureAlgorithm,
        &dyn signature::VerificationAlgorithm,
    ); 3] = [
        (
            "ES256",
            &rcgen::PKCS_ECDSA_P256_SHA256,
            &ECDSA_P256_SHA256_FIXED,
        ),
        (
            "ES384",
            &rcgen::PKCS_ECDSA_P384_SHA384,
            &signature::ECDSA_P384_SHA384_FIXED,
        ),
        ("EdDSA", &rcgen::PKCS_ED25519, &ED25519),
    ];
    for (name, made, algorithm) in pairs {
        let pair = rcgen::KeyPair::generate_for(made).unwrap();
        for key in [
            pair.serialize_pem(),
            pair.serialize_pem().replace('\n', "\\n"),
        ] {
            let (message, signature) = signed(name, &key);
            let public = UnparsedPublicKey::new(algorithm, pair.public_key_raw());
            public.verify(message.as_bytes(), &signature).unwrap();
        }
    }
}

#[test]
fn a_key_that_does_not_fit_signs_nothing_and_is_not_shown() {
    let es256 = rcgen::KeyPair::generate().unwrap().serialize_pem();
    for (alg, key) in [
        ("HS256", "too-short-a-secret"),
        ("RS256", &*es256),
        ("EdDSA", &*es256),
        ("ES384", &*es256),
        ("ES256", "no-pem-at-all"),
    ] {
        let scheme = format!("id: j\nfields: [key]\njwt: {{ alg: {alg}, key: '{{key}}' }}");
        let scheme = compile(&scheme).unwrap();
        let fields = fields(&[("key", key)]);
        let error = scheme.mint(input(&fields)).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(
            shown.contains("private key") && !shown.contains(&key[..8]),
            "{alg}: {shown}"
        );
    }
}

#[test]
fn an_error_of_the_endpoint_is_told_by_its_code_alone() {
    let scheme = compile(&oauth2("token_url: 'https://a.test/t'")).unwrap();
    let fields = fields(&[("client_id", "me"), ("client_secret", "s3cret-s3cret")]);
    let Some(MintStep::Ask(request, stage)) = scheme.mint(input(&fields)).unwrap() else {
        panic!("a token is asked for");
    };
    assert!(!format!("{request:?}").contains("s3cret"));
    for (body, told) in [
        (
            json!({ "error": "invalid_client", "error_description": "s3cret" }),
            "the token endpoint answers 400 invalid_client",
        ),
        (
            json!({ "error": "s3cret\nforged line" }),
            "the token endpoint answers 400 ",
        ),
        (json!(["s3cret"]), "the token endpoint answers 400 "),
    ] {
        let answer = TokenAnswer {
            status: 400,
            headers: http::HeaderMap::new(),
            body: body.to_string().into_bytes().into(),
        };
        let error = scheme
            .mint_next(input(&fields), &stage, &answer)
            .unwrap_err();
        assert_eq!(error.to_string(), told);
    }
}
