//! The journal under load: records a second, processor time a record and the time of an append, for callers of 1, 4 and 64 and each
//! durability, beside a plain write of the same bytes and beside the table in SQLite that held events before. Budget: `decided` and `finished`, chained, `strict`: 8 µs of processor time.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark that cannot go on must fail, and prints what it finds"
)]

use std::borrow::Cow;
use std::io::Write as _;
use std::time::{Duration, Instant};

use mimalloc::MiMalloc;
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;
use serde_json::value::to_raw_value;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _};
use tollgate::journal::{Decided, Durability, Finished, Identity, Journal, Opening, Text};
use tollgate::model::clock::Clock;

/// What the binary allocates with.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Requests of one measurement, at the most.
const REQUESTS: usize = 40_000;

/// How long one measurement lasts, about.
const LASTS: Duration = Duration::from_secs(2);

fn decided() -> Decided<'static> {
    let actions = json!([{ "name": "jira.issue.create", "risk": "medium", "params": { "project": "CARE", "type": "Bug" } }]);
    Decided {
        request_id: "01J0000000000000000000000B".into(),
        agent: "devops".into(),
        peer: "127.0.0.1:51234".into(),
        connector: "jira".into(),
        actions: Some(Cow::Owned(to_raw_value(&actions).expect("JSON is written"))),
        decision: "allow".into(),
        by: vec!["permission devops/jira".to_owned()].into(),
        method: "POST".into(),
        host: Text::bounded("acme.atlassian.net:443", 100),
        path: Text::bounded("/rest/api/3/issue", 100),
        credential: "jira".into(),
        judged_us: Some(61),
        ..Decided::default()
    }
}

fn finished() -> Finished<'static> {
    Finished {
        request_id: "01J0000000000000000000000B".into(),
        agent: "devops".into(),
        connector: "jira".into(),
        action: "jira.issue.create".into(),
        outcome: "answered".into(),
        status: Some(201),
        duration_ms: 41,
        request_bytes: 2_048,
        response_bytes: 512,
        ..Finished::default()
    }
}

/// Processor time of this process.
fn spent() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

/// Each caller appends `decided`, waits for it, and leaves `finished`.
async fn callers(journal: &Journal, count: usize) -> Vec<Duration> {
    let until = Instant::now() + LASTS;
    let callers: Vec<_> = (0..count)
        .map(|_| {
            let journal = journal.clone();
            tokio::spawn(async move {
                let (decided, finished) = (decided(), finished());
                let mut times = Vec::new();
                while times.len() < REQUESTS / count && Instant::now() < until {
                    let started = Instant::now();
                    journal
                        .append(&decided)
                        .await
                        .expect("the journal is written");
                    times.push(started.elapsed());
                    journal.append_later(&finished);
                }
                times
            })
        })
        .collect();
    let mut times = Vec::new();
    for caller in callers {
        times.extend(caller.await.expect("a caller does not fail"));
    }
    times.sort_unstable();
    times
}

fn measure(durability: Durability, count: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime starts");
    let directory = tempfile::tempdir().expect("a directory is made");
    let identity = Identity {
        gateway: "01J0000000000000000000000B".to_owned(),
        public_key: String::new(),
        created: "2026-01-01T00:00:00Z".to_owned(),
    };
    let mut opening = Opening::new(&directory.path().join("journal"), identity, Clock::system());
    opening.settings.durability = durability;
    let journal = opening.open().expect("a journal is made");
    let (started, before) = (Instant::now(), spent());
    let times = runtime.block_on(callers(&journal, count));
    let (took, used) = (started.elapsed(), spent().saturating_sub(before));
    runtime.block_on(journal.close());
    report(
        &format!("{durability:?}, {count} callers"),
        &times,
        (took, used),
    );
}

