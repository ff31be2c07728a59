//! Keeps a permitted request from its first attempt to its last, with what was sent of it so far.

use std::sync::Arc;

use bytes::Bytes;

use super::progress::Progress;
use super::request::RequestState;
use super::send::Replay;
use crate::pipeline::permit_validity::PermitValidity;
use crate::proxy::Timeouts;
use crate::proxy::exchange::Exchange;

/// What an exchange rests on, from one attempt to the next.
pub(super) struct Flight {
    pub(super) exchange: Exchange,
    pub(super) state: RequestState,
    /// The body, where it was judged.
    pub(super) judged: Option<Bytes>,
    pub(super) validity: Arc<PermitValidity>,
    pub(super) replay: Replay,
    pub(super) progress: Arc<Progress>,
    pub(super) timeouts: Timeouts,
    pub(super) is_safe: bool,
    /// A connection that was kept has failed, so the next one is new.
    pub(super) fresh: bool,
}

impl Drop for Flight {
    fn drop(&mut self) {
        // Also where the drain's deadline drops this task.
        let sent = self.progress.take_sent();
        if let Some(permitted) = self.exchange.permitted() {
            permitted.open_exchange.note_sent(sent);
        }
    }
}
