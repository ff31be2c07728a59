//! What reading a body costs: JSON of growing size, and bodies of several parts in, the actions of one request out.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method};
use mimalloc::MiMalloc;
use tollgate::config::diagnostic::{Report, Source};
use tollgate::connector::{Catalog, Reading};
use tollgate::model::target::{Authority, Path, Query, Target};

/// What the binary allocates with.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const FILE: &str = r#"
connector: jira
auth: none
domains: ["{site}.atlassian.net"]
base_paths: [/rest]
routes:
  - action: issue.create
    match: POST /api/{version}/issue
    params:
      project: { from: $.fields.project.key, pattern: "[A-Z][A-Z0-9_]+" }
      type: $.fields.issuetype.name
      labels: "$.fields.labels[*]"
    summary: "create {type} in {project}"
  - action: issue.close
    match: POST /api/{version}/issue/{issue_key}/transitions
    when: 'body.transition.id in ["31", 31]'
    only: [transition]
  - { action: issue.transition, match: 'POST /api/{version}/issue/{issue_key}/transitions' }
"#;

/// Requests that are several things at once, and bodies that are no JSON.
const PARTS: &str = r#"
connector: parts
auth: none
domains: [parts.test]
routes:
  - { action: "{graphql.field}", match: POST /graphql, graphql: "*", risk: medium, params: { title: "arg:input.title" } }
  - { action: "tool.{rpc.params.name}", match: POST /rpc, rpc: tools/call, risk: medium, params: { path: "arg:arguments.path" } }
  - { action: batch.run, match: POST /batch, batch: "$.requests[*]", risk: low }
  - { action: refund.create, match: POST /form, body: [form, multipart], params: { amount: { from: "form:amount", type: int }, order: "form:metadata[order]" } }
  - { action: item.get, match: "GET /items/{item}" }
  - { action: item.update, match: "PATCH /items/{item}", params: { name: $.name } }
"#;

/// Bodies of about 2 KB: name, path, `Content-Type`, body.
fn parts() -> Vec<(&'static str, &'static str, &'static str, String)> {
    let json = "application/json";
    let selections: String = (0..40)
        .map(|at| format!("field{at} {{ id name }} "))
        .collect();
    let query = format!(
        "mutation M($i: I!) {{ createIssue(input: $i) {{ ...F }} closeIssue(input: {{title: \\\"t\\\"}}) {{ id }} }} fragment F on P {{ {selections} }}"
    );
    let graphql = format!(r#"{{"query":"{query}","variables":{{"i":{{"title":"a"}}}}}}"#);
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"readFile","arguments":{"path":"/a"}}}"#;
    let read = r#"{"id":"1","method":"GET","path":"/items/7"}"#;
    let write = r#"{"id":"2","method":"PATCH","path":"/items/7","body":{"name":"ada"}}"#;
    let members = vec![format!("{read},{write}"); 18].join(",");
    let pairs: String = (0..60)
        .map(|at| format!("&metadata[key{at}]=some+value"))
        .collect();
    let part = "--x\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nsome value\r\n";
    let amount = "--x\r\nContent-Disposition: form-data; name=\"amount\"\r\n\r\n500\r\n";
    vec![
        ("graphql", "/graphql", json, graphql),
        (
            "rpc-20",
            "/rpc",
            json,
            format!("[{}]", vec![call; 20].join(",")),
        ),
        (
            "batch-36",
            "/batch",
            json,
            format!(r#"{{"requests":[{members}]}}"#),
        ),
        (
            "form",
            "/form",
            "application/x-www-form-urlencoded",
            format!("amount=500&metadata[order]=7{pairs}"),
        ),
        (
            "multipart",
            "/form",
            "multipart/form-data; boundary=x",
            format!("{amount}{}--x--\r\n", part.repeat(25)),
        ),
    ]
}

/// An issue whose description has about this many bytes, in paragraphs as Jira writes them.
fn issue(bytes: usize) -> String {
    let paragraph = r#"{"type":"paragraph","content":[{"type":"text","text":"The gateway answers after a while."}]}"#;
    let paragraphs = vec![paragraph; (bytes / paragraph.len()).max(1)].join(",");
    format!(
        r#"{{"fields":{{"project":{{"key":"OPS"}},"issuetype":{{"name":"Bug"}},"labels":["a","b"],"description":{{"content":[{paragraphs}]}}}}}}"#
    )
}

fn target(host: &str, path: &str) -> Option<Target> {
    Some(Target {
        method: Method::POST,
        authority: Authority::parse(host, 443).ok()?,
        path: Path::parse(path).ok()?,
        query: Query::default(),
        tls: true,
    })
}

fn catalog(text: &str) -> Catalog {
    let source = Source {
        name: "bench".into(),
        text: text.into(),
        built_in: false,
    };
    Catalog::compile(&[source], &mut Report::default())
}

fn in_parts(criterion: &mut Criterion) {
    let catalog = catalog(PARTS);
    let mut group = criterion.benchmark_group("collect-parts");
    for (name, path, content_type, body) in parts() {
        let Some(target) = target("parts.test", path) else {
            return;
        };
        let Some(place) = catalog.locate(&target.authority, &target.path) else {
            return;
        };
        let candidates = place.candidates(&target.method, &target.query);
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        let reading = Reading {
            target: &target,
            headers: &headers,
            body: Some(body.as_bytes()),
            catalog: &catalog,
        };
        // What is refused costs less than what is meant to be measured.
        assert!(candidates.understand(&reading).is_ok(), "{name} is refused");
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| candidates.understand(&reading));
        });
    }
    group.finish();
}

fn collect(criterion: &mut Criterion) {
    let catalog = catalog(FILE);
    let headers = HeaderMap::new();
    let mut group = criterion.benchmark_group("collect");
    let transition = (
        r#"{"transition":{"id":"31"}}"#.to_owned(),
        "/rest/api/3/issue/OPS-7/transitions",
    );
    let issues = [2_048, 65_536, 1_048_576].map(|bytes| (issue(bytes), "/rest/api/3/issue"));
    for (body, path) in [transition].into_iter().chain(issues) {
        let Some(target) = target("acme.atlassian.net", path) else {
            return;
        };
        let Some(place) = catalog.locate(&target.authority, &target.path) else {
            return;
        };
        let mut candidates = place.candidates(&target.method, &target.query);
        candidates.limit_nodes(usize::MAX);
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(BenchmarkId::from_parameter(body.len()), |bencher| {
            let reading = Reading {
                target: &target,
                headers: &headers,
                body: Some(body.as_bytes()),
                catalog: &catalog,
            };
            bencher.iter(|| candidates.understand(&reading));
        });
    }
    group.finish();
}

criterion_group!(benches, collect, in_parts);
criterion_main!(benches);