/// The floor: the same bytes by one `write` for each request, without chain, serialising or anybody to share with.
fn plain() {
    let line = serde_json::to_vec(&(decided(), finished())).expect("JSON is written");
    let line = [line.as_slice(), &[b'x'; 200]].concat();
    let mut file = tempfile::tempfile().expect("a file is made");
    let (started, before) = (Instant::now(), spent());
    let mut times = Vec::new();
    for _ in 0..REQUESTS {
        let started = Instant::now();
        file.write_all(&line).expect("the file is written");
        times.push(started.elapsed());
    }
    let (took, used) = (started.elapsed(), spent().saturating_sub(before));
    times.sort_unstable();
    report("plain write", &times, (took, used));
}

/// Table and indexes that held events before there were segments.
const SCHEMA: &str = "
CREATE TABLE event (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL, kind TEXT NOT NULL, time TEXT NOT NULL, request_id TEXT NOT NULL, agent TEXT NOT NULL,
    action TEXT NOT NULL, decision TEXT NOT NULL, code TEXT NOT NULL, body TEXT NOT NULL, prev_hash BLOB, hash BLOB
) STRICT;
CREATE INDEX event_request ON event (request_id);
CREATE INDEX event_time ON event (time);
";

const INSERT: &str = "INSERT INTO event (id, kind, time, request_id, agent, action, decision, code, body) \
    VALUES (?, ?, '2026-01-01T00:00:00.000Z', '01J0000000000000000000000B', 'devops', 'jira.issue.create', ?, '', ?)";

/// Both records of a request in one transaction, by one caller: neither chained nor signed. `NORMAL` as `strict` was, `FULL` as `fsync`.
fn sqlite(synchronous: SqliteSynchronous) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime starts");
    let directory = tempfile::tempdir().expect("a directory is made");
    let options = SqliteConnectOptions::new()
        .filename(directory.path().join("events.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(synchronous);
    let records = (
        serde_json::to_string(&decided()).expect("JSON is written"),
        serde_json::to_string(&finished()).expect("JSON is written"),
    );
    runtime.block_on(async {
        let mut database = options.connect().await.expect("a database is made");
        sqlx::raw_sql(SCHEMA)
            .execute(&mut database)
            .await
            .expect("a table is made");
        let mut times = Vec::new();
        let (started, before) = (Instant::now(), spent());
        while times.len() < REQUESTS && started.elapsed() < LASTS {
            let one = Instant::now();
            let mut written = database.begin().await.expect("a transaction begins");
            let kinds = [
                ("decided", "allow", &records.0),
                ("finished", "", &records.1),
            ];
            for (kind, decision, body) in kinds {
                let id = format!("{kind}-{}", times.len());
                let insert = sqlx::query(INSERT).bind(id).bind(kind);
                let insert = insert.bind(decision).bind(body);
                insert
                    .execute(&mut *written)
                    .await
                    .expect("a row is written");
            }
            written.commit().await.expect("a transaction is committed");
            times.push(one.elapsed());
        }
        let (took, used) = (started.elapsed(), spent().saturating_sub(before));
        times.sort_unstable();
        report(
            &format!("SQLite {synchronous:?}, 1 caller"),
            &times,
            (took, used),
        );
    });
}

fn report(name: &str, times: &[Duration], (took, used): (Duration, Duration)) {
    let at = |share: usize| {
        let place = (times.len() * share / 100).min(times.len().saturating_sub(1));
        times.get(place).copied().unwrap_or_default()
    };
    let requests = f64::from(u32::try_from(times.len().max(1)).unwrap_or(u32::MAX));
    println!(
        "{name:24} {:>9.0} records/s {:>6.2} µs processor a request   append p50 {:>9.2?} p99 {:>9.2?}",
        2.0 * requests / took.as_secs_f64(),
        used.as_secs_f64() * 1e6 / requests,
        at(50),
        at(99),
    );
}

fn main() {
    // `cargo test --benches` asks for nothing but that it runs.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    plain();
    sqlite(SqliteSynchronous::Normal);
    sqlite(SqliteSynchronous::Full);
    for durability in [Durability::Strict, Durability::Fsync, Durability::Batched] {
        for count in [1, 4, 64] {
            measure(durability, count);
        }
    }
}
