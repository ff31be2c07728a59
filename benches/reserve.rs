//! What counting costs: a request of one of a hundred agents that begins and ends, and one that holds the memory of a body too.
#![expect(
    clippy::expect_used,
    reason = "a benchmark that cannot go on must fail"
)]

use criterion::{Criterion, criterion_group, criterion_main};
use mimalloc::MiMalloc;
use tollgate::limit::{Bound, Bounds, Limits, Resource};
use tollgate::model::agent::AgentName;

/// What the binary allocates with.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const BODY: usize = 2_048;

fn reserve(criterion: &mut Criterion) {
    let much = Bound {
        total: 1 << 40,
        per_agent: 1 << 30,
    };
    let limits = Limits::new(Bounds {
        tunnels: much,
        streams: much,
        bodies: much,
    });
    let names: Vec<AgentName> = (0..100)
        .map(|at| AgentName::parse(&format!("agent-{at}")).expect("a name"))
        .collect();
    let take = |name, resource, amount| {
        limits
            .take(name, resource, amount)
            .expect("there is enough")
    };
    for name in &names {
        take(name, Resource::Streams, 1);
    }
    let name = names.last().expect("there are a hundred");
    let mut group = criterion.benchmark_group("reserve");
    group.bench_function("request", |bencher| {
        bencher.iter(|| take(name, Resource::Streams, 1));
    });
    group.bench_function("request-and-body", |bencher| {
        bencher.iter(|| {
            let stream = take(name, Resource::Streams, 1);
            let mut body = take(name, Resource::Bodies, BODY);
            body.shrink_to(BODY);
            (stream, body)
        });
    });
    group.finish();
}

criterion_group!(benches, reserve);
criterion_main!(benches);
