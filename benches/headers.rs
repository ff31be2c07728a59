//! What the allow-list of outgoing headers costs: one GET of the embedded Jira connector, collected without headers, with the
//! twelve that an SDK sends, and with two more that nothing declares.

use criterion::{Criterion, criterion_group, criterion_main};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use mimalloc::MiMalloc;
use tollgate::config::diagnostic::Report;
use tollgate::connector::{Catalog, Reading};
use tollgate::model::target::{Authority, Path, Query, Target};
use tollgate::snapshot::built_in_connectors;

/// What the binary allocates with.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// As `judge` sends them, without `Host` and `Content-Length`, which classify has taken out by then.
const SENT: [(&str, &str); 12] = [
    ("user-agent", "bench/1.0"),
    ("accept", "application/json"),
    ("accept-encoding", "gzip"),
    ("authorization", "Bearer placeholder"),
    ("content-type", "application/json"),
    ("x-atlassian-token", "no-check"),
    ("x-stainless-lang", "js"),
    ("x-stainless-retry-count", "0"),
    ("x-stainless-runtime", "node"),
    ("x-request-id", "8e03978e-40d5-43e8-bc93-6894a57f9324"),
    (
        "traceparent",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    ),
    ("idempotency-key", "8e03978e-40d5-43e8-bc93-6894a57f9324"),
];

const UNDECLARED: [(&str, &str); 2] = [("x-tenant", "acme"), ("x-dry-run", "true")];

fn map(headers: &[(&'static str, &'static str)]) -> HeaderMap {
    let pairs = headers.iter().map(|(name, value)| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )
    });
    pairs.collect()
}

fn headers(criterion: &mut Criterion) {
    let catalog = Catalog::compile(&built_in_connectors(), &mut Report::default());
    let authority = Authority::parse("acme.atlassian.net", 443);
    let (Ok(authority), Ok(path)) = (authority, Path::parse("/rest/api/3/issue/OPS-7")) else {
        return;
    };
    let target = Target {
        method: Method::GET,
        authority,
        path,
        query: Query::default(),
        tls: true,
    };
    let Some(place) = catalog.locate(&target.authority, &target.path) else {
        return;
    };
    let candidates = place.candidates(&target.method, &target.query);
    let undeclared: Vec<_> = SENT.into_iter().chain(UNDECLARED).collect();
    let mut group = criterion.benchmark_group("headers");
    for (name, headers) in [
        ("none", HeaderMap::new()),
        ("sdk-12", map(&SENT)),
        ("undeclared-2-more", map(&undeclared)),
    ] {
        let reading = Reading {
            target: &target,
            headers: &headers,
            body: None,
            catalog: &catalog,
        };
        // What is refused costs less than what is meant to be measured.
        assert!(candidates.understand(&reading).is_ok(), "{name} is refused");
        group.bench_function(name, |bencher| {
            bencher.iter(|| candidates.understand(&reading));
        });
    }
    group.finish();
}

criterion_group!(benches, headers);
criterion_main!(benches);
