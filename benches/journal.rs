//! The journal under load: events in by many callers, events a second out. Budget: 20,000 a second, `strict`.
#![expect(
    clippy::expect_used,
    reason = "a benchmark that cannot go on must fail"
)]

use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mimalloc::MiMalloc;
use serde_json::json;
use tollgate::audit::{Durability, Journal};
use tollgate::model::event::{Event, EventKind};
use tollgate::store::Store;

/// What the binary allocates with.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Callers that wait at once, as exchanges of a busy gateway do.
const CALLERS: u64 = 128;

fn event() -> Event {
    let body = json!({
        "v": 1, "id": "01J0000000000000000000000A", "kind": "decided", "time": "2026-01-01T00:00:00.000Z",
        "request_id": "01J0000000000000000000000B", "agent": "devops", "method": "POST",
        "host": "acme.atlassian.net:443", "path": "/rest/api/3/issue", "connector": "jira",
        "actions": [{ "name": "jira.issue.create", "risk": "medium", "params": { "project": "CARE", "type": "Bug" } }],
        "by": ["permission devops/jira"], "credential": "jira", "decision": "allow",
    });
    Event {
        id: "01J0000000000000000000000A".to_owned(),
        kind: EventKind::Decided,
        time: "2026-01-01T00:00:00.000Z".to_owned(),
        request_id: "01J0000000000000000000000B".to_owned(),
        agent: "devops".to_owned(),
        action: "jira.issue.create".to_owned(),
        decision: "allow".to_owned(),
        code: String::new(),
        body,
    }
}

/// Appends `count` events from all callers and returns how long it took until the last was acknowledged.
async fn append(journal: &Journal, count: u64) -> Duration {
    let start = Instant::now();
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let journal = journal.clone();
            let share = count / CALLERS + u64::from(caller < count % CALLERS);
            tokio::spawn(async move {
                for _ in 0..share {
                    journal
                        .append(event())
                        .await
                        .expect("the journal is written");
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.expect("a caller does not fail");
    }
    start.elapsed()
}

fn journal(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime starts");
    let mut group = criterion.benchmark_group("journal");
    group.throughput(Throughput::Elements(1));
    for durability in [Durability::Strict, Durability::Fsync, Durability::Batched] {
        let directory = tempfile::tempdir().expect("a directory is made");
        let url = format!("sqlite:{}", directory.path().join("tollgate.db").display());
        let journal = runtime.block_on(async {
            let store = Store::create(&url).await.expect("a store is made");
            Journal::start(store, durability)
        });
        group.bench_function(
            BenchmarkId::from_parameter(format!("{durability:?}")),
            |bencher| {
                bencher.iter_custom(|count| runtime.block_on(append(&journal, count)));
            },
        );
        runtime.block_on(journal.close());
    }
    group.finish();
}

criterion_group!(benches, journal);
criterion_main!(benches);
