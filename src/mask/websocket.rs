//! Masks the frames that a server sends over a WebSocket (RFC 6455 section 5.2). Every frame keeps its length and its place.

use std::collections::VecDeque;
use std::fmt;
use std::mem;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::patterns::PatternSet;
use super::stream::{Reflections, StreamMask};

/// Longest payload of a control frame.
const MAX_CONTROL: u64 = 125;

/// Longest head of a frame without a masking key.
const MAX_HEAD: usize = 10;

/// A frame that cannot be searched: it is compressed, masked or malformed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a frame that cannot be searched")]
pub struct FrameFault;

/// Masks one connection's frames, which may come in pieces of any size.
pub struct WebSocketMask {
    set: Arc<PatternSet>,
    /// The data of the message that is under way, whatever frames it comes in.
    message: StreamMask,
    place: FramePlace,
    /// Bytes of the head of a frame, or of a control frame, that have come.
    part: Vec<u8>,
    /// What comes before bytes that the message still holds, and behind them.
    queue: VecDeque<Queued>,
    /// Found in control frames.
    control: Reflections,
}

/// Where in the frames the next byte is.
#[derive(Debug, Clone, Copy)]
enum FramePlace {
    Head,
    Data { left: u64, is_final: bool },
    Control { left: u64 },
}

/// A part of what is sent to the agent.
enum Queued {
    /// Bytes that are known.
    Whole(Bytes),
    /// So many bytes of the message.
    Message(usize),
}

/// The head of a frame.
struct FrameHead {
    is_final: bool,
    opcode: u8,
    length: u64,
}

impl WebSocketMask {
    /// Begins a connection, behind the head that switched protocols.
    #[must_use]
    pub fn new(set: Arc<PatternSet>) -> Self {
        Self {
            message: StreamMask::new(Arc::clone(&set)),
            set,
            place: FramePlace::Head,
            part: Vec::new(),
            queue: VecDeque::new(),
            control: Reflections::default(),
        }
    }

    /// Searches for other values from now on, as [`StreamMask::renew`].
    pub fn renew(&mut self, set: Arc<PatternSet>) {
        self.message.renew(Arc::clone(&set));
        self.set = set;
    }

    /// Takes a piece; returns what may pass by now.
    ///
    /// # Errors
    /// When a frame cannot be searched; nothing of it has passed.
    pub fn take(&mut self, mut piece: Bytes) -> Result<Bytes, FrameFault> {
        let mut out = BytesMut::with_capacity(piece.len());
        while !piece.is_empty() {
            match self.place {
                FramePlace::Head => self.take_head(&mut piece, &mut out)?,
                FramePlace::Data { left, is_final } => {
                    let taken = split(&mut piece, left);
                    let left = left - taken.len() as u64;
                    self.queue.push_back(Queued::Message(taken.len()));
                    let passed = self.message.take(taken);
                    self.drain(passed, &mut out);
                    self.place = FramePlace::Data { left, is_final };
                    self.end_data(&mut out);
                }
                FramePlace::Control { left } => {
                    let taken = split(&mut piece, left);
                    self.part.extend_from_slice(&taken);
                    let left = left - taken.len() as u64;
                    self.place = FramePlace::Control { left };
                    self.end_control(&mut out);
                }
            }
        }
        Ok(out.freeze())
    }

    /// Returns what was held back when the connection has ended.
    pub fn finish(&mut self) -> Bytes {
        let mut out = BytesMut::new();
        let rest = self.message.finish();
        self.drain(rest, &mut out);
        let part = mem::take(&mut self.part);
        out.extend_from_slice(&self.searched(part));
        out.freeze()
    }

    /// Returns what was found so far.
    #[must_use]
    pub fn reflections(&self) -> Reflections {
        let mut all = self.message.reflections();
        all.add(self.control);
        all
    }

    fn take_head(&mut self, piece: &mut Bytes, out: &mut BytesMut) -> Result<(), FrameFault> {
        self.part.extend_from_slice(&piece.split_to(1));
        let Some(head) = FrameHead::read(&self.part)? else {
            return Ok(());
        };
        if head.opcode >= 8 {
            self.place = FramePlace::Control { left: head.length };
            self.end_control(out);
            return Ok(());
        }
        let bytes = mem::take(&mut self.part);
        self.queue.push_back(Queued::Whole(bytes.into()));
        self.drain(Bytes::new(), out);
        self.place = FramePlace::Data {
            left: head.length,
            is_final: head.is_final,
        };
        self.end_data(out);
        Ok(())
    }

    fn end_data(&mut self, out: &mut BytesMut) {
        let FramePlace::Data { left: 0, is_final } = self.place else {
            return;
        };
        if is_final {
            let rest = self.message.finish();
            self.drain(rest, out);
        }
        self.place = FramePlace::Head;
    }

    fn end_control(&mut self, out: &mut BytesMut) {
        let FramePlace::Control { left: 0 } = self.place else {
            return;
        };
        let frame = mem::take(&mut self.part);
        let frame = self.searched(frame);
        self.queue.push_back(Queued::Whole(frame.into()));
        self.drain(Bytes::new(), out);
        self.place = FramePlace::Head;
    }

    fn searched(&mut self, bytes: Vec<u8>) -> Vec<u8> {
        self.set.mask(&bytes, &mut self.control).unwrap_or(bytes)
    }

    /// Writes what is known, in its order.
    fn drain(&mut self, mut passed: Bytes, out: &mut BytesMut) {
        while let Some(slot) = self.queue.front_mut() {
            match slot {
                Queued::Whole(bytes) => out.extend_from_slice(bytes),
                Queued::Message(left) => {
                    let part = passed.split_to((*left).min(passed.len()));
                    out.extend_from_slice(&part);
                    *left -= part.len();
                    if *left > 0 {
                        return;
                    }
                }
            }
            self.queue.pop_front();
        }
    }
}

fn split(piece: &mut Bytes, left: u64) -> Bytes {
    let room = usize::try_from(left).unwrap_or(usize::MAX);
    piece.split_to(room.min(piece.len()))
}

impl FrameHead {
    /// Reads a head; `None` until it is whole.
    fn read(bytes: &[u8]) -> Result<Option<Self>, FrameFault> {
        let (Some(first), Some(second)) = (bytes.first(), bytes.get(1)) else {
            return Ok(None);
        };
        let (opcode, is_final) = (first & 0x0f, first & 0x80 != 0);
        let is_compressed = first & 0x70 != 0;
        let is_masked = second & 0x80 != 0;
        if is_compressed || is_masked || !matches!(opcode, 0..=2 | 8..=10) {
            return Err(FrameFault);
        }
        let more = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let Some(long) = bytes.get(2..2 + more) else {
            return Ok(None);
        };
        let length = match more {
            0 => u64::from(second & 0x7f),
            _ => long
                .iter()
                .fold(0, |length, byte| length << 8 | u64::from(*byte)),
        };
        let is_control = opcode >= 8;
        if is_control && (!is_final || length > MAX_CONTROL) || length >> 63 != 0 {
            return Err(FrameFault);
        }
        debug_assert!(bytes.len() <= MAX_HEAD);
        Ok(Some(Self {
            is_final,
            opcode,
            length,
        }))
    }
}

impl fmt::Debug for WebSocketMask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketMask")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}
