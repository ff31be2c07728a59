//! What an operator is shown before saying yes: all that will be sent, secrets left out, and what is not shown in full not approved
//! unseen.

use http::{HeaderName, HeaderValue, Method};
use serde_json::{Value as Json, json};
use tollgate::approval::{ApprovalVerdict, ResolveError};
use tollgate::pipeline::judge;

use super::rig::{Rig, Whole};

const CONNECTOR: &str = "
connector: api
name: Test API
version: 1
domains: [api.test]
auth: none
defaults: { risk: { GET: low, POST: low } }
routes:
  - { action: item.get, match: 'GET /items/{item}', params: { pin: { from: 'query:pin', secret: true } } }
  - { action: pull.make, match: POST /pulls, params: { title: $.title, key: { from: $.key, secret: true, fold: lower }, pin: { from: $.pin, secret: true } } }
  - { action: form.send, match: POST /form, body: form, params: { name: 'form:name', key: { from: 'form:key', secret: true } } }
  - { action: blob.put, match: POST /blob, body: none }
";

const ASKING: &str = "permissions: [{ agents: ['*'], connector: api, access: ask }]";

/// Returns the card of a request that waits.
async fn card(path: &str, body: &[u8], headers: &[(&'static str, &str)]) -> (Rig, Json, String) {
    let rig = Rig::new(super::rig::ALLOWING).await;
    rig.swap(CONNECTOR, ASKING);
    let method = if body.is_empty() {
        Method::GET
    } else {
        Method::POST
    };
    let (path, query) = match path.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (path, None),
    };
    let mut head = rig.head("ci", method, path);
    head.query = query;
    for (name, value) in headers {
        let name = HeaderName::from_static(name);
        head.headers
            .append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    let gateway = std::sync::Arc::clone(&rig.gateway);
    let mut body = Whole(body.to_vec().into());
    tokio::spawn(async move { judge(&gateway, head, &mut body).await.map(|_| ()) });
    let approval = rig.waiting(1).await.remove(0);
    (rig, serde_json::to_value(&approval).unwrap(), approval.id)
}

fn approve(rig: &Rig, id: &str, opened: Option<&str>) -> Result<(), ResolveError> {
    let approvals = &rig.gateway.dependencies().approvals;
    approvals
        .resolve(id, ApprovalVerdict::Approve, ("ada", opened))
        .map(|_| ())
}

#[tokio::test]
async fn a_card_shows_keys_that_no_parameter_reads_and_every_header() {
    let body = br#"{"title":"x","base":"evil","collaborators":["mallory",1.50]}"#;
    let headers = [
        ("accept", "application/json"),
        ("x-request-id", "volatile"),
        ("authorization", "Bearer agents-own"),
    ];
    let (rig, card, id) = card("/pulls", body, &headers).await;
    assert_eq!(
        card["body"],
        json!(
            "{\n  \"title\": \"x\",\n  \"base\": \"evil\",\n  \"collaborators\": [\n    \"mallory\",\n    1.50\n  ]\n}"
        )
    );
    let shown = card["headers"].to_string();
    assert!(
        shown.contains(r#"["accept","application/json"]"#),
        "{shown}"
    );
    assert!(
        !shown.contains("volatile") && !shown.contains("agents-own"),
        "{shown}"
    );
    assert_eq!(
        card["partial"],
        json!(["the body holds more than the parameters"])
    );
    assert!(matches!(
        approve(&rig, &id, None),
        Err(ResolveError::Unopened(_))
    ));
}

#[tokio::test]
async fn a_list_shows_all_that_is_asked_or_has_it_opened() {
    let cases: [(&str, &str, bool); 11] = [
        ("/pulls", r#"{"title":"x"}"#, true),
        ("/pulls", r#"{ "title": "x", "pin": 7 }"#, true),
        ("/pulls", r#"{"title":"x","head":"x"}"#, false),
        ("/pulls", r#"{"title":"x","more":{"title":"x"}}"#, false),
        ("/pulls", r#"{"title":"x","force":true}"#, false),
        ("/pulls", r#"{"title":"x","base":null}"#, false),
        ("/pulls", r#"{"title":"x","labels":[]}"#, false),
        ("/pulls", r#"{"title":"x","options":{}}"#, false),
        ("/form", "name=ada", true),
        ("/form", "name=ada&role=ada", false),
        ("/form", "name=ada&role=", false),
    ];
    for (path, body, is_whole) in cases {
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let headers = if path == "/form" { &form[..] } else { &[] };
        let (rig, card, id) = card(path, body.as_bytes(), headers).await;
        assert_eq!(card["partial"] == json!([]), is_whole, "{body}: {card}");
        assert_eq!(approve(&rig, &id, None).is_ok(), is_whole, "{body}");
    }
}

#[tokio::test]
async fn an_entry_of_a_list_tells_requests_apart() {
    let body = br#"{"title":"x","key":"Sw0rdf1sh"}"#;
    let (rig, _, _) = card("/pulls?draft=1", body, &[]).await;
    let approvals = &rig.gateway.dependencies().approvals;
    let entry = approvals.list().remove(0).summary();
    assert_eq!(entry["method"], "POST");
    assert_eq!(entry["target"], "/pulls?draft=1");
    assert_eq!(entry["actions"][0]["params"]["title"], "x");
    assert_eq!(entry["waiting"], 1);
    assert!(
        entry["actions"][0]["params"]["key"]["hmac"].is_string(),
        "{entry}"
    );
    assert!(!entry.to_string().contains("rdf1sh"), "{entry}");
}

#[tokio::test]
async fn secret_parameters_are_left_out_wherever_they_stand() {
    let secret = "Sw0rdf1sh";
    let body = format!(
        r#"{{"title":"t","key":"{secret}","pin":"7","copy":["a {secret} b","7"],"{secret}":1,"esc":"\u0053w0rdf1sh"}}"#
    );
    let (_rig, shown, _) = card(
        "/pulls?note=Sw0rdf%31sh&x=1",
        body.as_bytes(),
        &[("accept-language", secret)],
    )
    .await;
    let text = shown.to_string();
    assert!(
        !text.to_lowercase().contains(&secret.to_lowercase()) && !text.contains("Sw0rdf%31sh"),
        "{text}"
    );
    assert!(!shown["body"].as_str().unwrap().contains("\"7\""), "{text}");
    assert_eq!(shown["target"], "/pulls?note=(secret)&x=1");
    let (_rig, shown, _) = card(
        "/form",
        b"name=ada&key=s%77ordfish&again=swordfish",
        &[("content-type", "application/x-www-form-urlencoded")],
    )
    .await;
    assert_eq!(shown["body"], "name=ada&key=(secret)&again=(secret)");
    let (_rig, shown, _) = card("/items/1?pin=1234&q=1234", b"", &[]).await;
    assert_eq!(shown["target"], "/items/1?pin=(secret)&q=(secret)");
}

#[tokio::test]
async fn what_a_card_cannot_show_in_full_is_approved_only_once_it_was_opened() {
    let long = format!(r#"{{"title":"{}"}}"#, "x".repeat(1025));
    let large = format!(r#"{{"title":"t","more":"{}"}}"#, "x".repeat(9 * 1024));
    let cases: [(&str, &[u8], &str); 4] = [
        (
            "/pulls",
            long.as_bytes(),
            "a parameter is longer than 1 KiB",
        ),
        ("/pulls", large.as_bytes(), "it is longer than 8 KiB"),
        ("/blob", b"plain text", "no route reads the body"),
        ("/blob", b"\xff\xfe", "the body is not text"),
    ];
    for (path, body, why) in cases {
        let (rig, card, id) = card(path, body, &[]).await;
        let partial = card["partial"].to_string();
        assert!(partial.contains(why), "{path}: {partial}");
        assert!(
            matches!(approve(&rig, &id, None), Err(ResolveError::Unopened(_))),
            "{why}"
        );
        assert_eq!(
            approve(&rig, &id, Some("0000")),
            Err(ResolveError::Another),
            "{why}"
        );
        let opened = card["fingerprint"].as_str().unwrap();
        assert_eq!(approve(&rig, &id, Some(opened)), Ok(()), "{why}");
    }
}

#[tokio::test]
async fn a_list_does_not_hold_what_opens_an_approval() {
    let (rig, card, _) = card("/blob", b"plain text", &[]).await;
    let summary = rig
        .gateway
        .dependencies()
        .approvals
        .list()
        .remove(0)
        .summary();
    assert_eq!(summary["open_first"], true);
    let text = summary.to_string();
    assert!(
        !text.contains(card["fingerprint"].as_str().unwrap()) && !text.contains("plain text"),
        "{text}"
    );
}
