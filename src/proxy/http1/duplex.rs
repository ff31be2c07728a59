//! Moves a request and its answer at the same time, until the answer has passed or something ends them.

use std::future::poll_fn;
use std::sync::Arc;

use pingora::{Error, ErrorType, Result};

use super::answer::Answering;
use super::body::Fault;
use super::flight::Flight;
use super::lane::Lane;
use super::progress::Silence;
use super::send::{Feed, Sending, Sink, Stopped};
use super::source::Source;
use crate::proxy::exchange::Exchange;
use crate::proxy::relay::{BODY_STALLED, IDLE};
use crate::proxy::response_buffer::ResponseBuffer;
use crate::proxy::slot::REVOKED;

/// How both directions have ended.
enum Ended {
    Answered(Result<bool>),
    Stopped(Stopped),
    Silent(Silence),
}

impl Ended {
    /// Returns whether the agent's connection goes on, or the error by which the exchange is recorded.
    fn result(self, exchange: &mut Exchange) -> Result<bool> {
        let error = match self {
            Self::Answered(answered) => return answered,
            Self::Stopped(Stopped::Revoked(refusal)) => {
                exchange.end(*refusal);
                Error::new(ErrorType::Custom(REVOKED))
            }
            Self::Stopped(Stopped::Agent(fault)) => {
                exchange.has_unclear_body |= matches!(fault, Fault::Unclear);
                Error::new(ErrorType::ConnectionClosed).into_down()
            }
            Self::Stopped(Stopped::Upstream) => Error::new(ErrorType::WriteError).into_up(),
            Self::Silent(Silence::AgentSends) => Error::new(ErrorType::Custom(BODY_STALLED)),
            Self::Silent(Silence::AgentReads) => Error::new(ErrorType::WriteTimedout).into_down(),
            Self::Silent(Silence::UpstreamReads) => Error::new(ErrorType::WriteTimedout).into_up(),
            Self::Silent(Silence::UpstreamSends) => Error::new(ErrorType::ReadTimedout).into_up(),
            Self::Silent(Silence::Both) => Error::new(ErrorType::Custom(IDLE)),
        };
        Err(error)
    }
}

impl Lane<'_> {
    /// Sends the request and answers the agent, both at once; returns whether the agent's connection goes on.
    pub(super) async fn exchange<S: Sink, A: Source>(
        &mut self,
        flight: &mut Flight,
        sink: S,
        source: &mut A,
    ) -> Result<bool> {
        let validity = Arc::clone(&flight.validity);
        let progress = Arc::clone(&flight.progress);
        let keeps =
            flight.state.keeps && (flight.judged.is_none() || flight.state.incoming.is_ended());
        let held = flight.exchange.permitted();
        let held = held.and_then(|permitted| {
            ResponseBuffer::of(&permitted.permit, permitted.open_exchange.mask())
        });
        let feed = Feed {
            reader: &mut self.reader,
            incoming: &mut flight.state.incoming,
            replay: &mut flight.replay,
            judged: flight.judged.clone(),
        };
        let sending = Sending {
            gateway: &self.services.gateway,
            validity: &validity,
            progress: &progress,
        };
        let mut answering = Answering {
            gateway: &self.services.gateway,
            validity: &validity,
            drain: &self.services.drain,
            exchange: &mut flight.exchange,
            writer: &mut self.writer,
            progress: &progress,
            held,
            asker: flight.state.asker,
            keeps,
        };
        let ended = {
            let request = sending.run(sink, feed);
            let answer = answering.run(source);
            tokio::pin!(request, answer);
            let (revocation, gateway) = (&mut self.revocation, &self.services.gateway);
            let (timer, timeouts) = (&mut self.timer, &flight.timeouts);
            let mut goes_on = true;
            loop {
                tokio::select! {
                    biased;
                    stopped = &mut request, if goes_on => match stopped {
                        // An upstream that answers early does not read on.
                        Stopped::Upstream => goes_on = false,
                        stopped => break Ended::Stopped(stopped),
                    },
                    answered = &mut answer => break Ended::Answered(answered),
                    refusal = poll_fn(|cx| revocation.poll(cx, gateway, (&validity, progress.extent()))) => {
                        break Ended::Stopped(Stopped::Revoked(refusal));
                    }
                    silence = progress.silence(timer, timeouts) => break Ended::Silent(silence),
                }
            }
        };
        ended.result(&mut flight.exchange)
    }
}
