//! Whole files, as they are written.

use serde_json::json;
use tollgate::import::{self, Format};

use super::{api, openapi, source, tried, written};

#[test]
fn an_openapi_description_becomes_a_file_that_loads_and_whose_tests_hold() {
    let text = written(Format::OpenApi, "helpdesk.yaml");
    super::snapshot("import_helpdesk", &text);
    assert_eq!(tried(&text), 12);
}

#[test]
fn a_swagger_description_becomes_a_file_that_loads_and_whose_tests_hold() {
    let text = written(Format::OpenApi, "blog.json");
    super::snapshot("import_blog", &text);
    assert_eq!(tried(&text), 9);
}

#[test]
fn a_discovery_document_becomes_a_file_that_loads_and_whose_tests_hold() {
    let text = written(Format::Discovery, "library.json");
    super::snapshot("import_library", &text);
    assert_eq!(tried(&text), 8);
}

#[test]
fn a_graphql_schema_becomes_a_file_that_loads_and_whose_tests_hold() {
    let mut api = api(Format::GraphQl, &super::fixture("shop.graphql"));
    api.at("https://api.shop.example/graphql").unwrap();
    let text = import::connector(&api, &api.suggested_id(), "shop.graphql").text;
    super::snapshot("import_shop", &text);
    assert_eq!(tried(&text), 12);
}

