//! Descriptions that are broken, endless or enormous: told with their places, or passed over without harm.

use tollgate::import::{self, Format};

use super::{openapi, source, told, tried};

fn refused(format: Format, name: &str, text: &str) -> String {
    match import::read(format, &source(name, text)) {
        Ok(_) => "nothing was wrong".to_owned(),
        Err(report) => told(&report),
    }
}

const HEAD: &str =
    "openapi: 3.0.0\ninfo: { title: T, version: '1' }\nservers: [{ url: https://t.example }]\n";

#[test]
fn references_to_nothing_to_elsewhere_and_to_themselves_are_told_with_their_places() {
    let text = format!(
        "{HEAD}paths:
  /a:
    get:
      parameters:
        - $ref: '#/components/parameters/missing'
        - $ref: 'other.yaml#/x'
        - $ref: '#/components/parameters/round'
    post: {{ requestBody: {{ content: {{ application/json: {{ schema: {{ $ref: '#/components/schemas/Nope' }} }} }} }} }}
components:
  parameters:
    round: {{ $ref: '#/components/parameters/trip' }}
    trip: {{ $ref: '#/components/parameters/round' }}
"
    );
    super::snapshot(
        "import_references",
        &refused(Format::OpenApi, "api.yaml", &text),
    );
    let json = "{\n  \"openapi\": \"3.0.0\",\n  \"paths\": {\n    \"/a\": {\n      \"get\": { \"parameters\": [ { \"$ref\": \"#/no/where\" } ] }\n    }\n  }\n}";
    super::snapshot(
        "import_references_json",
        &refused(Format::OpenApi, "api.json", json),
    );
}

#[test]
fn what_is_no_description_says_what_one_is() {
    let mut all = String::new();
    for (name, text) in [
        ("list", "- a"),
        ("empty", ""),
        ("other", "a: b"),
        ("old", "swagger: '1.2'\npaths: {}"),
        ("new", "openapi: 4.0.0\npaths: {}"),
        ("pathless", "openapi: 3.0.0\ninfo: {}"),
        ("relative", "openapi: 3.0.0\npaths: { a: { get: {} } }"),
        ("scalar", "openapi: 3.0.0\npaths: { /a: { get: 1 } }"),
        ("json", "{ \"openapi\": \"3.0.0\", }"),
        ("yaml", "openapi: 3.0.0\npaths: {\n"),
    ] {
        all.push_str(&format!(
            "{name}: {}\n",
            refused(Format::OpenApi, name, text)
        ));
    }
    for (name, text) in [
        ("discovery", "{}"),
        (
            "methodless",
            r#"{ "kind": "discovery#restDescription", "baseUrl": "https://a.test/", "methods": { "m": {} } }"#,
        ),
    ] {
        all.push_str(&format!(
            "{name}: {}\n",
            refused(Format::Discovery, name, text)
        ));
    }
    for (name, text) in [
        ("rootless", "type A { b: Int }"),
        ("graphql", "type Query { a( }"),
        ("document", "query { a }"),
    ] {
        all.push_str(&format!(
            "{name}: {}\n",
            refused(Format::GraphQl, name, text)
        ));
    }
    super::snapshot("import_no_description", &all);
}

#[test]
fn schemas_that_contain_themselves_are_read_once() {
    let text = format!(
        "{HEAD}paths:
  /a: {{ post: {{ requestBody: {{ content: {{ application/json: {{ schema: {{ $ref: '#/components/schemas/Pet' }} }} }} }}, responses: {{ '200': {{ description: x, content: {{ application/json: {{ schema: {{ $ref: '#/components/schemas/Tree' }} }} }} }} }} }} }}
components:
  schemas:
    Pet: {{ properties: {{ name: {{ type: string }} }}, oneOf: [{{ $ref: '#/components/schemas/Cat' }}] }}
    Cat: {{ allOf: [{{ $ref: '#/components/schemas/Pet' }}, {{ properties: {{ lives: {{ type: integer }} }} }}] }}
    Tree: {{ type: array, items: {{ $ref: '#/components/schemas/Tree' }} }}
"
    );
    let written = openapi(&text);
    assert!(
        written
            .contains("name: { from: $.name, type: string }, lives: { from: $.lives, type: int }"),
        "{written}"
    );
    tried(&written);
}

#[test]
fn compositions_that_double_with_each_level_end() {
    let mut text = format!(
        "{HEAD}paths:\n  /a:\n    get:\n      parameters: [{{ name: q, in: query, schema: {{ $ref: '#/components/schemas/L0' }} }}]\ncomponents:\n  schemas:\n"
    );
    for level in 0..40 {
        let next = format!("{{ $ref: '#/components/schemas/L{}' }}", level + 1);
        text.push_str(&format!(
            "    L{level}: {{ allOf: [{next}, {next}], oneOf: [{next}, {next}] }}\n"
        ));
    }
    text.push_str("    L40: { type: string }\n");
    // Two to the power of forty steps would take days.
    tried(&openapi(&text));
}

#[test]
fn two_paths_that_accept_the_same_are_one_action_and_marked() {
    let text = format!(
        "{HEAD}paths:\n  /a/{{x}}: {{ get: {{ operationId: one }} }}\n  /a/{{y}}: {{ get: {{ operationId: two }} }}\n"
    );
    let written = openapi(&text);
    assert!(
        written.contains("# judge: `two` is the same request, and so the same action"),
        "{written}"
    );
    assert_eq!(tried(&written), 1);
}

#[test]
fn names_in_braces_that_are_taken_get_another() {
    let text = format!(
        "{}paths:\n  /a/{{site}}/b/{{Site}}: {{ get: {{ parameters: [{{ name: site, in: query, schema: {{ type: string }} }}] }} }}\n  /c/{{a}}-{{b}}.{{c}}: {{ get: {{}} }}\n  /d/{{rest+}}: {{ get: {{}} }}\n",
        HEAD.replace("https://t.example", "'https://{site}.t.example'")
            .replace(" }]", ", variables: { site: { default: x } } }]")
    );
    let written = openapi(&text);
    assert!(
        written.contains("match: GET /a/{site_2}/b/{site_3}"),
        "{written}"
    );
    assert!(written.contains("match: GET /c/{a_b_c}"), "{written}");
    assert!(written.contains("match: GET /d/{*rest}"), "{written}");
    assert_eq!(tried(&written), 3);
}
