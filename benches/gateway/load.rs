//! Load: a way to a contender and what to ask in; how long each request took out. Any answer but 200 fails the run.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::wire::{Connection, HOST, Route};

/// What one run does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) name: &'static str,
    pub(crate) request: Request,
    pub(crate) connections: usize,
    pub(crate) pace: Pace,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Request {
    Get,
    /// With a JSON body of about so many bytes.
    Post(usize),
}

/// When the next request is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Once the last one on the same tunnel is answered.
    Closed,
    /// The same, each in a tunnel of its own.
    Fresh,
    /// So many a second, whatever the answers do: the time of each counts from when it was due.
    Fixed(u32),
}

/// What a run came to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sample {
    pub(crate) requests: usize,
    pub(crate) seconds: f64,
    /// Sorted, in nanoseconds.
    times: Vec<u64>,
}

/// Every load, in the order of a round.
pub(crate) const LOADS: [Load; 11] = [
    closed("get-1", Request::Get, 1),
    closed("get-16", Request::Get, 16),
    closed("get-64", Request::Get, 64),
    closed("post-2k-1", Request::Post(2_048), 1),
    closed("post-2k-16", Request::Post(2_048), 16),
    closed("post-2k-64", Request::Post(2_048), 64),
    closed("post-64k-1", Request::Post(65_536), 1),
    closed("post-64k-16", Request::Post(65_536), 16),
    closed("post-64k-64", Request::Post(65_536), 64),
    Load {
        pace: Pace::Fresh,
        ..closed("fresh-get-16", Request::Get, 16)
    },
    Load {
        pace: Pace::Fixed(500),
        ..closed("fixed-get-500", Request::Get, 16)
    },
];

const fn closed(name: &'static str, request: Request, connections: usize) -> Load {
    Load {
        name,
        request,
        connections,
        pace: Pace::Closed,
    }
}

impl Sample {
    pub(crate) fn per_second(&self) -> f64 {
        self.requests as f64 / self.seconds
    }

    /// Returns the time, in microseconds, that this share of the requests stayed below.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let last = self.times.len().saturating_sub(1);
        let at = (last as f64 * share).round() as usize;
        self.times
            .get(at)
            .map_or(f64::NAN, |&time| time as f64 / 1_000.0)
    }

    fn of(times: &[Vec<u64>], seconds: f64) -> Self {
        let mut times = times.concat();
        times.sort_unstable();
        Self {
            requests: times.len(),
            seconds,
            times,
        }
    }
}

impl Request {
    /// Returns the request as it is sent.
    pub(crate) fn bytes(self, authorization: &str) -> Vec<u8> {
        let common = format!(
            "Host: {HOST}\r\nUser-Agent: bench/1.0\r\nAccept: application/json\r\nAccept-Encoding: identity\r\n\
             Authorization: {authorization}\r\nX-Atlassian-Token: no-check\r\n"
        );
        match self {
            Self::Get => {
                format!("GET /rest/api/3/issue/OPS-7?fields=summary HTTP/1.1\r\n{common}\r\n")
                    .into_bytes()
            }
            Self::Post(bytes) => {
                let body = issue(bytes);
                let length = body.len();
                format!(
                    "POST /rest/api/3/issue HTTP/1.1\r\n{common}Content-Type: application/json\r\n\
                     Content-Length: {length}\r\n\r\n{body}"
                )
                .into_bytes()
            }
        }
    }
}

/// An issue whose description has about this many bytes, in paragraphs as Jira writes them.
fn issue(bytes: usize) -> String {
    let paragraph = r#"{"type":"paragraph","content":[{"type":"text","text":"The gateway answers after a while, and then not at all."}]}"#;
    let paragraphs = vec![paragraph; (bytes / paragraph.len()).max(1)].join(",");
    format!(
        r#"{{"fields":{{"project":{{"key":"OPS"}},"issuetype":{{"name":"Bug"}},"labels":["a","b"],"summary":"It is slow","description":{{"type":"doc","version":1,"content":[{paragraphs}]}}}}}}"#
    )
}

