//! What of a request a drafted route reads: secrets, bodies that may be sent in two ways, names that are there twice.

use serde_json::json;

use super::{openapi, tried};

/// Writes a description with one `POST /things`.
fn described(operation: &serde_json::Value) -> String {
    json!({
        "openapi": "3.0.3", "info": { "title": "T", "version": "1" }, "servers": [{ "url": "https://t.example" }],
        "paths": { "/things": { "post": operation } },
    })
    .to_string()
}

fn with_body(content: &serde_json::Value) -> String {
    let text = openapi(&described(
        &json!({ "requestBody": { "content": content }, "responses": {} }),
    ));
    assert_eq!(tried(&text), 1, "{text}");
    text
}

fn swagger(operation: &serde_json::Value) -> String {
    let text = openapi(
        &json!({
            "swagger": "2.0", "info": { "title": "T", "version": "1" }, "host": "t.example",
            "paths": { "/things": { "post": operation } },
        })
        .to_string(),
    );
    assert_eq!(tried(&text), 1, "{text}");
    text
}

#[test]
fn what_a_description_or_a_name_calls_secret_is_recorded_only_as_a_hash() {
    let text = with_body(
        &json!({ "application/json": { "schema": { "type": "object", "properties": {
        "email": { "type": "string" },
        "login": { "type": "string", "format": "password" },
        "shared": { "allOf": [{ "type": "string", "writeOnly": true }] },
        "codes": { "type": "array", "items": { "type": "string", "format": "password" } },
        "password": { "type": "string" },
        "client_secret": { "type": "string" },
        "apiKey": { "type": "string" },
        "private_key": { "type": "string" },
        "refresh_token": { "type": "string" },
        "pin": { "type": "string" },
        "otp": { "type": "integer" },
        "pinned": { "type": "boolean" },
        "page_token": { "type": "string" },
    } } } }),
    );
    for name in [
        "login",
        "shared",
        "codes",
        "password",
        "client_secret",
        "api_key",
        "private_key",
        "refresh_token",
        "pin",
        "otp",
    ] {
        let line = text
            .lines()
            .find(|line| line.trim_start().starts_with(&format!("{name}: {{ from")));
        assert!(
            line.is_some_and(|line| line.contains("secret: true")),
            "{name}: {text}"
        );
    }
    for name in ["email", "pinned", "page_token"] {
        let line = text
            .lines()
            .find(|line| line.trim_start().starts_with(&format!("{name}: {{ from")));
        assert!(
            line.is_some_and(|line| !line.contains("secret: true")),
            "{name}: {text}"
        );
    }
}

#[test]
fn a_secret_in_path_query_or_form_is_recorded_only_as_a_hash() {
    let text = openapi(
        &json!({
            "openapi": "3.0.3", "info": { "title": "T", "version": "1" }, "servers": [{ "url": "https://t.example" }],
            "paths": { "/invites/{token}": { "get": {
                "parameters": [
                    { "name": "token", "in": "path", "required": true, "schema": { "type": "string" } },
                    { "name": "passcode", "in": "query", "schema": { "type": "string" } },
                    { "name": "X-Client-Secret", "in": "header", "schema": { "type": "string" } },
                ],
                "responses": {},
            } } },
        })
        .to_string(),
    );
    assert_eq!(tried(&text), 1, "{text}");
    assert!(text.contains("token: { secret: true }"), "{text}");
    assert!(
        text.contains("passcode: { from: query:passcode, secret: true }"),
        "{text}"
    );
    assert!(
        text.contains("x_client_secret: { from: header:X-Client-Secret, secret: true }"),
        "{text}"
    );
}

#[test]
fn a_body_that_is_json_or_a_form_is_read_as_both() {
    let schema = json!({ "type": "object", "properties": { "amount": { "type": "integer" }, "tags": { "type": "array", "items": { "type": "string" } } } });
    let text = with_body(&json!({
        "application/x-www-form-urlencoded": { "schema": schema },
        "application/json": { "schema": schema },
        "application/xml": { "schema": schema },
    }));
    assert!(text.contains("body: [json, form]"), "{text}");
    assert!(
        text.contains("amount: { from: [$.amount, form:amount], type: int }"),
        "{text}"
    );
    let text = with_body(&json!({
        "multipart/form-data": { "schema": { "type": "object", "properties": { "one": { "type": "string" } } } },
        "application/json": { "schema": { "type": "object", "properties": { "two": { "type": "string" } } } },
    }));
    assert!(text.contains("body: [json, multipart]"), "{text}");
    assert!(
        text.contains("one: { from: [$.one, form:one], type: string }"),
        "{text}"
    );
    assert!(
        text.contains("two: { from: [$.two, form:two], type: string }"),
        "{text}"
    );
}

