//! Writes an upstream's answer on the agent's connection, as it arrives.

use std::future::ready;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http::Version;
use http::response::Parts;
use pingora::http::ResponseHeader;
use pingora::protocols::Stream;
use pingora::protocols::http::HttpTask;
use pingora::{Error, ErrorType, Result};
use tokio::io::WriteHalf;

use super::agent;
use super::progress::Progress;
use super::shape::{Asker, Shape, put_answer};
use super::source::Source;
use crate::pipeline::Gateway;
use crate::pipeline::permit_validity::PermitValidity;
use crate::pipeline::refuse::{Code, RefusedExchange};
use crate::proxy::answer;
use crate::proxy::drain::Drain;
use crate::proxy::exchange::Exchange;
use crate::proxy::relay::STALLED;
use crate::proxy::response_buffer::{ResponseBuffer, Stop};
use crate::proxy::slot::REVOKED;
use crate::proxy::status::is_last;

/// Pieces that are there at once are written at once, up to this size: one TLS record.
const ONE_WRITE: usize = 16 * 1024;

/// An agent that is answered.
pub(super) struct Answering<'a> {
    pub(super) gateway: &'a Arc<Gateway>,
    pub(super) validity: &'a Arc<PermitValidity>,
    pub(super) drain: &'a Drain,
    pub(super) exchange: &'a mut Exchange,
    pub(super) writer: &'a mut WriteHalf<Stream>,
    pub(super) progress: &'a Progress,
    /// Where the answer is held back until it is whole.
    pub(super) held: Option<ResponseBuffer>,
    pub(super) asker: Asker,
    /// The agent may ask again on this connection.
    pub(super) keeps: bool,
}

