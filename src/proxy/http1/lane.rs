//! Serves an agent's HTTP/1.1 connection: reads, judges and answers its requests in turn, until one side or the drain ends it.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::Version;
use pingora::protocols::Stream;
use tokio::io::{AsyncWriteExt as _, WriteHalf};
use tokio::time::{Sleep, sleep, timeout};

use super::agent::{self, Reader};
use super::connect::Kept;
use super::progress::Progress;
use super::request::{Opened, RequestState, needs_http_proxy};
use super::revocation::Revocation;
use super::shape::Asker;
use crate::pipeline::refuse::RefusedExchange;
use crate::proxy::connection::Connection;
use crate::proxy::exchange::Exchange;
use crate::proxy::framed::Framed;
use crate::proxy::head::{self, Fault};
use crate::proxy::request_id;
use crate::proxy::respond::{After, DRAIN, GatewayResponse};
use crate::proxy::services::Services;
use crate::proxy::turn_away::TurnAway;

/// An agent's connection, and the upstream's connection that stays with it.
pub(in crate::proxy) struct Lane<'e> {
    pub(super) services: &'e Services,
    pub(super) connection: Arc<Connection>,
    pub(super) reader: Reader,
    pub(super) writer: WriteHalf<Stream>,
    /// The upstream's connection, between two exchanges.
    pub(super) kept: Option<Box<Kept>>,
    pub(super) progress: Arc<Progress>,
    pub(super) timer: Pin<Box<Sleep>>,
    pub(super) revocation: Revocation,
    /// The connection ends without TLS's own end, which would make an answer whole that was cut.
    is_cut: bool,
    /// The end of the drain's moment; `None` once it has come.
    settled: Option<Pin<Box<dyn Future<Output = ()> + Send + 'e>>>,
}

/// What becomes of the connection after a request.
enum Next {
    Request,
    /// With what is still to be written.
    Close(Bytes),
    /// The agent is gone, so nothing is written.
    Gone,
}

impl<'e> Lane<'e> {
    pub(in crate::proxy) fn new(
        services: &'e Services,
        stream: Stream,
        connection: Arc<Connection>,
    ) -> Self {
        let (reader, writer) = agent::split(stream, &connection);
        Self {
            services,
            connection,
            reader,
            writer,
            kept: None,
            progress: Arc::new(Progress::new()),
            timer: Box::pin(sleep(services.timeouts.idle)),
            revocation: Revocation::default(),
            is_cut: false,
            settled: Some(Box::pin(services.drain.settled())),
        }
    }

    /// Serves requests until the connection ends.
    pub(in crate::proxy) async fn run(mut self) {
        while let Some(bytes) = self.next_head().await {
            let next = match head::read(&bytes) {
                Ok(request) if needs_http_proxy(&request) => {
                    return Box::pin(self.hand_over(&bytes)).await;
                }
                // On the heap, so that an idle connection is small.
                Ok(request) => Box::pin(self.serve(request)).await,
                Err(fault) => return self.turn_away(&fault).await,
            };
            match next {
                Next::Request => {}
                Next::Close(last) => return self.close(last).await,
                Next::Gone => break,
            }
        }
        self.release();
        // The agent may have closed first.
        let _ = timeout(DRAIN, self.writer.shutdown()).await;
    }

    /// Waits for a head; `None` where the connection has ended, or is not needed any more.
    async fn next_head(&mut self) -> Option<Bytes> {
        self.progress.touch();
        self.reader.shrink();
        let timeouts = &self.services.timeouts;
        loop {
            if self.settled.is_none() && !self.reader.has_input() {
                return None;
            }
            tokio::select! {
                biased;
                () = ended(&mut self.kept) => self.kept = None,
                head = self.reader.head(&self.progress) => return head.ok().flatten(),
                () = come(&mut self.settled) => self.settled = None,
                () = self.progress.idle(&mut self.timer, timeouts) => return None,
            }
        }
    }

    async fn serve(&mut self, request: head::Request) -> Next {
        self.connection.fresh.end();
        self.progress.reset();
        let counted = self.services.drain.exchange();
        let mut exchange = Exchange::new(request_id(&self.services.clock), counted);
        let mut state = RequestState::of(&request);
        match self.open(request, &mut exchange, &mut state).await {
            Ok(Opened::Permitted(judged)) => {
                if self.carry(exchange, state, judged).await {
                    Next::Request
                } else {
                    Next::Close(Bytes::new())
                }
            }
            Ok(Opened::Answered(answer)) => Box::pin(self.respond(answer, state)).await,
            Err(refusal) => {
                let answer = GatewayResponse::refusal(&refusal);
                Box::pin(self.respond(answer, state)).await
            }
        }
    }

