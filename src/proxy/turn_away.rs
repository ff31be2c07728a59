//! Records and answers a malformed head, and ends its connection.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use pingora::protocols::Stream;
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::time::Sleep;

use super::connection::{Connection, Via};
use super::head::Fault;
use super::request_id;
use super::respond::{After, DRAIN, GatewayResponse};
use crate::model::clock::Clock;
use crate::pipeline::Gateway;
use crate::pipeline::record::refused_early;
use crate::pipeline::refuse::RefusedExchange;

/// Most bytes that are discarded of such a request, so that closing does not lose the answer.
const MAX_READ_AWAY: usize = 256 * 1024;

/// Makes and records refusals of heads.
#[derive(Clone)]
pub(super) struct Refuser {
    pub(super) gateway: Arc<Gateway>,
    pub(super) clock: Clock,
}

/// How far the answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Write,
    Flush,
    Close,
    ReadAway(usize),
    Done,
}

/// A refusal that is being written.
pub(super) struct TurnAway {
    answer: Bytes,
    step: Step,
    deadline: Pin<Box<Sleep>>,
}

impl fmt::Debug for Refuser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Refuser")
    }
}

impl fmt::Debug for TurnAway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TurnAway").field(&self.step).finish()
    }
}

impl Refuser {
    /// Records a refusal, and begins to answer with it.
    pub(super) fn turn_away(&self, connection: &Connection, fault: &Fault) -> TurnAway {
        connection.fresh.end();
        let refusal = RefusedExchange::unjudged(fault, &request_id(&self.clock));
        let answer = GatewayResponse::refusal(&refusal).to_bytes(After::Close);
        let (pass, host) = match &connection.via {
            Via::Direct => (None, String::new()),
            Via::Tunnel(tunnel) => (tunnel.pass, tunnel.authority.to_string()),
        };
        let (gateway, peer) = (Arc::clone(&self.gateway), connection.peer);
        // A read cannot wait for the journal.
        tokio::spawn(async move {
            refused_early(&gateway, (pass, peer), &host, &refusal).await;
        });
        TurnAway::new(answer)
    }
}

impl TurnAway {
    pub(super) fn new(answer: Bytes) -> Self {
        Self {
            answer,
            step: Step::Write,
            deadline: Box::pin(tokio::time::sleep(DRAIN)),
        }
    }

    /// Writes the answer and closes. Ready is the end of the connection.
    pub(super) fn poll(
        &mut self,
        stream: &mut Stream,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if self.step != Step::Done && self.deadline.as_mut().poll(cx).is_ready() {
            self.step = Step::Done;
        }
        loop {
            let mut stream = Pin::new(&mut *stream);
            self.step = match self.step {
                Step::Write if self.answer.is_empty() => Step::Flush,
                Step::Write => {
                    let written = ready!(stream.as_mut().poll_write(cx, &self.answer))?;
                    self.answer.advance(written);
                    Step::Write
                }
                Step::Flush => {
                    ready!(stream.as_mut().poll_flush(cx))?;
                    Step::Close
                }
                Step::Close => {
                    ready!(stream.as_mut().poll_shutdown(cx))?;
                    Step::ReadAway(0)
                }
                Step::ReadAway(count) => {
                    let mut chunk = [0; 4096];
                    let mut read = ReadBuf::new(&mut chunk);
                    let ended = ready!(stream.as_mut().poll_read(cx, &mut read)).is_err();
                    let count = count + read.filled().len();
                    if ended || read.filled().is_empty() || count > MAX_READ_AWAY {
                        Step::Done
                    } else {
                        Step::ReadAway(count)
                    }
                }
                Step::Done => return Poll::Ready(Ok(())),
            };
        }
    }
}
