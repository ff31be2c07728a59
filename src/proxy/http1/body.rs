//! Follows a request's body to its end; reads it whole for the pipeline, or piece by piece for the upstream.

use async_trait::async_trait;
use bytes::{Buf as _, Bytes, BytesMut};
use pingora::protocols::Stream;
use tokio::io::WriteHalf;
use tokio::time::timeout;

use super::agent::{self, Reader};
use crate::pipeline::{BodyFault, BodyReader};
use crate::proxy::Timeouts;
use crate::proxy::chunked::{Chunked, NotChunked};
use crate::proxy::head::Body;

/// Answers `Expect: 100-continue` (RFC 9110 section 10.1.1).
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// A request's body, as far as it was read.
#[derive(Debug)]
pub(super) struct Incoming {
    place: Remaining,
    /// `Content-Length`, where there is one.
    pub(super) declared: Option<u64>,
    pub(super) is_chunked: bool,
    /// The agent waits for a 100 before it sends.
    expects: bool,
}

#[derive(Debug, Clone, Copy)]
enum Remaining {
    /// So much is to come.
    Sized(u64),
    Chunked(Chunked),
    Ended,
}

/// Why there is no more of a body.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fault {
    /// The agent is gone.
    Left,
    /// Its chunks cannot be told apart.
    Unclear,
}

/// Reads the body of one request for the pipeline.
pub(super) struct Whole<'a> {
    pub(super) reader: &'a mut Reader,
    pub(super) writer: &'a mut WriteHalf<Stream>,
    pub(super) incoming: &'a mut Incoming,
    pub(super) timeouts: &'a Timeouts,
    /// What was read, once it was.
    pub(super) taken: Option<Bytes>,
    pub(super) is_empty: bool,
}

impl Incoming {
    pub(super) fn new(body: Body, declared: Option<u64>, expects: bool) -> Self {
        let place = match body {
            Body::Sized(0) => Remaining::Ended,
            Body::Sized(length) => Remaining::Sized(length),
            Body::Chunked => Remaining::Chunked(Chunked::new()),
        };
        Self {
            expects: expects && !matches!(place, Remaining::Ended),
            is_chunked: body == Body::Chunked,
            place,
            declared,
        }
    }

    pub(super) fn is_ended(&self) -> bool {
        matches!(self.place, Remaining::Ended)
    }

    /// Returns how much is to come; `None` where only its end tells.
    fn left(&self) -> Option<u64> {
        match self.place {
            Remaining::Sized(left) => Some(left),
            Remaining::Ended => Some(0),
            Remaining::Chunked(_) => None,
        }
    }

    /// Returns whether the agent waits for a 100 that it has not got.
    pub(super) fn expects(&self) -> bool {
        self.expects
    }

    /// Takes what belongs to the body; what is beyond stays.
    pub(super) fn take(&mut self, input: &mut BytesMut) -> Result<Bytes, NotChunked> {
        match &mut self.place {
            Remaining::Ended => Ok(Bytes::new()),
            Remaining::Sized(left) => {
                let here = usize::try_from(*left).map_or(input.len(), |left| left.min(input.len()));
                *left -= here as u64;
                if *left == 0 {
                    self.place = Remaining::Ended;
                }
                Ok(input.split_to(here).freeze())
            }
            Remaining::Chunked(chunked) => {
                let mut data = BytesMut::new();
                match chunked.feed_to(input, |piece| data.extend_from_slice(piece))? {
                    Some(end) => {
                        input.advance(end);
                        self.place = Remaining::Ended;
                    }
                    None => input.clear(),
                }
                Ok(data.freeze())
            }
        }
    }

    /// Lets an agent send that waits for a 100.
    pub(super) async fn answer_expectation(
        &mut self,
        writer: &mut WriteHalf<Stream>,
    ) -> Result<(), Fault> {
        if !std::mem::take(&mut self.expects) {
            return Ok(());
        }
        let written = agent::write(writer, CONTINUE).await;
        written.map_err(|_| Fault::Left)
    }

    /// Returns the next piece; `None` at the end. Safe to drop.
    pub(super) async fn piece(&mut self, reader: &mut Reader) -> Result<Option<Bytes>, Fault> {
        loop {
            if self.is_ended() {
                return Ok(None);
            }
            if reader.has_input() {
                let piece = self.take(reader.input()).map_err(|_| Fault::Unclear)?;
                if !piece.is_empty() {
                    return Ok(Some(piece));
                }
                continue;
            }
            reader.more().await.map_err(|_| Fault::Left)?;
            if !reader.has_input() {
                return Err(Fault::Left);
            }
        }
    }
}

