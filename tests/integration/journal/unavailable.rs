//! The real gateway on a disk that takes nothing more: 503 `journal_unavailable`, nothing reaches the upstream, and it ends by itself.

use http::Method;
use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};
use serde_json::Value as Json;
use tollgate::journal::{Trust, verify};

use super::process::{HOST, describe};
use crate::support::agent::exchange;
use crate::support::upstream::Upstream;

/// Lets no file of a process grow beyond so many bytes.
#[cfg(target_os = "linux")]
fn limit(pid: u32, bytes: Option<u64>) {
    let limit = Rlimit {
        current: bytes,
        maximum: None,
    };
    prlimit(Pid::from_raw(pid.cast_signed()), Resource::Fsize, limit).unwrap();
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_takes_nothing_refuses_until_it_takes_something_and_leaves_no_silent_gap() {
    for durability in ["strict", "fsync"] {
        let upstream = Upstream::start(&[HOST]).await;
        let (directory, apart) = describe(&upstream, durability);
        // A process that ignores the signal gets EFBIG instead.
        let (served, agent) = apart.serve("trap '' XFSZ").await;
        let mut tls = agent.tls_tunnel("api.test:443", HOST).await;
        let mut get = async |item: &str| {
            let request = format!("GET /items/{item} HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
            exchange(&mut tls, &request).await
        };
        assert_eq!(get("before").await.status, 200);
        limit(served.pid(), Some(0));
        for _ in 0..5 {
            let refused = get("refused").await;
            assert_eq!(refused.status, 503, "{}", refused.head);
            assert_eq!(refused.header("tollgate-code"), Some("journal_unavailable"));
        }
        let status = apart.shell.run(&["--json", "status"], "").await;
        let status: Json = serde_json::from_slice(&status.stdout).unwrap();
        assert_eq!(
            (&status["ready"], &status["journal_healthy"]),
            (&false.into(), &false.into())
        );
        limit(served.pid(), None);
        let again = async {
            while get("after").await.status != 200 {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(20), again)
            .await
            .unwrap();
        served.signal(Signal::TERM);
        assert_eq!(served.ended().await.0, Some(0));

        let seen: Vec<(Method, String)> = upstream
            .received()
            .into_iter()
            .map(|request| (request.method, request.path))
            .collect();
        let get = |item: &str| (Method::GET, format!("/items/{item}"));
        assert_eq!(seen, [get("before"), get("after")], "{durability}");
        let journal = directory.path().join("state/journal");
        let records = super::records(&journal);
        let recovered = records
            .iter()
            .find(|record| record["what"] == "journal.recovered")
            .unwrap();
        assert!(
            recovered["detail"]["refused"].as_u64().unwrap() >= 5,
            "{recovered}"
        );
        let report = verify(&journal, &Trust::default()).unwrap();
        assert_eq!((report.finding, report.lost.len()), (None, 0));
    }
}
