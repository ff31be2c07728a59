//! Replaces the agent's session of a permitted request for Pingora. A body that was read before the decision is replayed, and an
//! exchange in which nothing passes ends.
//!
//! INVARIANT: no wait outlives its permit. Only `session.rs` touches Pingora's hidden session trait (pinned to 0.9.1). The
//! matrix in `tests/integration/proxy/replay.rs` tests what it relies on.

mod session;

use std::mem;
use std::time::Duration;

use bytes::Bytes;
use pingora::Result;
use pingora::http::ResponseHeader;
use pingora::protocols::http::{HttpTask, ServerSession};
use pingora::proxy::Session;

use super::end::End;
use super::exchange::Exchange;
use super::idle_timeouts::IdleTimeouts;
use super::masked_tasks::MaskedTasks;
use super::response_buffer::Stop;
use super::slot::Slot;
use super::tail::Tail;
use super::watch::{Extent, Watch};
use super::{body, status};
use crate::pipeline::refuse::RefusedExchange;

/// Names of the errors that end an exchange here, for [`super::failure`]; Pingora lays them all at the agent's door.
pub(super) const BODY_STALLED: &str = "request body stalled";
pub(super) const UPSTREAM_SILENT: &str = "no answer to an upgrade";
pub(super) const IDLE: &str = "nothing passed for too long";

/// Memory of an answer that is not read: what Pingora has read ahead (four times 64 KiB), and what waits in HTTP/2.
pub(super) const STALLED: usize = 320 * 1024;

/// The body that goes upstream.
pub(super) enum Body {
    /// Read, judged and sent from memory.
    Replayed(Bytes),
    /// The agent's body, streamed as it arrives.
    Streamed,
}

/// Stands in for a session until the exchange ends.
struct Relay {
    /// The agent's own session.
    agent: Box<ServerSession>,
    body: Body,
    tail: Tail,
    /// Whether an attempt has begun whose first look at the body is still to come.
    begins: bool,
    idle_timeouts: IdleTimeouts,
    watch: Watch,
    end: End,
    slot: Slot,
}

/// Puts a relay in the place of the agent's session. [`take_back`] must follow before the exchange ends, since only the agent's
/// own session can be kept alive.
pub(super) fn install(
    session: &mut Session,
    body: Body,
    (idle_timeouts, watch): (IdleTimeouts, Watch),
) -> Slot {
    let slot = Slot::default();
    let agent = mem::replace(&mut *session.downstream_session, vacant());
    let relay = Relay {
        tail: Tail::new(
            watch.stream.clone(),
            body::declared_length(agent.req_header()),
        ),
        agent: Box::new(agent),
        body,
        begins: false,
        idle_timeouts,
        watch,
        end: End::default(),
        slot: slot.clone(),
    };
    *session.downstream_session = ServerSession::new_custom(Box::new(relay));
    slot
}

/// Puts the agent's own session back; returns why the relay has ended the exchange, if it has. Repeatable.
fn restore(session: &mut Session, slot: &Slot) -> Option<RefusedExchange> {
    if session.downstream_session.is_custom() {
        // Dropping the relay is what fills the slot: the trait has no way down to the concrete type.
        drop(mem::replace(&mut *session.downstream_session, vacant()));
    }
    let mut returned = slot.0.lock();
    if let Some(agent) = returned.agent.take() {
        *session.downstream_session = agent;
    }
    returned.refusal.take()
}

/// Puts the agent's own session back in the place of an exchange's relay; keeps why the relay has ended the exchange, if it has.
pub(super) fn take_back(session: &mut Session, exchange: &mut Exchange) {
    let relay = exchange
        .permitted()
        .and_then(|permitted| permitted.relay.take());
    if let Some(refusal) = relay.and_then(|slot| restore(session, &slot)) {
        exchange.end(refusal);
    }
}

fn vacant() -> ServerSession {
    ServerSession::new_custom(Box::new(()))
}

impl Relay {
    /// Returns the head of the answer, once it was written.
    fn answer(&self) -> Option<&ResponseHeader> {
        self.agent
            .response_written()
            .filter(|head| status::is_last(head.status))
    }

    /// Lets an agent of HTTP/1.1 know that no other request is taken on; HTTP/2 says so by itself.
    fn say_last(&mut self) {
        if self.watch.drain.is_draining() {
            self.agent.set_keepalive(None);
        }
    }

    /// Returns the part of an answer that may be written now; `None` while it is buffered.
    fn release(&mut self, tasks: Vec<HttpTask>) -> Result<Option<Vec<HttpTask>>> {
        let Watch {
            gateway,
            validity,
            held: Some(held),
            ..
        } = &mut self.watch
        else {
            return Ok(Some(tasks));
        };
        held.take(gateway, validity, tasks)
            .map_err(|stop| match stop {
                Stop::Failed(error) => error,
                Stop::Refused(refusal) => self.slot.end(*refusal),
            })
    }

    /// Writes what may pass of an answer; returns whether that was its end.
    async fn write_masked(&mut self, mut tasks: MaskedTasks) -> Result<bool> {
        let mut ended = false;
        loop {
            let batch = tasks.next_batch().map_err(|refusal| {
                let refusal = self.watch.validity.refused(refusal);
                self.slot.end(refusal)
            })?;
            if batch.is_empty() {
                return Ok(ended);
            }
            ended |= self.write(batch).await?;
        }
    }

    /// Writes a part of an answer; returns whether that was its end.
    async fn write(&mut self, tasks: Vec<HttpTask>) -> Result<bool> {
        let extent = self.extent();
        let (watch, end, slot) = (&self.watch, &mut self.end, &self.slot);
        let write = self.agent.response_duplex_vec(tasks);
        tokio::pin!(write);
        tokio::select! {
            biased;
            written = &mut write => return written,
            () = std::future::ready(()) => {}
        }
        // Until the agent reads on, the upstream's bytes stay in memory that counts as the agent's.
        let stalled = watch.validity.reserve(&watch.gateway, STALLED);
        let _stalled = stalled.map_err(|refusal| slot.end(refusal))?;
        tokio::select! {
            biased;
            written = write => written,
            refusal = end.wait(watch, extent) => Err(slot.end(refusal)),
        }
    }

    /// Returns whether the exchange has an end of its own.
    fn extent(&self) -> Extent {
        match self.answer() {
            Some(head) => Extent::of(&head.headers),
            None => self.watch.extent,
        }
    }

    /// Returns how long to wait for the agent, and the name of that timeout.
    fn idle_timeouts(&mut self) -> Option<(Duration, &'static str)> {
        let begun = self.answer().is_some();
        let owes_body = matches!(self.body, Body::Streamed) && !self.agent.is_body_done();
        match (begun, owes_body) {
            (true, true) => Some((self.idle_timeouts.idle, IDLE)),
            (true, false) => None,
            (false, true) => Some((self.idle_timeouts.body, BODY_STALLED)),
            (false, false) => self
                .idle_timeouts
                .answer
                .map(|idle_timeouts| (idle_timeouts, UPSTREAM_SILENT)),
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.slot.0.lock().agent = Some(mem::replace(&mut *self.agent, vacant()));
    }
}