    /// Answers by ourselves. What is still unread of the request is read away for a while, or costs the connection.
    async fn respond(&mut self, answer: GatewayResponse, mut state: RequestState) -> Next {
        self.read_away(&mut state, answer.drain_time).await;
        let goes_on = state.keeps
            && state.asker.version == Version::HTTP_11
            && state.incoming.is_ended()
            && answer.after == After::Stay
            && !self.services.drain.is_draining();
        let after = if goes_on { After::Stay } else { After::Close };
        let bytes = answer.to_answer(after, state.asker.is_head);
        if !goes_on {
            return Next::Close(bytes);
        }
        let written = timeout(
            self.services.timeouts.idle,
            agent::write(&mut self.writer, &bytes),
        );
        match written.await {
            Ok(Ok(())) => Next::Request,
            _ => Next::Gone,
        }
    }

    /// Reads what is left of a request, so that its agent gets to the answer. What is not read by then shows in its body.
    async fn read_away(&mut self, state: &mut RequestState, time: Duration) {
        // An agent that waits for a 100 sends nothing until then.
        if state.incoming.expects() || time.is_zero() {
            return;
        }
        let read_away =
            async { while let Ok(Some(_)) = state.incoming.piece(&mut self.reader).await {} };
        // Running out of time is an end as well.
        let _ = timeout(time, read_away).await;
    }

    /// Answers a permitted request that has failed.
    pub(super) async fn give_up(&mut self, refusal: &RefusedExchange, state: &mut RequestState) {
        let answer = GatewayResponse::refusal(refusal);
        self.read_away(state, answer.drain_time).await;
        let bytes = answer.to_answer(After::Close, state.asker.is_head);
        // The agent may have left before.
        let _ = timeout(DRAIN, agent::write(&mut self.writer, &bytes)).await;
    }

    /// Ends the connection within an answer that has begun, so that the agent reads what there is of it and sees that the rest is
    /// missing. Where the close is the end of an answer, a proper one would make it whole.
    pub(super) async fn cut(&mut self, asker: Asker) {
        if asker.version == Version::HTTP_11 {
            // An agent that does not read gets no more.
            let _ = timeout(DRAIN, self.writer.shutdown()).await;
        } else {
            self.is_cut = true;
        }
    }

    /// Hands the connection on with a request that Pingora carries.
    async fn hand_over(mut self, head: &Bytes) {
        self.release();
        let (services, connection) = (self.services, self.connection);
        // From here on others bound the time that a head may take.
        connection.header_deadline.begin();
        let (stream, rest) = agent::join(self.reader, self.writer);
        let mut held = BytesMut::from(&head[..]);
        held.extend_from_slice(&rest);
        let refuser = services.refuser();
        let framed = Framed::resume(stream, connection, refuser, held);
        services.run(Box::new(framed)).await;
    }

    /// Answers a head that is none.
    async fn turn_away(self, fault: &Fault) {
        let turn_away = self.services.refuser().turn_away(&self.connection, fault);
        self.finish(turn_away).await;
    }

    /// Writes the rest, and closes.
    async fn close(mut self, last: Bytes) {
        if self.is_cut {
            return self.release();
        }
        self.finish(TurnAway::new(last)).await;
    }

    async fn finish(mut self, mut turn_away: TurnAway) {
        self.release();
        let (mut stream, _) = agent::join(self.reader, self.writer);
        // The agent may have closed first.
        let _ = poll_fn(|cx| turn_away.poll(&mut stream, cx)).await;
    }

    /// Lets others have the upstream's connection.
    fn release(&mut self) {
        if let Some(kept) = self.kept.take() {
            self.services
                .upstreams
                .keep(*kept, self.services.timeouts.idle);
        }
    }
}

/// Waits until a connection that is kept has ended; for ever, where there is none.
async fn ended(kept: &mut Option<Box<Kept>>) {
    match kept {
        Some(kept) => kept.ended().await,
        None => std::future::pending().await,
    }
}

/// Waits for what comes once; for ever, where it has come.
async fn come(once: &mut Option<Pin<Box<dyn Future<Output = ()> + Send + '_>>>) {
    poll_fn(|cx| match once {
        Some(once) => once.as_mut().poll(cx),
        None => Poll::Pending,
    })
    .await;
}
