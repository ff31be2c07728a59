//! Splits an agent's connection into two halves: one reads heads and what follows them, the other writes answers.

use std::io;
use std::sync::Arc;

use bytes::{Buf as _, Bytes, BytesMut};
use pingora::protocols::Stream;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};

use super::progress::Progress;
use crate::proxy::connection::Connection;
use crate::proxy::head::{self, MAX_HEAD};

/// Read at once while a head is expected.
const HEAD_READ: usize = 4096;

/// The same of a body.
const BODY_READ: usize = 16 * 1024;

/// What an agent sends.
#[derive(Debug)]
pub(super) struct Reader {
    half: ReadHalf<Stream>,
    connection: Arc<Connection>,
    /// Read, and not taken yet.
    input: BytesMut,
    /// So much of that has no end of a head in it.
    searched: usize,
    /// An empty line before the next head was passed over.
    is_past_line: bool,
}

/// Splits a connection into what is read and what is written.
pub(super) fn split(stream: Stream, connection: &Arc<Connection>) -> (Reader, WriteHalf<Stream>) {
    let (half, writer) = tokio::io::split(stream);
    let reader = Reader {
        half,
        connection: Arc::clone(connection),
        input: BytesMut::new(),
        searched: 0,
        is_past_line: false,
    };
    (reader, writer)
}

/// Puts the halves together again; returns what was read, and not taken, as well.
pub(super) fn join(reader: Reader, writer: WriteHalf<Stream>) -> (Stream, BytesMut) {
    (reader.half.unsplit(writer), reader.input)
}

/// Writes to the agent, now.
pub(super) async fn write(writer: &mut WriteHalf<Stream>, bytes: &[u8]) -> io::Result<()> {
    writer.write_all(bytes).await?;
    writer.flush().await
}

impl Reader {
    /// Reads up to the end of a head; `None` where the connection ends. Safe to drop.
    pub(super) async fn head(&mut self, progress: &Progress) -> io::Result<Option<Bytes>> {
        loop {
            // RFC 9112 section 2.2: some agents end a body with one.
            if !self.is_past_line && self.input.starts_with(b"\r\n") {
                self.input.advance(2);
                (self.is_past_line, self.searched) = (true, 0);
            }
            let length = head::length_from(&self.input, self.searched);
            if length.is_some() || self.input.len() > MAX_HEAD {
                (self.is_past_line, self.searched) = (false, 0);
                let length = length.unwrap_or(self.input.len());
                return Ok(Some(self.input.split_to(length).freeze()));
            }
            self.searched = self.input.len();
            if !self.input.is_empty() {
                self.connection.hurry();
                progress.begin_head();
            }
            self.input.reserve(HEAD_READ);
            if self.half.read_buf(&mut self.input).await? == 0 {
                return Ok(None);
            }
        }
    }

    /// Leaves the memory of a body that was taken to that body: what was read behind it gets memory of its own, so that a byte of the
    /// next request does not keep all of it.
    pub(super) fn leave(&mut self) {
        self.input = BytesMut::from(&*self.input);
    }

    /// Gives memory back that only a body needs.
    pub(super) fn shrink(&mut self) {
        if self.input.is_empty() && self.input.capacity() > HEAD_READ {
            self.input = BytesMut::new();
        }
    }

    /// Returns whether something was read, and not taken yet.
    pub(super) fn has_input(&self) -> bool {
        !self.input.is_empty()
    }

    /// Returns what was read, and not taken yet.
    pub(super) fn input(&mut self) -> &mut BytesMut {
        &mut self.input
    }

    /// Reads more of a body. Nothing more is there at the end of the connection. Safe to drop.
    pub(super) async fn more(&mut self) -> io::Result<()> {
        self.more_of(BODY_READ).await
    }

    /// Reads more of a body, of which so many bytes are left. They come to stand behind what was read and not taken yet, without
    /// a copy. Safe to drop.
    pub(super) async fn more_of(&mut self, left: usize) -> io::Result<()> {
        self.connection.hurry();
        let spare = self.input.capacity() - self.input.len();
        if spare < left.min(BODY_READ) {
            // An agent's word counts up to what it has shown to send.
            let shown = self.input.len().saturating_mul(8).max(BODY_READ);
            self.input.reserve(left.min(shown));
        }
        self.half.read_buf(&mut self.input).await.map(drop)
    }

    /// Waits until the agent is gone. What comes ahead of its turn is held; beyond a head's length its agent waits as well.
    /// Safe to drop.
    pub(super) async fn gone(&mut self) {
        while self.input.len() <= MAX_HEAD {
            self.input.reserve(HEAD_READ);
            match self.half.read_buf(&mut self.input).await {
                Ok(1..) => {}
                Ok(0) | Err(_) => return,
            }
        }
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::target::Authority;
    use crate::proxy::connection::{Tunnel, Via};
    use crate::proxy::drain::Drain;
    use crate::proxy::header_deadline::HeaderDeadline;

    #[tokio::test]
    async fn memory_is_taken_for_what_an_agent_has_shown_to_send() {
        const PROMISED: usize = 1 << 30;
        let (mut agent, gateway) = tokio::io::duplex(64 * 1024);
        let authority = Authority::parse("api.test:443", 443).unwrap();
        let via = Via::Tunnel(Tunnel::new(authority, None, true));
        let deadline = HeaderDeadline::new(Duration::from_secs(1));
        let connection = Connection::new(via, None, Drain::new().fresh(), deadline);
        let (mut reader, _writer) = split(Box::new(gateway), &Arc::new(connection));
        let mut sent = 0;
        for size in [3, 5_000, 40_000, 60_000, 60_000] {
            let piece = vec![b'x'; size];
            agent.write_all(&piece).await.unwrap();
            sent += size;
            while reader.input.len() < sent {
                reader.more_of(PROMISED).await.unwrap();
            }
            let most = sent * 10 + 4 * BODY_READ;
            assert!(reader.input.capacity() <= most, "{sent}");
        }
        assert!(reader.input.iter().all(|byte| *byte == b'x'));
        // No more than is left, where that is known.
        agent.write_all(b"y").await.unwrap();
        let before = reader.input.capacity();
        reader.more_of(1).await.unwrap();
        assert!(reader.input.capacity() <= before.max(sent + BODY_READ));
        // What stands behind a body keeps nothing of its memory, also when more is read.
        let body = reader.input.split_to(sent).freeze();
        reader.leave();
        assert!(body.is_unique(), "its memory has another owner");
        drop(body);
        reader.input.reserve(HEAD_READ);
        assert!(reader.input.capacity() <= 2 * HEAD_READ);
        assert_eq!(&*reader.input, b"y");
    }
}
