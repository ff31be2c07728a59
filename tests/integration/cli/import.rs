//! `connector import`: a description in, a file out, and what is told about it.

use super::assert_shown;
use crate::support::tollgate::Shell;

const API: &str = "openapi: 3.0.0
info: { title: Things, version: '1' }
servers: [{ url: https://api.things.example }]
security: [{ key: [] }]
paths:
  /things: { get: {}, post: {} }
components: { securitySchemes: { key: { type: apiKey, in: header, name: X-Key } } }
";

#[tokio::test]
async fn a_description_is_imported_updated_and_refused() {
    let shell = Shell::new()
        .file("api.yaml", API)
        .file(
            "newer.yaml",
            API.replace("post: {} }", "post: {} }\n  /things/{id}: { delete: {} }"),
        )
        .file(
            "broken.yaml",
            API.replace("get: {}", "get: { parameters: [{ $ref: '#/nowhere' }] }"),
        );
    let shown = shell
        .play(
            "tollgate connector import --openapi api.yaml
             tollgate connector import --openapi api.yaml --out things.yaml
             tollgate connector import --openapi api.yaml --out things.yaml
             tollgate --json connector import --openapi newer.yaml --update things.yaml
             tollgate connector import --openapi newer.yaml --update things.yaml
             tollgate connector test things.yaml
             tollgate connector import --openapi broken.yaml
             tollgate --json connector import --openapi broken.yaml
             tollgate connector import --openapi nowhere.yaml
             tollgate connector import --openapi api.yaml --server things
             tollgate connector import --out x.yaml
             tollgate connector import --openapi api.yaml --discovery api.yaml",
        )
        .await;
    assert_shown("import", &shown);
}

#[tokio::test]
async fn nothing_is_written_that_check_refuses() {
    let shell = Shell::new()
        .file("tollgate.yaml", "connectors: [connectors.d]\n")
        .file(
            "connectors.d/github.yaml",
            "connector: github\nextends: github\n",
        )
        .file("connectors.d/taken.yaml", "connector: taken\nauth: none\ndomains: [api.things.example]\nroutes: [{ action: a.list, match: GET /a, tests: [{ request: 'GET https://api.things.example/a', expect: {} }] }]\n")
        .file("api.yaml", API)
        .file("hub.yaml", API.replace("api.things.example", "api.github.com").replace("/things: ", "/user: "));
    let shown = shell
        .play(
            "tollgate connector import --openapi api.yaml --id things --out connectors.d/things.yaml
             tollgate connector import --openapi api.yaml --id Things --out new.yaml
             tollgate connector import --openapi hub.yaml --update connectors.d/github.yaml",
        )
        .await;
    assert_shown("import_refused", &shown);
    assert!(!shell.path("connectors.d/things.yaml").exists());
    assert!(!shell.path("new.yaml").exists());
    assert_eq!(
        std::fs::read_to_string(shell.path("connectors.d/github.yaml")).unwrap(),
        "connector: github\nextends: github\n"
    );
}

#[tokio::test]
async fn an_operation_that_check_would_refuse_is_left_out_and_marked() {
    let odd = "post: { parameters: [{ name: X Odd, in: header, schema: { type: string } }] }";
    let shell = Shell::new().file("api.yaml", API.replace("post: {}", odd));
    let shown = shell
        .play(
            "tollgate connector import --openapi api.yaml --out things.yaml
             tollgate connector test things.yaml",
        )
        .await;
    assert_shown("import_left_out", &shown);
    let text = std::fs::read_to_string(shell.path("things.yaml")).unwrap();
    assert!(
        text.contains("# judge: `thing.create` (`POST /things`) is left out"),
        "{text}"
    );
}