#[test]
fn an_answer_with_a_credential_is_listed_under_response_secrets() {
    let text = openapi(
        r"
openapi: 3.0.3
info: { title: T, version: '1' }
servers: [{ url: https://t.example }]
paths:
  /apps/{app_id}/tokens:
    post:
      operationId: createAppToken
      parameters: [{ name: app_id, in: path, required: true, schema: { type: integer } }]
      responses: { '201': { description: ok, content: { application/json: { schema: { properties: { token: { type: string }, next_page_token: { type: string } } } } } } }
  /apps/{app_id}/public-key:
    get:
      operationId: getPublicKey
      parameters: [{ name: app_id, in: path, required: true, schema: { type: integer } }]
      responses: { '200': { description: ok, content: { application/json: { schema: { properties: { pem: { type: string } } } } } } }
",
    );
    assert!(text.contains("    response_secrets: [$.token]\n"), "{text}");
    assert!(text.contains("risk: critical"), "{text}");
    assert!(!text.contains("$.pem"), "{text}");
}

#[test]
fn secrets_are_read_at_medium_however_that_is_called() {
    let description = |path: &str, id: &str| {
        openapi(
            &serde_json::json!({
                "openapi": "3.0.0", "info": { "title": "T", "version": "1" }, "servers": [{ "url": "https://t.example" }],
                "paths": { path: { "get": { "operationId": id, "responses": {} } } },
            })
            .to_string(),
        )
    };
    for (path, id) in [
        ("/configs/config/secrets/download", "secrets-download"),
        ("/configs/config/secrets", "secrets-list"),
        ("/credentials/export", "exportCredentials"),
    ] {
        let text = description(path, id);
        assert!(text.contains("risk: medium"), "{text}");
    }
    let text = description("/auth.revoke", "auth_revoke");
    assert!(text.contains("risk: high"), "{text}");
    assert!(text.contains("a GET that would revoke"), "{text}");
    let text = description("/configs/config/files/download", "files-download");
    assert!(text.contains("risk: low"), "{text}");
    assert!(text.contains("summary: download config file\n"), "{text}");
}

#[test]
fn what_descriptions_do_that_they_should_not_becomes_a_file_that_loads() {
    let text = openapi(
        r"
openapi: 3.0.3
info: { title: T, version: '1' }
servers: [{ url: 'https://api.t.example{basePath}', variables: { basePath: { default: /sell/v1 } } }, { url: 'https://not a host/' }]
security: [{ query_key: [], demo_key: [] }, { header_key: [] }]
components:
  securitySchemes:
    query_key: { type: apiKey, in: query, name: api_key }
    demo_key: { type: apiKey, in: query, name: api_key }
    header_key: { type: apiKey, in: header, name: X-Auth-Key }
paths:
  /posts:
    post:
      parameters:
        - { name: x-auth-key, in: header, schema: { type: string } }
        - { name: api_key, in: query, schema: { type: string } }
        - { name: WM_CONSUMER.ID, in: header, schema: { type: string } }
        - { name: X-Tenant, in: header, schema: { type: string } }
      requestBody: { content: { application/json: { schema: { properties: { 'post_ids[]': { type: integer }, title: { type: string } } } } } }
      responses: {}
    get:
      parameters: [{ name: page_of, in: query, schema: { type: string } }]
      requestBody: { content: { application/json: { schema: { properties: { filter: { type: string } } } } } }
      responses: {}
",
    );
    assert!(text.contains("domains: [api.t.example]"), "{text}");
    assert!(text.contains("base_paths: [/sell/v1]"), "{text}");
    assert!(text.contains("query: { api_key: '{key}' }"), "{text}");
    assert!(text.contains("header:X-Tenant"), "{text}");
    assert!(text.contains("$[''post_ids[]'']"), "{text}");
    // A `GET` with a body.
    assert!(
        text.contains("params: { page_of: query:page_of }"),
        "{text}"
    );
    for credential in ["x_auth_key", "`api_key`", "wm_consumer"] {
        assert!(!text.contains(credential), "{credential}: {text}");
    }
    assert_eq!(tried(&text), 2, "{text}");
}

#[test]
fn servers_are_read_as_people_write_them() {
    let of = |url: &str| {
        let text = openapi(&json!({
            "openapi": "3.0.0", "info": { "title": "T", "version": "1" }, "servers": [{ "url": url }],
            "paths": { "/a": { "get": { "summary": "<p>Lists <a href=\"x\">things</a> where a < b.</p>", "responses": {} } } },
        }).to_string());
        assert!(
            text.contains("name: 'Lists things where a < b'\n"),
            "{text}"
        );
        text
    };
    // Braces that nobody described, and no scheme.
    let text = of("//{shopName}.t.example/{accountName}/v1");
    assert!(
        text.contains("domains: ['{shop_name}.t.example']"),
        "{text}"
    );
    assert!(
        text.contains("base_paths: ['/{account_name}/v1']"),
        "{text}"
    );
    assert_eq!(tried(&text), 1);
    let text = of("https://api-{env}.t.example");
    assert!(text.contains("domains: []"), "{text}");
    assert_eq!(tried(&of("https://{host}.t.example")), 1);
}

#[test]
fn hosts_that_vary_become_labels_and_never_the_registrable_part() {
    for (url, variables, wanted) in [
        (
            "https://{s}.a.test/v1",
            json!({ "s": { "default": "x" } }),
            "domains: ['{s}.a.test']\nbase_paths: [/v1]",
        ),
        (
            "https://{r}.a.test",
            json!({ "r": { "default": "eu", "enum": ["eu", "us"] } }),
            "domains: [eu.a.test, us.a.test]",
        ),
        (
            "https://{r}-api.a.test",
            json!({ "r": { "default": "eu", "enum": ["eu", "us"] } }),
            "domains: [eu-api.a.test, us-api.a.test]",
        ),
        (
            "https://{h}/v1",
            json!({ "h": { "default": "api.a.test" } }),
            "domains: [api.a.test]\nbase_paths: [/v1]",
        ),
        (
            "https://{s}.{d}.test",
            json!({ "s": { "default": "x" }, "d": { "default": "b" } }),
            "domains: ['{s}.b.test']",
        ),
        (
            "https://a.test:8443/{v}/x",
            json!({ "v": { "default": "1" } }),
            "domains: [a.test:8443]\nbase_paths: [/1/x]",
        ),
        (
            "https://a.test/{v}",
            json!({ "v": { "default": "1", "enum": ["1", "2"] } }),
            "domains: [a.test]\nbase_paths: ['/{v}']",
        ),
    ] {
        let description = json!({
            "openapi": "3.0.0", "info": { "title": "T", "version": "1" },
            "servers": [{ "url": url, "variables": variables }], "paths": { "/x": { "get": {} } },
        });
        let text = openapi(&description.to_string());
        assert!(text.contains(wanted), "{url}\n{text}");
        tried(&text);
    }
}

#[test]
fn a_description_without_hosts_says_so_and_takes_them_from_outside() {
    let text = "openapi: 3.0.0\ninfo: { title: T, version: '1' }\npaths: { /x: { get: { responses: {} } } }\n";
    let mut api = api(Format::OpenApi, &source("api.yaml", text));
    let without = import::connector(&api, "x", "api.yaml").text;
    assert!(without.contains("# judge: the description does not say where the API is"));
    assert!(without.contains("domains: []"), "{without}");
    api.at("https://x.example:8443/v2/").unwrap();
    let with = import::connector(&api, "x", "api.yaml").text;
    assert!(
        with.contains("domains: [x.example:8443]\nbase_paths: [/v2]"),
        "{with}"
    );
    assert_eq!(tried(&with), 1);
    for bad in [
        "x.example",
        "https://",
        "ftp://x",
        "https://x/?a",
        "https://a b/",
    ] {
        assert!(api.clone().at(bad).is_err(), "{bad}");
    }
}

#[test]
fn whatever_a_description_calls_things_the_file_reads_back() {
    let hostile = "x: y # z\\n'\\\"\\u202e{a}\\u0007[*&!]";
    let text = openapi(&format!(
        r#"{{ "openapi": "3.0.0", "info": {{ "title": "{hostile}", "version": "{hostile}" }}, "servers": [{{ "url": "https://t.example" }}],
            "paths": {{ "/a b/{{x y}}/'é": {{ "post": {{ "summary": "{hostile}", "operationId": "{hostile}", "tags": ["{hostile}"],
              "parameters": [{{ "in": "query", "name": "{hostile}", "schema": {{ "type": "string" }} }}, {{ "in": "query", "name": "a:b,c", "schema": {{ "type": "string" }} }}],
              "requestBody": {{ "content": {{ "application/json": {{ "schema": {{ "properties": {{ "it's": {{ "type": "string" }}, "a.b": {{ "type": "integer" }}, "": {{ "type": "string" }} }} }} }} }} }},
              "responses": {{}} }} }} }} }}"#
    ));
    assert_eq!(tried(&text), 1);
    assert!(!text.contains(['\u{202e}', '\u{7}']), "{text}");
}

