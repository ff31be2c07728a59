//! Writes a request on the upstream's connection, as it arrives; then waits for an agent that leaves.

use std::sync::Arc;

use bytes::{BufMut as _, Bytes, BytesMut};
use pingora::protocols::Stream;
use pingora::protocols::http::v2::write_body;
use pingora::{Error, ErrorType, Result};
use tokio::io::{AsyncWriteExt as _, WriteHalf};

use super::agent::Reader;
use super::body::{Fault, Incoming};
use super::progress::Progress;
use super::shape::Shape;
use crate::pipeline::Gateway;
use crate::pipeline::permit_validity::PermitValidity;
use crate::pipeline::refuse::RefusedExchange;
use crate::proxy::watch::Extent;

/// A body up to this size goes out in one write with its head: one TLS record.
const ONE_WRITE: usize = 14 * 1024;

/// What of a streamed body is kept, so that it can be sent again.
const MAX_REPLAY: usize = 64 * 1024;

/// Where a request goes.
pub(super) trait Sink: Send {
    /// Writes a piece of the body, the head before the first one; `end` is the last.
    fn push(&mut self, piece: Bytes, end: bool) -> impl Future<Output = Result<()>> + Send;
}

/// An upstream of HTTP/1.1.
pub(super) struct Http1Sink<'a> {
    pub(super) writer: &'a mut WriteHalf<Stream>,
    /// To be written first: the head.
    pub(super) out: BytesMut,
    pub(super) shape: Shape,
}

/// An upstream of HTTP/2, whose head was sent.
pub(super) struct Http2Sink {
    pub(super) writer: h2::SendStream<Bytes>,
    /// The head was the end.
    pub(super) ended: bool,
}

/// What of a streamed body was sent already.
#[derive(Debug)]
pub(super) struct Replay(Option<BytesMut>);

/// The body of a request that is streamed.
pub(super) struct Feed<'a> {
    pub(super) reader: &'a mut Reader,
    pub(super) incoming: &'a mut Incoming,
    pub(super) replay: &'a mut Replay,
    /// Sent from memory; the agent's own body is not looked at.
    pub(super) judged: Option<Bytes>,
}

/// Why a request is not sent on.
#[derive(Debug)]
pub(super) enum Stopped {
    Agent(Fault),
    Upstream,
    Revoked(Box<RefusedExchange>),
}

/// What a request is sent by.
pub(super) struct Sending<'a> {
    pub(super) gateway: &'a Gateway,
    pub(super) validity: &'a Arc<PermitValidity>,
    pub(super) progress: &'a Progress,
}

impl Replay {
    pub(super) fn new() -> Self {
        Self(Some(BytesMut::new()))
    }

    /// Returns whether all that was sent can be sent again.
    pub(super) fn is_whole(&self) -> bool {
        self.0.is_some()
    }

    /// Returns whether nothing was sent.
    pub(super) fn is_empty(&self) -> bool {
        self.0.as_ref().is_some_and(BytesMut::is_empty)
    }

    fn note(&mut self, piece: &Bytes) {
        match &mut self.0 {
            Some(kept) if kept.len() + piece.len() <= MAX_REPLAY => kept.put_slice(piece),
            kept => *kept = None,
        }
    }

    /// Returns a copy of what was sent.
    fn sent(&self) -> Bytes {
        let kept = self.0.as_deref().unwrap_or_default();
        Bytes::copy_from_slice(kept)
    }
}

impl Sending<'_> {
    /// Sends a request, and waits until its agent leaves. Comes back only with the reason why it does not go on.
    pub(super) async fn run<S: Sink>(&self, mut sink: S, feed: Feed<'_>) -> Stopped {
        let Feed {
            reader,
            incoming,
            replay,
            judged,
        } = feed;
        let sent = match judged {
            Some(body) => self.push(&mut sink, body, true).await,
            None => self.stream(&mut sink, (reader, incoming, replay)).await,
        };
        if let Err(stopped) = sent {
            return stopped;
        }
        self.progress.end_request();
        reader.gone().await;
        Stopped::Agent(Fault::Left)
    }

    async fn stream<S: Sink>(
        &self,
        sink: &mut S,
        (reader, incoming, replay): (&mut Reader, &mut Incoming, &mut Replay),
    ) -> Result<(), Stopped> {
        let again = replay.sent();
        if !again.is_empty() {
            self.push(sink, again, incoming.is_ended()).await?;
        } else if incoming.is_ended() {
            return self.push(sink, Bytes::new(), true).await;
        } else if !reader.has_input() {
            // The upstream reads the head while the agent may take its time.
            self.push(sink, Bytes::new(), false).await?;
        }
        while !incoming.is_ended() {
            let piece = incoming.piece(reader).await.map_err(Stopped::Agent)?;
            self.progress.touch();
            self.check()?;
            // A chunked body may end without another byte of it.
            let piece = piece.unwrap_or_default();
            replay.note(&piece);
            self.progress.note_sent(piece.len());
            self.push(sink, piece, incoming.is_ended()).await?;
        }
        Ok(())
    }

    async fn push<S: Sink>(&self, sink: &mut S, piece: Bytes, end: bool) -> Result<(), Stopped> {
        let pushed = self.progress.sending(sink.push(piece, end)).await;
        pushed.map_err(|error| {
            tracing::debug!(
                error.kind = error.etype().as_str(),
                "an upstream does not read"
            );
            Stopped::Upstream
        })
    }

    fn check(&self) -> Result<(), Stopped> {
        let stands = match self.progress.extent() {
            Extent::Bounded => self.validity.check_admission(self.gateway),
            Extent::Stream => self.validity.check(self.gateway),
        };
        stands.map_err(|refusal| Stopped::Revoked(Box::new(refusal)))
    }
}

impl Sink for Http1Sink<'_> {
    async fn push(&mut self, piece: Bytes, end: bool) -> Result<()> {
        // A large body is not copied behind its head.
        let apart = piece.len() > ONE_WRITE && self.shape != Shape::Chunked;
        let put = if apart {
            self.shape.count(&piece)
        } else {
            self.shape.put(&mut self.out, &piece)
        };
        put.map_err(|_| internal("a request that is longer than it says"))?;
        if end && !self.shape.end(&mut self.out) {
            return Err(internal("a request that is shorter than it says"));
        }
        write(self.writer, &self.out).await?;
        self.out.clear();
        if apart {
            write(self.writer, &piece).await?;
        }
        self.writer.flush().await.map_err(broken)
    }
}

async fn write(writer: &mut WriteHalf<Stream>, bytes: &[u8]) -> Result<()> {
    if bytes.is_empty() {
        return Ok(());
    }
    writer.write_all(bytes).await.map_err(broken)
}

fn broken(error: std::io::Error) -> Box<Error> {
    Error::because(ErrorType::WriteError, "while sending a request", error).into_up()
}

fn internal(what: &'static str) -> Box<Error> {
    Error::explain(ErrorType::InternalError, what)
}

impl Sink for Http2Sink {
    async fn push(&mut self, piece: Bytes, end: bool) -> Result<()> {
        if self.ended || (piece.is_empty() && !end) {
            return Ok(());
        }
        write_body(&mut self.writer, piece, end, None)
            .await
            .map_err(|error| error.into_up())
    }
}
