//! What reading a body costs: JSON of growing size in, the actions of one request out, in one pass.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use http::{HeaderMap, Method};
use tollgate::config::diagnostic::{Report, Source};
use tollgate::connector::{Catalog, Reading};
use tollgate::model::target::{Authority, Path, Query, Target};

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

/// An issue whose description has about this many bytes, in paragraphs as Jira writes them.
fn issue(bytes: usize) -> String {
    let paragraph = r#"{"type":"paragraph","content":[{"type":"text","text":"The gateway answers after a while."}]}"#;
    let paragraphs = vec![paragraph; (bytes / paragraph.len()).max(1)].join(",");
    format!(
        r#"{{"fields":{{"project":{{"key":"OPS"}},"issuetype":{{"name":"Bug"}},"labels":["a","b"],"description":{{"content":[{paragraphs}]}}}}}}"#
    )
}

fn target(path: &str) -> Option<Target> {
    Some(Target {
        method: Method::POST,
        authority: Authority::parse("acme.atlassian.net", 443).ok()?,
        path: Path::parse(path).ok()?,
        query: Query::default(),
        tls: true,
    })
}

fn collect(criterion: &mut Criterion) {
    let source = Source {
        name: "bench".into(),
        text: FILE.into(),
        built_in: false,
    };
    let catalog = Catalog::compile(&[source], &mut Report::default());
    let headers = HeaderMap::new();
    let mut group = criterion.benchmark_group("collect");
    let transition = (
        r#"{"transition":{"id":"31"}}"#.to_owned(),
        "/rest/api/3/issue/OPS-7/transitions",
    );
    let issues = [2_048, 65_536, 1_048_576].map(|bytes| (issue(bytes), "/rest/api/3/issue"));
    for (body, path) in [transition].into_iter().chain(issues) {
        let Some(target) = target(path) else { return };
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
            };
            bencher.iter(|| candidates.understand(&reading));
        });
    }
    group.finish();
}

criterion_group!(benches, collect);
criterion_main!(benches);