#[test]
fn a_server_of_an_operation_whose_variable_is_captured_elsewhere_loads() {
    let operation = |url: &str| json!({ "servers": [{ "url": url, "variables": { "region": { "default": "eu" } } }], "responses": {} });
    for (main, own, path) in [
        (
            "https://t.example",
            "https://{region}.files.t.example",
            "/files/{region}",
        ),
        (
            "https://{region}.t.example",
            "https://{region}.files.t.example",
            "/files/{id}",
        ),
        (
            "https://{region}.t.example",
            "https://{region}.files.t.example/{region}/v1",
            "/files/{region}",
        ),
        (
            "https://t.example/{region}",
            "https://{region}.t.example",
            "/files/{id}",
        ),
        (
            "https://{region}.t.example/{region}",
            "https://up.t.example",
            "/files/{region}",
        ),
    ] {
        let text = openapi(&json!({
            "openapi": "3.0.0", "info": { "title": "T", "version": "1" },
            "servers": [{ "url": main, "variables": { "region": { "default": "", "enum": ["eu", "us", "ap"] } } }],
            "paths": { path: { "get": operation(own) }, "/others/{region}": { "get": { "responses": {} } } },
        }).to_string().replace(r#","enum":["eu","us","ap"]"#, ""));
        assert_eq!(tried(&text), 2, "{text}");
    }
}

#[test]
fn a_url_without_a_path_keeps_the_base_path_of_the_description() {
    let text = "openapi: 3.0.0\ninfo: { title: T, version: '1' }\nservers: [{ url: https://old.example/api }]\npaths: { /x: { get: { responses: {} } } }\n";
    for (url, wanted) in [
        (
            "https://pets.example.com",
            "domains: [pets.example.com]\nbase_paths: [/api]\n",
        ),
        (
            "https://pets.example.com/",
            "domains: [pets.example.com]\n\nauth:",
        ),
        (
            "https://pets.example.com/v2",
            "domains: [pets.example.com]\nbase_paths: [/v2]\n",
        ),
    ] {
        let mut api = api(Format::OpenApi, &source("api.yaml", text));
        api.at(url).unwrap();
        let written = import::connector(&api, "x", "api.yaml").text;
        assert!(written.contains(wanted), "{url}: {written}");
        assert_eq!(tried(&written), 1);
    }
}

#[test]
fn what_two_schemes_take_and_doubled_slashes_load() {
    let text = openapi(
        r#"
openapi: 3.0.3
info: { title: T, version: "1" }
servers: [{ url: "https://t.example//v1//" }]
components: { securitySchemes: { q: { type: apiKey, in: query, name: apiKey }, h: { type: apiKey, in: header, name: X-API-KEY } } }
paths:
  /a:
    post:
      security: [{ q: [], h: [] }]
      requestBody: { content: { "application/*+json": { schema: { type: object, properties: { name: { type: string } } } } } }
      responses: { "200": { description: ok } }
"#,
    );
    assert!(text.contains("base_paths: [/v1]"), "{text}");
    assert!(
        text.contains("name: { from: $.name, type: string }"),
        "{text}"
    );
    assert_eq!(tried(&text), 1);
}