#[test]
fn a_json_body_of_swagger_2_is_never_unread() {
    let amount = json!({ "name": "amount", "in": "formData", "type": "integer" });
    let document = json!({ "name": "b", "in": "body", "schema": { "type": "object", "properties": { "amount": { "type": "integer" } } } });
    let form = "application/x-www-form-urlencoded";
    for (consumes, parameter, wanted) in [
        (
            json!(["application/json", form]),
            &amount,
            "body: [form, json]",
        ),
        (
            json!([form, "application/json"]),
            &amount,
            "from: [form:amount, $.amount]",
        ),
        (json!(["application/json"]), &amount, "body: [form, json]"),
        (
            json!([form, "application/json"]),
            &document,
            "body: [json, form]",
        ),
        (json!([form]), &document, "body: form"),
        (
            json!(["application/xml"]),
            &document,
            "amount: { from: $.amount, type: int }",
        ),
        (
            json!([]),
            &document,
            "amount: { from: $.amount, type: int }",
        ),
    ] {
        let text =
            swagger(&json!({ "consumes": consumes, "parameters": [parameter], "responses": {} }));
        assert!(text.contains(wanted), "{consumes} {wanted}: {text}");
    }
}

#[test]
fn a_name_that_is_read_in_two_places_is_read_in_both_whatever_its_types() {
    let text = openapi(&described(&json!({
        "parameters": [{ "name": "amount", "in": "query", "schema": { "type": "integer" } }, { "name": "id", "in": "query", "required": true, "schema": { "type": "string" } }],
        "requestBody": { "content": { "application/json": { "schema": { "type": "object", "required": ["amount"], "properties": { "amount": { "type": "string" }, "id": { "type": "integer" } } } } } },
        "responses": {},
    })));
    assert_eq!(tried(&text), 1, "{text}");
    assert!(text.contains("amount: [query:amount, $.amount]"), "{text}");
    assert!(text.contains("id: [query:id, $.id]"), "{text}");
    let text = openapi(&described(&json!({
        "parameters": [{ "name": "dryRun", "in": "query", "schema": { "type": "string" } }],
        "requestBody": { "content": { "application/json": { "schema": { "type": "object", "properties": { "dryRun": { "type": "array", "items": { "type": "string" } }, "dry_run": { "type": "integer" } } } } } },
        "responses": {},
    })));
    assert_eq!(tried(&text), 1, "{text}");
    // The gateway takes spellings of one name for one.
    assert!(
        text.contains("dry_run: [query:dryRun, $.dry_run]"),
        "{text}"
    );
}

#[test]
fn a_list_that_is_sent_as_one_value_is_a_text() {
    let parameter = |name: &str, place: &str, explode: bool| json!({ "name": name, "in": place, "required": true, "explode": explode, "schema": { "type": "array", "items": { "type": "integer" } } });
    let text = openapi(
        &json!({
            "openapi": "3.0.3", "info": { "title": "T", "version": "1" }, "servers": [{ "url": "https://t.example" }],
            "paths": { "/things/{ids}": { "get": {
                "parameters": [parameter("ids", "path", true), parameter("some", "query", false), parameter("more", "query", true), parameter("filter[id]", "query", true), parameter("filter[no]", "query", false)],
                "responses": {},
            } } },
        })
        .to_string(),
    );
    assert_eq!(tried(&text), 1, "{text}");
    assert!(text.contains("some: query:some"), "{text}");
    assert!(
        text.contains("more: { from: 'query:more[*]', type: int }"),
        "{text}"
    );
    assert!(!text.contains("pattern: '0|[1-9][0-9]*'"), "{text}");
    let text = swagger(&json!({ "parameters": [
        { "name": "some", "in": "query", "type": "array", "items": { "type": "integer" } },
        { "name": "more", "in": "query", "type": "array", "collectionFormat": "multi", "items": { "type": "integer" } },
    ], "responses": {} }));
    assert!(text.contains("some: query:some"), "{text}");
    assert!(
        text.contains("more: { from: 'query:more[*]', type: int }"),
        "{text}"
    );
}

#[test]
fn methods_that_are_not_imported_are_told() {
    let text = openapi(
        r#"
openapi: 3.2.0
info: { title: T, version: "1" }
servers: [{ url: "https://t.example" }]
paths: { /a: { query: { responses: {} }, get: { responses: {} }, additionalOperations: { COPY: { responses: {} } } } }
"#,
    );
    assert_eq!(tried(&text), 1, "{text}");
    assert!(
        text.contains("# judge: `COPY`, `QUERY` of `/a` is not imported"),
        "{text}"
    );
}

#[test]
fn a_name_that_is_captured_and_read_elsewhere_is_renamed_there() {
    let text = openapi(
        &json!({
            "openapi": "3.0.3", "info": { "title": "T", "version": "1" }, "servers": [{ "url": "https://{site}.t.example" }],
            "paths": { "/things/{id}": { "put": {
                "parameters": [
                    { "name": "id", "in": "path", "required": true, "schema": { "type": "string" } },
                    { "name": "id", "in": "query", "required": true, "schema": { "type": "string" } },
                    { "name": "site", "in": "query", "schema": { "type": "string" } },
                ],
                "responses": {},
            } } },
        })
        .to_string(),
    );
    assert_eq!(tried(&text), 1, "{text}");
    for wanted in ["query_id: query:id", "query_site: query:site"] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
}
