//! A gateway that is restarted under load, on a port that somebody else holds: what was begun is answered, and nothing is turned away.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;

use super::rig::{self, HOST};
use crate::support::agent::Agent;
use crate::support::upstream::Upstream;

const RESTARTS: usize = 3;

/// Requests that pass between two restarts.
const BETWEEN: usize = 25;

/// How an agent connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// A connection for each request.
    Fresh,
    /// One for many, with HTTP/1.1.
    Kept,
    /// One for many, with HTTP/2.
    Shared,
}

/// What became of a request.
#[derive(Debug)]
struct Sent {
    number: usize,
    way: Way,
    /// Status, or why there is none.
    answer: Result<u16, String>,
}

/// Agents that ask all the time.
struct Load {
    agents: JoinSet<Vec<Sent>>,
    number: Arc<AtomicUsize>,
    answered: Arc<AtomicUsize>,
    ends: Arc<AtomicBool>,
}

impl Load {
    fn start(agent: &Agent) -> Self {
        let mut load = Self {
            agents: JoinSet::new(),
            number: Arc::default(),
            answered: Arc::default(),
            ends: Arc::default(),
        };
        for way in [Way::Fresh, Way::Fresh, Way::Kept, Way::Kept, Way::Shared] {
            load.send(agent.clone(), way);
        }
        load
    }

    fn send(&mut self, agent: Agent, way: Way) {
        let number = Arc::clone(&self.number);
        let answered = Arc::clone(&self.answered);
        let ends = Arc::clone(&self.ends);
        let client = move || match way {
            Way::Fresh | Way::Kept => agent.http1(),
            Way::Shared => agent.http2(),
        };
        self.agents.spawn(async move {
            let mut all = Vec::new();
            let kept = client();
            while !ends.load(Ordering::SeqCst) {
                let number = number.fetch_add(1, Ordering::SeqCst);
                let client = if way == Way::Fresh {
                    client()
                } else {
                    kept.clone()
                };
                let url = format!("https://{HOST}/read/{number}");
                let sent = client.post(url).body(r#"{"pad":"a"}"#).send().await;
                let answer = match sent {
                    Ok(answer) => {
                        let status = answer.status().as_u16();
                        let whole = answer.bytes().await;
                        whole
                            .map(|_| status)
                            .map_err(|error| format!("{status}, then {error:?}"))
                    }
                    Err(error) => Err(format!("{error:?}")),
                };
                answered.fetch_add(usize::from(answer.is_ok()), Ordering::SeqCst);
                all.push(Sent {
                    number,
                    way,
                    answer,
                });
            }
            all
        });
    }

    /// Waits until so many more requests are answered.
    async fn pass(&self, count: usize) {
        let wanted = self.answered.load(Ordering::SeqCst) + count;
        let passed = async {
            while self.answered.load(Ordering::SeqCst) < wanted {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), passed)
            .await
            .expect("nothing is answered any more");
    }

    async fn end(self) -> Vec<Sent> {
        self.ends.store(true, Ordering::SeqCst);
        self.agents.join_all().await.into_iter().flatten().collect()
    }
}

#[tokio::test]
async fn loses_no_request_that_it_has_begun_and_turns_no_connection_away() {
    let upstream = Upstream::start(&[HOST]).await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut gateway = rig::describe()
        .handed(listener)
        .upstream(&format!("{HOST}:443"), &upstream)
        .start()
        .await;
    let load = Load::start(&gateway.agent);
    for _ in 0..RESTARTS {
        load.pass(BETWEEN).await;
        gateway = gateway.restart().await;
    }
    load.pass(BETWEEN).await;
    let sent = load.end().await;

    let mut arrived: BTreeMap<String, usize> = BTreeMap::new();
    for request in upstream.received() {
        *arrived.entry(request.path).or_default() += 1;
    }
    for Sent {
        number,
        way,
        answer,
    } in &sent
    {
        let arrived = arrived.get(&format!("/read/{number}")).copied();
        match answer {
            Ok(status) => assert_eq!((*status, arrived), (200, Some(1)), "{way:?} {number}"),
            Err(error) => {
                // A connection may close just as a request sets out; then it has gone nowhere, and can be repeated.
                assert_eq!(arrived, None, "{way:?} {number}: {error}");
                assert_ne!(*way, Way::Fresh, "{number}: {error}");
            }
        }
    }
}