impl Whole<'_> {
    async fn read_whole(&mut self, limit: usize) -> Result<Bytes, BodyFault> {
        let declared = self.incoming.declared;
        if declared.is_some_and(|length| length > limit as u64) {
            return Err(BodyFault::TooLarge(limit));
        }
        let answered = self.incoming.answer_expectation(self.writer).await;
        answered.map_err(broken)?;
        match self.incoming.left() {
            Some(left) => self.read_sized(left).await,
            None => self.read_chunked(limit).await,
        }
    }

    /// Reads a body of a known length where it comes to stand, so that it is not copied.
    async fn read_sized(&mut self, length: u64) -> Result<Bytes, BodyFault> {
        let pause = self.timeouts.request_head;
        loop {
            let here = self.reader.input().len();
            let left = length.saturating_sub(here as u64);
            if left == 0 {
                let taken = self.incoming.take(self.reader.input());
                self.reader.leave();
                return taken.map_err(|_| broken(Fault::Unclear));
            }
            let left = usize::try_from(left).unwrap_or(usize::MAX);
            let more = timeout(pause, self.reader.more_of(left)).await;
            let more = more.map_err(|_| BodyFault::TooSlow)?;
            more.map_err(|_| broken(Fault::Left))?;
            if self.reader.input().len() == here {
                return Err(broken(Fault::Left));
            }
        }
    }

    async fn read_chunked(&mut self, limit: usize) -> Result<Bytes, BodyFault> {
        let pause = self.timeouts.request_head;
        let mut body = BytesMut::new();
        loop {
            let piece = timeout(pause, self.incoming.piece(self.reader)).await;
            match piece.map_err(|_| BodyFault::TooSlow)?.map_err(broken)? {
                None => return Ok(body.freeze()),
                Some(piece) if body.len() + piece.len() > limit => {
                    return Err(BodyFault::TooLarge(limit));
                }
                Some(piece) => body.extend_from_slice(&piece),
            }
        }
    }
}

fn broken(fault: Fault) -> BodyFault {
    let why = match fault {
        Fault::Left => "the agent left",
        Fault::Unclear => "its chunks cannot be told apart",
    };
    BodyFault::Broken(why.to_owned())
}

#[async_trait]
impl BodyReader for Whole<'_> {
    fn is_empty(&self) -> bool {
        self.is_empty
    }

    async fn read(&mut self, limit: usize) -> Result<Bytes, BodyFault> {
        if let Some(body) = &self.taken {
            return Ok(body.clone());
        }
        let body = if self.is_empty {
            Bytes::new()
        } else {
            // An agent that sends a byte now and then keeps memory that others could use.
            timeout(self.timeouts.idle, self.read_whole(limit))
                .await
                .map_err(|_| BodyFault::TooSlow)??
        };
        self.taken = Some(body.clone());
        Ok(body)
    }

    async fn left(&mut self) {
        self.reader.gone().await;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(incoming: &mut Incoming, pieces: &[&[u8]]) -> Result<(Vec<u8>, Vec<u8>), NotChunked> {
        let (mut body, mut input) = (Vec::new(), BytesMut::new());
        for piece in pieces {
            input.extend_from_slice(piece);
            body.extend_from_slice(&incoming.take(&mut input)?);
        }
        Ok((body, input.to_vec()))
    }

    #[test]
    fn what_is_beyond_a_body_stays() {
        let mut sized = Incoming::new(Body::Sized(5), Some(5), false);
        let sent: [&[u8]; 3] = [b"he", b"lloGET", b" /"];
        let (body, rest) = all(&mut sized, &sent).unwrap();
        assert_eq!((&*body, &*rest), (&b"hello"[..], &b"GET /"[..]));
        assert!(sized.is_ended());
        let mut chunked = Incoming::new(Body::Chunked, None, false);
        let sent: [&[u8]; 3] = [b"2;a=b\r\nhe\r", b"\n3\r\nllo\r\n0\r\nX: y\r", b"\n\r\nGET"];
        let (body, rest) = all(&mut chunked, &sent).unwrap();
        assert_eq!((&*body, &*rest), (&b"hello"[..], &b"GET"[..]));
        assert!(chunked.is_ended());
    }

    #[test]
    fn no_body_waits_for_no_100() {
        assert!(!Incoming::new(Body::Sized(0), None, true).expects());
        assert!(Incoming::new(Body::Sized(1), Some(1), true).expects());
    }

    proptest! {
        #[test]
        fn chunks_cut_anywhere_are_the_same_body(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..6),
            cuts in prop::collection::vec(1usize..20, 1..20),
            rest in prop::collection::vec(any::<u8>(), 0..10),
        ) {
            let mut wire = Vec::new();
            for chunk in &chunks {
                wire.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                wire.extend_from_slice(chunk);
                wire.extend_from_slice(b"\r\n");
            }
            wire.extend_from_slice(b"0\r\n\r\n");
            wire.extend_from_slice(&rest);
            let (mut pieces, mut left) = (Vec::new(), &wire[..]);
            for cut in cuts.iter().cycle() {
                if left.is_empty() {
                    break;
                }
                let (piece, after) = left.split_at((*cut).min(left.len()));
                pieces.push(piece);
                left = after;
            }
            let mut incoming = Incoming::new(Body::Chunked, None, false);
            let (body, beyond) = all(&mut incoming, &pieces).unwrap();
            prop_assert_eq!(body, chunks.concat());
            prop_assert_eq!(beyond, rest);
            prop_assert!(incoming.is_ended());
        }
    }
}
