//! Answer: what an upstream answers in, its bytes on the agent's connection out, as they come.

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
use crate::proxy::answer::{self, is_last};
use crate::proxy::drain::Drain;
use crate::proxy::exchange::Exchange;
use crate::proxy::relay::STALLED;
use crate::proxy::response_buffer::{ResponseBuffer, Stop};
use crate::proxy::slot::VOID;

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
            let Some(permitted) = self.exchange.permitted() else {
                return Err(internal("an answer came without a permit"));
            };
            answer::receive(permitted, &mut parts)?;
            if is_last(parts.status) {
                self.progress.begin_answer(permitted.extent);
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

    /// Writes an answer as it comes.
    async fn pass<S: Source>(&mut self, source: &mut S, parts: Parts, notes: bool) -> Result<bool> {
        let mut shape = Shape::of(self.asker, parts.status, &parts.headers);
        let goes_on = !self.drain.is_draining() && !self.progress.owes_body();
        let keeps = self.keeps && goes_on && shape != Shape::Close;
        let mut out = BytesMut::with_capacity(1024);
        put_answer(&mut out, (&parts, shape), self.asker, keeps);
        self.progress.start_response();
        while shape != Shape::Empty {
            if !out.is_empty() && (out.len() >= ONE_WRITE || !source.has_more()) {
                self.write(&out).await?;
                out.clear();
            }
            let piece = source.piece().await?;
            if notes {
                self.note(piece.as_ref())?;
            }
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
                self.write(&piece).await?;
            }
        }
        if !shape.end(&mut out) {
            return Err(broken("an answer that is shorter than it says"));
        }
        self.write(&out).await?;
        Ok(keeps)
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
                        return Err(Error::new(ErrorType::Custom(VOID)));
                    }
                };
                self.progress.writing(write).await
            }
        };
        self.progress.touch();
        written.map_err(|error| {
            Error::because(ErrorType::WriteError, "while answering", error).into_down()
        })
    }

    fn end(&mut self, refusal: RefusedExchange) -> Box<Error> {
        self.exchange.end(refusal);
        Error::new(ErrorType::Custom(VOID))
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

    fn has_more(&self) -> bool {
        true
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
