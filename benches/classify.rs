//! What finding the routes of a target costs: catalogues of growing size in, the candidates of one request out.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use http::{HeaderMap, Method};
use mimalloc::MiMalloc;
use tollgate::config::diagnostic::{Report, Source};
use tollgate::connector::{Catalog, Reading};
use tollgate::model::target::{Authority, Path, Query, Target};

/// What the binary allocates with.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn source(number: usize, routes: usize) -> Source {
    let routes: String = (0..routes)
        .map(|route| format!("  - {{ action: thing{route}.get, match: 'GET /v1/things{route}/{{thing_id}}/parts/{{part}}' }}\n"))
        .collect();
    Source {
        name: format!("c{number}.yaml").into(),
        text: format!("connector: c{number}\nauth: none\ndomains: ['{{site}}.c{number}.test']\nroutes:\n{routes}").into(),
        built_in: false,
    }
}

fn catalog(connectors: usize, routes: usize) -> Catalog {
    let sources: Vec<Source> = (0..connectors)
        .map(|number| source(number, routes))
        .collect();
    Catalog::compile(&sources, &mut Report::default())
}

fn target() -> Option<Target> {
    Some(Target {
        method: Method::GET,
        authority: Authority::parse("acme.c0.test", 443).ok()?,
        path: Path::parse("/v1/things7/OPS-7/parts/12").ok()?,
        query: Query::parse(Some("page=2")).ok()?,
        tls: true,
    })
}

fn classify(criterion: &mut Criterion) {
    let Some(target) = target() else { return };
    let headers = HeaderMap::new();
    let mut group = criterion.benchmark_group("classify");
    for (connectors, routes) in [(1, 10), (1, 100), (1, 1_000), (50, 100), (500, 20)] {
        let catalog = catalog(connectors, routes);
        let id = BenchmarkId::from_parameter(format!("{connectors} connectors of {routes} routes"));
        group.bench_function(id, |bencher| {
            bencher.iter(|| {
                let place = catalog.locate(&target.authority, &target.path)?;
                let candidates = place.candidates(&target.method, &target.query);
                candidates
                    .understand(black_box(&Reading {
                        target: &target,
                        headers: &headers,
                        body: None,
                        catalog: &catalog,
                    }))
                    .ok()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, classify);
criterion_main!(benches);