/// Runs a load for so long. Connecting, and one request on each kept tunnel, come before the clock starts.
pub(crate) async fn run(
    load: Load,
    route: &Route,
    authorization: &str,
    length: Duration,
) -> Result<Sample> {
    let request: Arc<[u8]> = load.request.bytes(authorization).into();
    match load.pace {
        Pace::Closed => closed_loop(load, route, &request, length).await,
        Pace::Fresh => fresh(load, route, &request, length).await,
        Pace::Fixed(rate) => fixed(load, route, &request, (rate, length)).await,
    }
}

async fn ask(connection: &mut Connection, request: &[u8]) -> Result<()> {
    let status = connection.exchange(request).await?;
    ensure!(
        status == 200,
        "answered {status}: {}",
        String::from_utf8_lossy(connection.answer())
    );
    Ok(())
}

/// Asks so many times on one connection.
pub(crate) async fn repeat(
    connection: &mut Connection,
    request: &[u8],
    times: usize,
) -> Result<()> {
    for _ in 0..times {
        ask(connection, request).await?;
    }
    Ok(())
}

async fn warm(route: &Route, request: &[u8], count: usize) -> Result<Vec<Connection>> {
    let mut connections = Vec::with_capacity(count);
    for _ in 0..count {
        let mut connection = route.connect().await?;
        ask(&mut connection, request).await?;
        connections.push(connection);
    }
    Ok(connections)
}

async fn closed_loop(
    load: Load,
    route: &Route,
    request: &Arc<[u8]>,
    length: Duration,
) -> Result<Sample> {
    let mut tasks = JoinSet::new();
    let connections = warm(route, request, load.connections).await?;
    let start = Instant::now();
    for mut connection in connections {
        let request = Arc::clone(request);
        tasks.spawn(async move {
            let mut times = Vec::with_capacity(64 * 1024);
            while start.elapsed() < length {
                let sent = Instant::now();
                ask(&mut connection, &request).await?;
                times.push(nanoseconds(sent));
            }
            anyhow::Ok(times)
        });
    }
    collect(tasks, start).await
}

async fn fresh(load: Load, route: &Route, request: &Arc<[u8]>, length: Duration) -> Result<Sample> {
    let mut tasks = JoinSet::new();
    let start = Instant::now();
    for _ in 0..load.connections {
        let (route, request) = (route.clone(), Arc::clone(request));
        tasks.spawn(async move {
            let mut times = Vec::with_capacity(8 * 1024);
            while start.elapsed() < length {
                let sent = Instant::now();
                ask(&mut route.connect().await?, &request).await?;
                times.push(nanoseconds(sent));
            }
            anyhow::Ok(times)
        });
    }
    collect(tasks, start).await
}

/// A thread says when each request is due, since a runtime's timers are too coarse; whichever tunnel is free takes it.
async fn fixed(
    load: Load,
    route: &Route,
    request: &Arc<[u8]>,
    (rate, length): (u32, Duration),
) -> Result<Sample> {
    let (due, taken) = mpsc::unbounded_channel::<Instant>();
    let taken = Arc::new(tokio::sync::Mutex::new(taken));
    let mut tasks = JoinSet::new();
    let connections = warm(route, request, load.connections).await?;
    let start = Instant::now();
    for mut connection in connections {
        let (taken, request) = (Arc::clone(&taken), Arc::clone(request));
        tasks.spawn(async move {
            let mut times = Vec::with_capacity(8 * 1024);
            while let Some(due) = next(&taken).await {
                ask(&mut connection, &request).await?;
                times.push(nanoseconds(due));
            }
            anyhow::Ok(times)
        });
    }
    let pause = Duration::from_secs(1) / rate;
    let pacer = std::thread::spawn(move || {
        let mut moment = start;
        while moment < start + length {
            std::thread::sleep(moment.saturating_duration_since(Instant::now()));
            if due.send(moment).is_err() {
                return;
            }
            moment += pause;
        }
    });
    let sample = collect(tasks, start).await;
    ensure!(pacer.join().is_ok(), "the pacing thread ends");
    sample
}

async fn next(due: &tokio::sync::Mutex<mpsc::UnboundedReceiver<Instant>>) -> Option<Instant> {
    due.lock().await.recv().await
}

async fn collect(mut tasks: JoinSet<Result<Vec<u64>>>, start: Instant) -> Result<Sample> {
    let mut times = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        times.push(ended??);
    }
    Ok(Sample::of(&times, start.elapsed().as_secs_f64()))
}

fn nanoseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
