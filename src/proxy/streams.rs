//! Keeps what is known of an HTTP/2 request before Pingora sees it, until the exchange claims it.
//!
//! The reader of a connection (`http2/reading.rs`) writes the stream's number into each head, as the header [`MARK`]. Agents cannot
//! send it: a head that has it is refused.

use std::sync::{Arc, OnceLock};

use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Version};
use parking_lot::Mutex;
use pingora::Result;
use pingora::proxy::Session;

use super::head::Fault;

/// Names the stream of a head.
pub(super) const MARK: &str = "tollgate-stream";

/// Streams that no exchange has claimed. The `h2` crate takes on 100 at once and refuses the others.
const MAX_UNCLAIMED: usize = 1000;

/// One request, as far as its frames say.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// `Content-Length`. The `h2` crate does not see it, since it would reset a stream that does not keep to it, without an answer.
    declared: Option<u64>,
    fault: OnceLock<Fault>,
}

/// The streams of a connection that no exchange has claimed.
#[derive(Debug, Default)]
pub(super) struct Streams(Mutex<Vec<(u32, Arc<Stream>)>>);

impl Stream {
    pub(super) fn new(declared: Option<u64>) -> Self {
        Self {
            declared,
            fault: OnceLock::new(),
        }
    }

    /// Notes why the request is malformed. The first reason counts.
    pub(super) fn note(&self, fault: Fault) {
        let _ = self.fault.set(fault);
    }

    /// Returns why the request is malformed. A malformed body is known by the time that its end can be read.
    pub(super) fn fault(&self) -> Option<&Fault> {
        self.fault.get()
    }
}

impl Streams {
    /// Keeps a stream until it is claimed. Returns `false` if there are too many.
    pub(super) fn add(&self, id: u32, stream: Arc<Stream>) -> bool {
        let mut streams = self.0.lock();
        if streams.len() >= MAX_UNCLAIMED {
            return false;
        }
        streams.push((id, stream));
        true
    }

    /// Forgets a stream that was reset.
    pub(super) fn forget(&self, id: u32) {
        self.take(id);
    }

    fn take(&self, id: u32) -> Option<Arc<Stream>> {
        let mut streams = self.0.lock();
        let at = streams.iter().position(|(other, _)| *other == id)?;
        Some(streams.swap_remove(at).1)
    }
}

/// Returns what is known of the stream of a session, and makes its head what the agent has sent; `None` for HTTP/1.1.
///
/// # Errors
/// When a head of HTTP/2 has not come through the reader.
pub(super) fn claim(session: &mut Session, streams: &Streams) -> Result<Option<Arc<Stream>>> {
    let request = session.req_header_mut();
    if request.version != Version::HTTP_2 {
        return Ok(None);
    }
    let mark = request.remove_header(MARK);
    let id = mark.and_then(|mark| mark.to_str().ok()?.parse().ok());
    let stream = id.and_then(|id| streams.take(id));
    let stream = stream.unwrap_or_else(|| {
        // It was reset already, so its answer reaches no agent.
        let reset = Stream::default();
        reset.note("the stream was reset".into());
        Arc::new(reset)
    });
    if let Some(declared) = stream.declared {
        request.insert_header(CONTENT_LENGTH, HeaderValue::from(declared))?;
    }
    Ok(Some(stream))
}
