//! `connector coverage`: which operations of an API a connector names.

use super::assert_shown;
use crate::support::tollgate::Shell;

const CONNECTOR: &str = "connector: shop
auth: none
domains: ['{site}.shop.example', { host: rpc.shop.example, base_paths: [/mcp] }]
base_paths: [/v1]
routes:
  - { action: order.list, match: GET /orders }
  - { action: order.get, match: 'GET /orders/{id}', params: { id: { pattern: '[0-9]+' } } }
  - { action: order.cancel, match: 'PATCH /orders/{id}', when: 'body.state == \"cancelled\"' }
  - { action: order.update, match: 'PATCH /orders/{id}' }
  - { action: list.any, match: 'GET /lists/{a}' }
  - { action: blob.get, match: 'GET /blobs/{*path}' }
  - { action: object.acl.get, match: 'GET /objects/{key}?acl' }
  - { action: object.get, match: 'GET /objects/{key}' }
  - { action: label.add, match: POST /graphql, graphql: mutation.addLabel, params: { label: { from: 'arg:id', required: true } } }
  - { action: 'tool.{rpc.params.name}', match: POST /, rpc: tools/call, risk: medium }
  - { action: tool.list, match: POST /, rpc: tools/list }
  - { action: queue.send, match: POST /queue, body: form, when: 'form.Action == \"Send\"' }
  - { action: queue.other, match: POST /queue, body: form }
";

const TABLE: &str = "method\tpath\toperation_id\tsummary\ttags\tbody_props\tbody_type\thost
GET\t/v1/orders\tlistOrders\t\t\t\t\tyour-shop.shop.example
GET\t/orders/{id}\tgetOrder\t\t\t\t\t{site}.shop.example
GET\t/v1/orders/export\texportOrders\t\t\t\t\tacme.shop.example
PATCH\t/v1/orders/{id}\tupdateOrder\t\t\t\t\t
GET\t/v1/lists/one\t\t\t\t\t\t
GET\t/v1/lists/two\t\t\t\t\t\t
GET\t/v1/blobs/{path+}\t\t\t\t\t\t
GET\t/v1/objects/{key}?acl\t\t\t\t\t\t
GET\t/v1/objects/{key}\t\t\t\t\t\telsewhere.example
DELETE\t/v1/orders/{id}\tdelete\u{1b}[31mOrder\t\t\t\t\t
POST\t/v1/graphql\taddLabel\t\tmutation\t\tapplication/json (GraphQL)\tacme.shop.example
POST\t/v1/graphql\tremoveLabel\t\tmutation\t\tapplication/json (GraphQL)\tacme.shop.example
POST\t{endpoint}\ttools/list\t\t\t\tapplication/json (JSON-RPC 2.0)\t{server}
POST\t{endpoint}\tprompts/list\t\t\t\tapplication/json (JSON-RPC 2.0)\t{server}
POST\t/v1/queue\tSend\t\tAction=Send&Version=1\t\tapplication/x-www-form-urlencoded\t
";

fn shell() -> Shell {
    Shell::new()
        .file("connectors.d/shop.yaml", CONNECTOR)
        .file("tollgate.yaml", "connectors: [connectors.d]\n")
        .file("operations.tsv", TABLE)
        .file("broken.tsv", "method\tpath\nGET\nget\t/x\n")
        .file("api.yaml", "openapi: 3.0.0\nservers: [{ url: https://a.shop.example/v1 }]\npaths: { /orders: { get: {} } }\n")
        .file("schema.graphql", "type Mutation { addLabel(a: Int): Int }\n")
}

#[tokio::test]
async fn operations_are_named_shared_or_unknown() {
    let shown = shell()
        .play(
            "tollgate connector coverage shop --operations operations.tsv
             tollgate connector coverage shop --operations operations.tsv --min 60
             tollgate connector coverage shop --operations operations.tsv --min 100
             tollgate connector coverage shop --operations api.yaml --min 100
             tollgate --json connector coverage shop --operations schema.graphql
             tollgate connector coverage shop --operations broken.tsv
             tollgate connector coverage shop --operations nowhere.tsv
             tollgate connector coverage shoop --operations api.yaml
             tollgate connector coverage shop --operations api.yaml --min 101",
        )
        .await;
    assert_shown("coverage", &shown);
}

#[tokio::test]
async fn a_fragment_of_a_path_is_not_part_of_it() {
    let shown = shell()
        .file("actions.tsv", "method\tpath\nGET\t/v1/orders#Action=List\n")
        .play("tollgate connector coverage shop --operations actions.tsv --min 100")
        .await;
    assert!(shown.contains("(1 named"), "{shown}");
}

const DEPOT: &str = "connector: depot
auth: none
domains: [api.depot.example]
base_paths: [/v1]
routes:
  - { action: a.list, match: GET /a }
  - { action: a.delete, match: DELETE /a }
";

/// A description of `/a` at a URL.
fn depot_at(url: &str) -> String {
    format!(
        "openapi: 3.0.3\ninfo: {{ title: Depot, version: '1' }}\nservers: [{{ url: '{url}' }}]\npaths: {{ /a: {{ get: {{}}, delete: {{}} }} }}\n"
    )
}

#[tokio::test]
async fn a_description_of_another_place_is_an_error_that_says_so() {
    let shell = Shell::new()
        .file("connectors.d/depot.yaml", DEPOT)
        .file("connectors.d/own.yaml", "connector: own\nauth: none\ndomains: []\nroutes: [{ action: a.list, match: GET /a }]\n")
        .file("tollgate.yaml", "connectors: [connectors.d]\n")
        .file("v1.yaml", depot_at("https://api.depot.example/v1"))
        .file("v2.yaml", depot_at("https://api.depot.example/v2"))
        .file("other.yaml", depot_at("https://other.example/v1"))
        .file("template.yaml", depot_at("https://{env}.depot.example/{version}"))
        .file("relative.yaml", depot_at("/v2"))
        .file("unsaid.yaml", depot_at("/"));
    let shown = shell
        .play(
            "tollgate connector coverage depot --operations v1.yaml --min 100
             tollgate connector coverage depot --operations template.yaml --min 100
             tollgate connector coverage depot --operations unsaid.yaml --min 100
             tollgate connector coverage depot --operations v2.yaml --min 100
             tollgate connector coverage depot --operations other.yaml
             tollgate connector coverage depot --operations relative.yaml
             tollgate connector coverage depot --operations other.yaml --server https://api.depot.example --min 100
             tollgate connector coverage depot --operations v2.yaml --server https://api.depot.example/v1 --min 100
             tollgate connector coverage own --operations v1.yaml
             tollgate --json connector coverage own --operations v1.yaml",
        )
        .await;
    assert_shown("coverage_elsewhere", &shown);
}
