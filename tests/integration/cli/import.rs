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