impl Answering<'_> {
    /// Answers; returns whether the agent's connection goes on.
    pub(super) async fn run<S: Source>(&mut self, source: &mut S) -> Result<bool> {
        let parts = self.head(source).await?;
        match self.held.take() {
            Some(held) => {
                let (parts, body) = self.buffer(held, source, parts).await?;
                let mut whole = Memory(Some(body));
                self.pass(&mut whole, parts, false).await
            }
            None => self.pass(source, parts, true).await,
        }
    }

    /// Reads the last head of the answer; those before it are passed on.
    async fn head<S: Source>(&mut self, source: &mut S) -> Result<Parts> {
        loop {
            let mut parts = source.head().await?;
            self.exchange.check_validity(self.gateway)?;
            if parts.status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
                let code = Code::UpstreamProxyAuthentication;
                let refusal = self.exchange.refused(code);
                return Err(self.end(refusal));
            }
            answer::receive(self.exchange, &mut parts)?;
            if is_last(parts.status) {
                if let Some(permitted) = self.exchange.permitted() {
                    self.progress.begin_answer(permitted.extent);
                }
                return Ok(parts);
            }
            // RFC 9110 section 15.2.
            if self.held.is_none() && self.asker.version == Version::HTTP_11 {
                let mut out = BytesMut::new();
                put_answer(&mut out, (&parts, Shape::Empty), self.asker, true);
                self.write(&out).await?;
            }
        }
    }

    /// Waits until an answer that may hold a credential is whole, and masks it.
    async fn buffer<S: Source>(
        &mut self,
        mut held: ResponseBuffer,
        source: &mut S,
        parts: Parts,
    ) -> Result<(Parts, Bytes)> {
        let head = Box::new(ResponseHeader::from(parts));
        let mut next = HttpTask::Header(head, false);
        loop {
            let taken = held.take(self.gateway, self.validity, vec![next]);
            if let Some(tasks) = taken.map_err(|stop| self.stop(stop))? {
                return joined(tasks);
            }
            let piece = source.piece().await?;
            self.note(piece.as_ref())?;
            next = match piece {
                Some(piece) => HttpTask::Body(Some(piece), false),
                None => HttpTask::Done,
            };
        }
    }

    fn stop(&mut self, stop: Stop) -> Box<Error> {
        match stop {
            Stop::Refused(refusal) => self.end(*refusal),
            Stop::Failed(error) => error,
        }
    }

    /// Notes a piece of the upstream's body, or its end.
    fn note(&mut self, piece: Option<&Bytes>) -> Result<()> {
        self.exchange.check_validity(self.gateway)?;
        if let Some(permitted) = self.exchange.permitted() {
            match piece {
                Some(piece) => permitted.open_exchange.note_body(piece),
                None => permitted.note_answered(),
            }
        }
        Ok(())
    }

    /// Returns the next piece of the upstream's body that the agent may have; `None` at its end.
    ///
    /// What is to be written goes out before a wait.
    async fn next_piece<S: Source>(
        &mut self,
        source: &mut S,
        out: &mut BytesMut,
    ) -> Result<Option<Bytes>> {
        let mask = self.exchange.permitted();
        let mask = mask.and_then(|permitted| permitted.streaming_mask().cloned());
        loop {
            if let Some(mask) = &mask {
                let passed = mask.next_piece();
                let passed = passed.map_err(|refusal| self.exchange.refuse(refusal))?;
                if passed.is_some() || mask.has_ended() {
                    return Ok(passed);
                }
            }
            let piece = self.piece_or_flush(source, out).await?;
            self.note(piece.as_ref())?;
            match (&mask, piece) {
                (None, piece) => return Ok(piece),
                (Some(mask), Some(piece)) => {
                    let fed = mask.feed(piece);
                    fed.map_err(|refusal| self.exchange.refuse(refusal))?;
                }
                (Some(mask), None) => mask.end(),
            }
        }
    }

    async fn piece_or_flush<S: Source>(
        &mut self,
        source: &mut S,
        out: &mut BytesMut,
    ) -> Result<Option<Bytes>> {
        let next = source.piece();
        tokio::pin!(next);
        let at_once = tokio::select! {
            biased;
            piece = &mut next => Some(piece),
            () = ready(()) => None,
        };
        match at_once {
            Some(piece) => piece,
            None => {
                self.write_answer(out).await?;
                out.clear();
                next.await
            }
        }
    }

    /// Writes an answer as it comes.
    async fn pass<S: Source>(&mut self, source: &mut S, parts: Parts, notes: bool) -> Result<bool> {
        let mut shape = Shape::of(self.asker, parts.status, &parts.headers);
        let goes_on = !self.drain.is_draining() && !self.progress.owes_body();
        let keeps = self.keeps && goes_on && shape != Shape::Close;
        let mut out = BytesMut::with_capacity(1024);
        put_answer(&mut out, (&parts, shape), self.asker, keeps);
        while shape != Shape::Empty {
            if out.len() >= ONE_WRITE {
                self.write_answer(&out).await?;
                out.clear();
            }
            let piece = if notes {
                self.next_piece(source, &mut out).await?
            } else {
                source.piece().await?
            };
            let Some(piece) = piece else {
                break;
            };
            let direct = out.is_empty() && shape != Shape::Chunked;
            let put = if direct {
                shape.count(&piece)
            } else {
                shape.put(&mut out, &piece)
            };
            put.map_err(|_| broken("an answer that is longer than it says"))?;
            if direct {
                self.write_answer(&piece).await?;
            }
        }
        if !shape.end(&mut out) {
            return Err(broken("an answer that is shorter than it says"));
        }
        self.write_answer(&out).await?;
        Ok(keeps)
    }

    /// Writes bytes of the last head or the body: from the first of them on, a failure cannot be answered any more.
    async fn write_answer(&mut self, bytes: &[u8]) -> Result<()> {
        if !bytes.is_empty() {
            self.progress.start_response();
        }
        self.write(bytes).await
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let write = agent::write(self.writer, bytes);
        tokio::pin!(write);
        let at_once = tokio::select! {
            biased;
            written = &mut write => Some(written),
            () = ready(()) => None,
        };
        let written = match at_once {
            Some(written) => written,
            None => {
                // Until the agent reads on, what the upstream has sent meanwhile stays in memory: the agent's.
                let _stalled = match self.validity.reserve(self.gateway, STALLED) {
                    Ok(stalled) => stalled,
                    Err(refusal) => {
                        self.exchange.end(refusal);
                        return Err(Error::new(ErrorType::Custom(REVOKED)));
                    }
                };
                self.progress.writing(write).await
            }
        };
        self.progress.touch_answer();
        written.map_err(|error| {
            Error::because(ErrorType::WriteError, "while answering", error).into_down()
        })
    }

    fn end(&mut self, refusal: RefusedExchange) -> Box<Error> {
        self.exchange.end(refusal);
        Error::new(ErrorType::Custom(REVOKED))
    }
}

/// An answer that is in memory.
struct Memory(Option<Bytes>);

impl Source for Memory {
    async fn head(&mut self) -> Result<Parts> {
        Err(internal("its head was read"))
    }

    async fn piece(&mut self) -> Result<Option<Bytes>> {
        Ok(self.0.take().filter(|body| !body.is_empty()))
    }
}

/// Returns the head and the body of an answer that was held back.
fn joined(tasks: Vec<HttpTask>) -> Result<(Parts, Bytes)> {
    let (mut head, mut body) = (None, Bytes::new());
    for task in tasks {
        match task {
            HttpTask::Header(parts, _) => head = Some(Parts::from(*parts)),
            HttpTask::Body(Some(bytes), _) => body = bytes,
            _ => {}
        }
    }
    let head = head.ok_or_else(|| internal("an answer without a head"))?;
    Ok((head, body))
}

fn broken(what: &'static str) -> Box<Error> {
    Error::explain(ErrorType::InvalidHTTPHeader, what).into_up()
}

fn internal(what: &'static str) -> Box<Error> {
    Error::explain(ErrorType::InternalError, what)
}
