//! The real gateway, ended by `kill -9` under load: every request that the upstream saw is recorded, and the chain goes on.
//!
//! `TOLLGATE_CRASHES=50` ends it that often for each durability; the suite does so a few times.

use std::collections::BTreeSet;

use rustix::process::Signal;
use serde_json::Value as Json;
use tollgate::journal::{Trust, verify};

use super::process::{HOST, describe};
use crate::support::agent::{Agent, exchange};
use crate::support::upstream::Upstream;

/// Connections that ask at the same time.
const CONNECTIONS: usize = 4;

/// Requests that arrive between a start and its end.
const REQUESTS: usize = 40;

/// Asks for one item after the other until the gateway is gone.
async fn ask(agent: Agent, name: String) {
    let asking = tokio::spawn(async move {
        let mut tls = agent.tls_tunnel("api.test:443", HOST).await;
        for number in 0.. {
            let request = format!("GET /items/{name}-{number} HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
            if exchange(&mut tls, &request).await.status != 200 {
                return;
            }
        }
    });
    // The end of the gateway is a panic of the test's own client.
    let _ = asking.await;
}

/// Returns every record; panics at a line that is not whole.
fn records(journal: &std::path::Path) -> Vec<Json> {
    let mut files: Vec<_> = std::fs::read_dir(journal)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "jsonl")
        })
        .collect();
    files.sort();
    let texts = files
        .iter()
        .map(|file| std::fs::read_to_string(file).unwrap());
    let read =
        |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    texts
        .flat_map(|text| text.lines().map(read).collect::<Vec<Json>>())
        .collect()
}

async fn crash(durability: &str) {
    let count = std::env::vars()
        .find(|(name, _)| name == "TOLLGATE_CRASHES")
        .map_or(3, |(_, count)| count.parse().unwrap());
    let upstream = Upstream::start(&[HOST]).await;
    let (directory, apart) = describe(&upstream, durability);
    let journal = directory.path().join("state/journal");
    for round in 0..count {
        let seen = upstream.received().len();
        let (served, agent) = apart.serve("").await;
        let load: Vec<_> = (0..CONNECTIONS)
            .map(|task| tokio::spawn(ask(agent.clone(), format!("{round}-{task}"))))
            .collect();
        upstream.wait_for(seen + REQUESTS).await;
        served.signal(Signal::KILL);
        assert_eq!(served.ended().await.0, None);
        for task in load {
            task.await.unwrap();
        }
        let report = verify(&journal, &Trust::default()).unwrap();
        assert_eq!(report.finding, None, "round {round}");
    }
    // Its start moves an unfinished line aside.
    let (served, _) = apart.serve("").await;
    served.signal(Signal::TERM);
    assert_eq!(served.ended().await.0, Some(0));
    let report = verify(&journal, &Trust::default()).unwrap();
    assert_eq!((report.finding, report.unfinished_bytes), (None, 0));
    let records = records(&journal);
    let started = records.iter().filter(|record| record["kind"] == "started");
    assert_eq!(started.count(), count + 1);
    let allowed: BTreeSet<&str> = records
        .iter()
        .filter(|record| record["kind"] == "decided" && record["decision"] == "allow")
        .map(|record| record["path"].as_str().unwrap())
        .collect();
    let received = upstream.received();
    assert!(received.len() >= count * REQUESTS);
    for request in received {
        assert!(
            allowed.contains(request.path.as_str()),
            "{} is not recorded",
            request.path
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_upstream_saw_is_recorded_after_kill_9_under_strict() {
    crash("strict").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_upstream_saw_is_recorded_after_kill_9_under_fsync() {
    crash("fsync").await;
}
