//! Traffic: one kind of agent in; its requests, one after the other at a bounded rate, and what went wrong with them out.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::upstream::{CHUNKS, STREAM};
use crate::load;
use crate::wire::{Connection, HOST, Route};

/// Requests of one connection before it is closed and opened anew.
const CONNECTION: usize = 200;

/// What an agent of this kind does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Get,
    Post,
    LargePost,
    Fresh,
    Refused,
    Stream,
    Http2,
}

/// What came of it, of all kinds together.
#[derive(Debug, Default)]
pub(super) struct Tally {
    requests: AtomicU64,
    errors: AtomicU64,
}

impl Kind {
    pub(super) const ALL: [Self; 7] = [
        Self::Get,
        Self::Post,
        Self::LargePost,
        Self::Fresh,
        Self::Refused,
        Self::Stream,
        Self::Http2,
    ];

    /// How many such agents there are.
    pub(super) fn tasks(self) -> usize {
        match self {
            Self::Get | Self::Post | Self::Stream | Self::Http2 => 4,
            Self::LargePost | Self::Fresh | Self::Refused => 2,
        }
    }

    pub(super) fn protocol(self) -> &'static str {
        match self {
            Self::Http2 => "h2",
            Self::Get
            | Self::Post
            | Self::LargePost
            | Self::Fresh
            | Self::Refused
            | Self::Stream => "http/1.1",
        }
    }

    /// Between two requests of one agent.
    fn pause(self) -> Duration {
        match self {
            Self::Get | Self::Post | Self::Http2 => Duration::from_millis(40),
            Self::LargePost | Self::Fresh | Self::Refused | Self::Stream => {
                Duration::from_millis(200)
            }
        }
    }
}

impl Tally {
    pub(super) fn errors(&self) -> u64 {
        self.errors.load(Ordering::Relaxed)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let requests = self.requests.load(Ordering::Relaxed);
        write!(f, "{requests} requests, {} errors", self.errors())
    }
}

/// Goes on until the time is over; an error is told, and a new connection made.
pub(super) async fn run(kind: Kind, route: &Route, until: Instant, tally: &Tally) {
    while Instant::now() < until {
        let outcome = match kind {
            Kind::Stream => streams(route, until, tally).await,
            Kind::Http2 => http2(route, until, tally).await,
            Kind::Get | Kind::Post | Kind::LargePost | Kind::Fresh | Kind::Refused => {
                http1(kind, route, until, tally).await
            }
        };
        if let Err(error) = outcome {
            tally.errors.fetch_add(1, Ordering::Relaxed);
            eprintln!("{kind:?}: {error:#}");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

async fn http1(kind: Kind, route: &Route, until: Instant, tally: &Tally) -> Result<()> {
    let authorization = "Bearer placeholder";
    let (request, expected) = match kind {
        Kind::Post => (load::Request::Post(2_048).bytes(authorization), 200),
        Kind::LargePost => (load::Request::Post(65_536).bytes(authorization), 200),
        Kind::Refused => (delete(), 403),
        Kind::Get | Kind::Fresh | Kind::Stream | Kind::Http2 => {
            (load::Request::Get.bytes(authorization), 200)
        }
    };
    let mut connection: Connection = route.connect().await?;
    let count = if kind == Kind::Fresh { 1 } else { CONNECTION };
    for _ in 0..count {
        if Instant::now() >= until {
            break;
        }
        let status = connection.exchange(&request).await?;
        ensure!(
            status == expected,
            "answered {status}: {}",
            String::from_utf8_lossy(connection.answer())
        );
        tally.requests.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(kind.pause()).await;
    }
    Ok(())
}

fn delete() -> Vec<u8> {
    format!("DELETE /rest/api/3/issue/OPS-7 HTTP/1.1\r\nHost: {HOST}\r\n\r\n").into_bytes()
}

async fn streams(route: &Route, until: Instant, tally: &Tally) -> Result<()> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(route.tls().await?)).await?;
    let driver = tokio::spawn(connection);
    for _ in 0..CONNECTION {
        if Instant::now() >= until {
            break;
        }
        let request = Request::get(STREAM)
            .header("host", HOST)
            .body(Full::<Bytes>::default())?;
        let mut answer = sender.send_request(request).await?;
        ensure!(answer.status() == 200, "answered {}", answer.status());
        let mut bytes = 0;
        while let Some(frame) = answer.body_mut().frame().await {
            bytes += frame?.data_ref().map_or(0, Bytes::len);
        }
        ensure!(
            bytes == CHUNKS * super::upstream::CHUNK,
            "a stream of {bytes} bytes"
        );
        tally.requests.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Kind::Stream.pause()).await;
    }
    drop(sender);
    // The gateway closes it when it likes; what matters was said in the answers.
    driver.abort();
    Ok(())
}

async fn http2(route: &Route, until: Instant, tally: &Tally) -> Result<()> {
    let io = TokioIo::new(route.tls().await?);
    let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
    let driver = tokio::spawn(connection);
    for _ in 0..CONNECTION {
        if Instant::now() >= until {
            break;
        }
        let (one, other) = tokio::join!(get(sender.clone()), get(sender.clone()));
        one?;
        other?;
        tally.requests.fetch_add(2, Ordering::Relaxed);
        tokio::time::sleep(Kind::Http2.pause()).await;
    }
    drop(sender);
    driver.abort();
    Ok(())
}

async fn get(mut sender: http2::SendRequest<Full<Bytes>>) -> Result<()> {
    let url = format!("https://{HOST}/rest/api/3/issue/OPS-7");
    let request = Request::get(url).body(Full::default())?;
    let answer = sender.send_request(request).await?;
    ensure!(answer.status() == 200, "answered {}", answer.status());
    answer.into_body().collect().await?;
    Ok(())
}
