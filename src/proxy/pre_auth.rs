//! Reads the first head of a connection, and answers it before Pingora takes over.

use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::drain::Fresh;
use super::head;
use super::io::Socket;

pub(super) use crate::limit::{PreAuthQueue, PreAuthSlot};

/// Longest first head of a connection, in bytes.
const MAX_HEAD: usize = 16 * 1024;

/// A connection whose first bytes are being read.
pub(super) struct PreAuth {
    pub(super) socket: Socket,
    pub(super) read: BytesMut,
    pub(super) peer: Option<SocketAddr>,
    /// Until a token was shown; without one, to the end.
    pub(super) slot: Option<PreAuthSlot>,
    pub(super) fresh: Fresh,
}

/// A connection that was just accepted.
#[derive(Debug)]
pub(super) struct Arrival {
    /// `None` for a Unix socket.
    pub(super) peer: Option<SocketAddr>,
    pub(super) slot: PreAuthSlot,
    pub(super) fresh: Fresh,
}

/// Reasons why there is no head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeadFault {
    /// The agent closed the connection.
    Left,
    /// The head is over [`MAX_HEAD`].
    TooLong,
    /// The head did not arrive in time.
    Late,
    /// The gateway is shutting down.
    Draining,
}

impl PreAuth {
    pub(super) fn new(socket: Socket, arrival: Arrival) -> Self {
        let Arrival { peer, slot, fresh } = arrival;
        Self {
            socket,
            read: BytesMut::new(),
            peer,
            slot: Some(slot),
            fresh,
        }
    }

    /// Reads up to the end of a head. Cancel-safe: bytes that were read stay.
    pub(super) async fn read_head(&mut self) -> Result<Bytes, HeadFault> {
        loop {
            if let Some(length) = head::length(&self.read) {
                return Ok(self.read.split_to(length).freeze());
            }
            if self.read.len() >= MAX_HEAD {
                return Err(HeadFault::TooLong);
            }
            match self.socket.read_buf(&mut self.read).await {
                Ok(0) | Err(_) => return Err(HeadFault::Left),
                Ok(_) => {}
            }
        }
    }

    /// Returns everything that was read, a head that was taken out of it first.
    pub(super) fn whole(&self, head: &Bytes) -> Bytes {
        if self.read.is_empty() {
            return head.clone();
        }
        let mut whole = BytesMut::with_capacity(head.len() + self.read.len());
        whole.extend_from_slice(head);
        whole.extend_from_slice(&self.read);
        whole.freeze()
    }

    /// Returns whether the agent could be written to.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> bool {
        self.socket.write_all(bytes).await.is_ok() && self.socket.flush().await.is_ok()
    }

    pub(super) async fn close(mut self) {
        // The agent may have closed first.
        let _ = self.socket.shutdown().await;
    }
}
