//! Streams rows of activity to browsers. Pages with the same filters share one stream of the API, and a row is rendered once for all.
//!
//! INVARIANT: a page that falls behind is told so and reads its page again; nothing waits for it, and nothing grows.

mod batch;

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_core::Stream;
use http_body_util::BodyExt as _;
use parking_lot::Mutex;
use serde_json::Value as Json;
use tokio::sync::{broadcast, mpsc};
use tokio::time::Instant;

use super::App;
use super::activity::FILTERS;
use super::client::{Call, Client};
use super::fields::Fields;
use super::refused::Refused;
use super::visitor::Visitor;

use batch::{Batch, take_records};

/// How long records are gathered before they are sent together.
const GATHER: Duration = Duration::from_millis(250);

/// Messages that are kept for pages that connect a moment after they were rendered.
const KEPT: usize = 40;

/// Messages that a page may be behind.
const BEHIND: usize = 32;

/// Records that a stream begins with; a page that misses more is read again.
const MOST_MISSED: u64 = 2000;

/// Streams at once, one for each set of filters.
const MOST_STREAMS: usize = 64;

/// How often a silent stream says that it lives, and whether its session still does.
const ALIVE: Duration = Duration::from_secs(10);

/// The streams that pages read, by their filters.
#[derive(Debug, Default)]
pub(super) struct Streams(Mutex<HashMap<String, Arc<Channel>>>);

/// One stream of the API and the pages that read it.
#[derive(Debug)]
struct Channel {
    /// Number of the record behind which the stream began.
    from: u64,
    sender: broadcast::Sender<Batch>,
    kept: Mutex<VecDeque<Batch>>,
}

/// What a page gets at first, and then.
struct Subscription {
    /// `None` where records are missing in between.
    first: Option<Vec<Batch>>,
    receiver: broadcast::Receiver<Batch>,
}

/// Events for one page.
struct Events(mpsc::Receiver<Event>);

impl Stream for Events {
    type Item = Result<Event, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context).map(|event| event.map(Ok))
    }
}

/// Streams the records behind `after` that match, or those that come from now on, while the session is open.
pub(super) async fn stream(
    State(app): State<App>,
    visitor: Visitor,
    fields: Fields,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let again = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let after = again.unwrap_or(fields.text("after")).parse::<u64>().ok();
    let query = fields.query(&FILTERS);
    let subscription = subscribe(&app, &visitor.client, (&query, after)).await?;
    let (sender, receiver) = mpsc::channel(4);
    tokio::spawn(async move {
        let _ = send(app, visitor, subscription, &sender).await;
    });
    let events = Sse::new(Events(receiver)).keep_alive(KeepAlive::new().interval(ALIVE));
    Ok(events.into_response())
}

/// Sends batches to one page; ends with its session, or when nobody reads.
async fn send(
    app: App,
    visitor: Visitor,
    subscription: Subscription,
    sender: &mpsc::Sender<Event>,
) -> Result<(), mpsc::error::SendError<Event>> {
    let Subscription {
        first,
        mut receiver,
    } = subscription;
    let missed = || Event::default().event("missed").data("records are missing");
    let Some(first) = first else {
        return sender.send(missed()).await;
    };
    for batch in first {
        sender.send(batch.event()).await?;
    }
    loop {
        let next = tokio::time::timeout(ALIVE, receiver.recv()).await;
        if !is_signed_in(&app, &visitor) {
            return sender
                .send(Event::default().event("end").data("signed out"))
                .await;
        }
        match next {
            Ok(Ok(batch)) => sender.send(batch.event()).await?,
            // The comment that keeps the connection is sent beside; a closed page is found by it.
            Err(_) if sender.is_closed() => return Ok(()),
            Err(_) => {}
            Ok(Err(_)) => return sender.send(missed()).await,
        }
    }
}

fn is_signed_in(app: &App, visitor: &Visitor) -> bool {
    let setup = &app.shared.setup;
    (setup.operators)(visitor.session.token()).is_some()
        && app
            .shared
            .sessions
            .is_open(&visitor.session, setup.clock.now())
}

async fn subscribe(
    app: &App,
    client: &Client,
    (query, after): (&str, Option<u64>),
) -> Result<Subscription, Refused> {
    let (newest, after) = match after {
        Some(after) => {
            if let Some(found) = app.shared.streams.join(query, after) {
                return Ok(found);
            }
            (client.newest().await?, after)
        }
        None => {
            let newest = client.newest().await?;
            if let Some(found) = app.shared.streams.join(query, newest) {
                return Ok(found);
            }
            (newest, newest)
        }
    };
    if newest.saturating_sub(after) > MOST_MISSED {
        return Ok(Subscription::missed());
    }
    let path = format!("/api/v1/records/stream?{query}");
    let call = Call {
        method: Method::GET,
        path: path.trim_end_matches('?'),
        body: &Json::Null,
        headers: vec![(HeaderName::from_static("last-event-id"), after.to_string())],
    };
    let response = client.request(call).await?;
    if !response.status().is_success() {
        return Err(Refused::plain(
            response.status(),
            "these filters cannot be read",
        ));
    }
    let body = response.into_body();
    let started = app.shared.streams.start((query, after), body, app.clone());
    started.ok_or_else(|| {
        let detail = "too many pages with filters of their own are live; close some";
        Refused::plain(StatusCode::SERVICE_UNAVAILABLE, detail)
    })
}

impl Subscription {
    /// Tells a page that it must be read again.
    fn missed() -> Self {
        Self {
            first: None,
            receiver: broadcast::channel(1).1,
        }
    }
}

impl Streams {
    /// Joins a stream that runs.
    fn join(&self, query: &str, after: u64) -> Option<Subscription> {
        let channel = Arc::clone(self.0.lock().get(query)?);
        // Locked while joining, so that no batch is both kept and received, or neither.
        let kept = channel.kept.lock();
        let receiver = channel.sender.subscribe();
        let newer: Vec<Batch> = kept
            .iter()
            .filter(|batch| batch.last > after)
            .cloned()
            .collect();
        let is_whole = match newer.first() {
            Some(first) => first.behind <= after,
            None => kept.back().map_or(channel.from, |batch| batch.last) <= after,
        };
        Some(Subscription {
            first: is_whole.then_some(newer),
            receiver,
        })
    }

    /// Starts to read a stream of the API; `None` where there are too many.
    fn start(&self, (query, from): (&str, u64), body: Body, app: App) -> Option<Subscription> {
        let mut streams = self.0.lock();
        if streams.len() >= MOST_STREAMS {
            return None;
        }
        let (sender, receiver) = broadcast::channel(BEHIND);
        let channel = Arc::new(Channel {
            from,
            sender,
            kept: Mutex::default(),
        });
        streams.insert(query.to_owned(), Arc::clone(&channel));
        let query = query.to_owned();
        tokio::spawn(async move {
            read(&channel, body, &app).await;
            let mut streams = app.shared.streams.0.lock();
            if streams
                .get(&query)
                .is_some_and(|known| Arc::ptr_eq(known, &channel))
            {
                streams.remove(&query);
            }
        });
        Some(Subscription {
            first: Some(Vec::new()),
            receiver,
        })
    }
}

/// Reads records until no page listens, and sends them on in batches.
async fn read(channel: &Channel, mut body: Body, app: &App) {
    let mut text = Vec::new();
    let mut last = channel.from;
    let mut until = Instant::now() + GATHER;
    loop {
        let frame = tokio::time::timeout_at(until, body.frame()).await;
        match frame {
            Ok(Some(Ok(frame))) => {
                if let Ok(data) = frame.into_data() {
                    text.extend_from_slice(&data);
                }
                if Instant::now() < until {
                    continue;
                }
            }
            Ok(Some(Err(_)) | None) => return,
            Err(_) => {}
        }
        until = Instant::now() + GATHER;
        let records = take_records(&mut text);
        if let Some(batch) = Batch::of(&records, last, app) {
            last = batch.last;
            channel.publish(batch);
        }
        if channel.sender.receiver_count() == 0 {
            return;
        }
    }
}

impl Channel {
    fn publish(&self, batch: Batch) {
        let mut kept = self.kept.lock();
        if kept.len() >= KEPT {
            kept.pop_front();
        }
        kept.push_back(batch.clone());
        // Nobody may listen at this moment.
        let _ = self.sender.send(batch);
    }
}
