//! Reads an agent's HTTP/2 frame by frame, and decides what the `h2` crate reads instead: checked heads, and no trailers. Other frames
//! pass unchanged.
//!
//! INVARIANT: the fault of a request is noted before its end is handed on.

use std::sync::Arc;

use super::bodies::Bodies;
use super::frame::{
    self, ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, Frame, HEADERS, MAX_PAYLOAD, PADDED,
    RST_STREAM, SETTINGS,
};
use super::head::{self, Opened};
use super::hpack::{Decoder, Fields};
use crate::proxy::connection::Connection;
use crate::proxy::head::MAX_HEAD;
use crate::proxy::streams::Stream;

/// What every connection begins with (RFC 9113 section 3.4).
const PREFACE: usize = 24;

/// Longest header block as it is coded. What it decodes to is bounded by [`MAX_HEAD`].
const MAX_BLOCK: usize = 4 * MAX_HEAD;

/// What a head is longer by that is handed on, since it names its stream.
const MARKED: usize = 64;

/// Identifier of `SETTINGS_HEADER_TABLE_SIZE` (RFC 9113 section 6.5.2).
const TABLE_SIZE: [u8; 2] = [0, 1];

/// What becomes of bytes that were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// More of them are needed.
    More,
    /// So many are handed on as they are, if they are there.
    Pass(usize),
    /// So many are taken. What is handed on instead, if anything, is ready.
    Take(usize),
}

/// Reads the frames of one connection.
#[derive(Debug)]
pub(super) struct Reader {
    connection: Arc<Connection>,
    decoder: Decoder,
    fields: Fields,
    place: NextByte,
    /// A header block whose end has not come.
    begun: Option<Begun>,
    /// Requests whose body has not ended.
    bodies: Bodies,
    /// The highest number of a stream.
    last: u32,
    has_settings: bool,
    /// How many frames have begun to pass or were taken; a header block counts once, when it has ended.
    pub(super) number: u64,
    /// To be handed on first.
    ready: Vec<u8>,
    block: Vec<u8>,
}

/// What the next byte belongs to.
#[derive(Debug, Clone, Copy)]
enum NextByte {
    /// The rest of something that passes.
    Pass(usize),
    Frame,
    /// Nothing: the connection has ended.
    Failed,
}

#[derive(Debug)]
struct Begun {
    stream: u32,
    flags: u8,
    block: Vec<u8>,
}

impl Reader {
    pub(super) fn new(connection: Arc<Connection>) -> Self {
        Self {
            connection,
            decoder: Decoder::new(),
            fields: Fields::new(MAX_HEAD - MARKED),
            place: NextByte::Pass(PREFACE),
            begun: None,
            bodies: Bodies::default(),
            last: 0,
            has_settings: false,
            number: 0,
            ready: Vec::new(),
            block: Vec::new(),
        }
    }

    /// Returns what is to be handed on before anything else; the caller takes out what it has handed on.
    pub(super) fn ready(&mut self) -> &mut Vec<u8> {
        &mut self.ready
    }

    /// Returns whether more must come although there may be no byte of it: the first frame, or the rest of a header block.
    pub(super) fn is_waiting(&self) -> bool {
        self.number == 0 || self.begun.is_some()
    }

    /// Says what becomes of the first of these bytes.
    pub(super) fn next(&mut self, bytes: &[u8]) -> Next {
        match self.place {
            NextByte::Pass(0) => {
                self.place = NextByte::Frame;
                self.frame(bytes)
            }
            NextByte::Pass(left) => Next::Pass(left),
            NextByte::Frame => self.frame(bytes),
            NextByte::Failed => Next::Take(bytes.len()),
        }
    }

    /// Notes how many of the bytes were handed on that pass.
    pub(super) fn note_passed(&mut self, count: usize) {
        if let NextByte::Pass(left) = self.place {
            self.place = NextByte::Pass(left.saturating_sub(count));
        }
    }

    /// Looks at a frame from its first byte.
    fn frame(&mut self, bytes: &[u8]) -> Next {
        let Some(frame) = Frame::parse(bytes) else {
            return Next::More;
        };
        let continues = frame.kind == CONTINUATION
            && self
                .begun
                .as_ref()
                .is_some_and(|begun| begun.stream == frame.stream);
        if self.begun.is_some() && !continues {
            return self.fail();
        }
        let whole = frame::HEAD + frame.length;
        let rewritten = match frame.kind {
            HEADERS => true,
            CONTINUATION => continues,
            SETTINGS => !frame.has(ACK) && frame.length.is_multiple_of(6),
            _ => false,
        };
        if frame.length > MAX_PAYLOAD || !rewritten {
            return self.other(frame, bytes);
        }
        let Some(payload) = bytes.get(frame::HEAD..whole) else {
            return Next::More;
        };
        let known = match frame.kind {
            HEADERS => self.headers(frame, payload),
            CONTINUATION => self.continuation(frame, payload),
            _ => {
                self.settings(payload);
                Some(())
            }
        };
        match known {
            Some(()) => {
                self.number += u64::from(self.begun.is_none());
                Next::Take(whole)
            }
            None => self.fail(),
        }
    }

    /// Passes a frame, and counts what it says of a body.
    fn other(&mut self, frame: Frame, bytes: &[u8]) -> Next {
        let whole = frame::HEAD + frame.length;
        if frame.kind == DATA {
            let padding = match bytes.get(frame::HEAD) {
                _ if !frame.has(PADDED) => 0,
                Some(length) => 1 + usize::from(*length),
                None if frame.length > 0 => return Next::More,
                None => 0,
            };
            let count = frame.length.saturating_sub(padding);
            self.bodies.data(frame, count);
        } else if frame.kind == RST_STREAM {
            self.bodies.forget(frame.stream);
        }
        self.place = NextByte::Pass(whole);
        self.number += 1;
        Next::Pass(whole)
    }

    fn headers(&mut self, frame: Frame, payload: &[u8]) -> Option<()> {
        let block = frame::fragment(frame, payload)?;
        if frame.has(END_HEADERS) {
            return self.block(frame.stream, frame.flags, block);
        }
        self.begun = Some(Begun {
            stream: frame.stream,
            flags: frame.flags,
            block: block.to_vec(),
        });
        Some(())
    }

    fn continuation(&mut self, frame: Frame, payload: &[u8]) -> Option<()> {
        let begun = self.begun.as_mut()?;
        // Empty ones are as good as none, but for what they cost.
        if payload.is_empty() || begun.block.len() + payload.len() > MAX_BLOCK {
            return None;
        }
        begun.block.extend_from_slice(payload);
        if frame.has(END_HEADERS) {
            let begun = self.begun.take()?;
            return self.block(begun.stream, begun.flags, &begun.block);
        }
        Some(())
    }

    /// Reads a whole block: a head, trailers, or what comes on a stream that has ended.
    fn block(&mut self, id: u32, flags: u8, block: &[u8]) -> Option<()> {
        self.fields.clear();
        self.decoder.decode(block, &mut self.fields).ok()?;
        let ended = flags & END_STREAM != 0;
        if self
            .bodies
            .trailers((id, ended), &self.fields, &mut self.ready)
        {
            return Some(());
        }
        if id % 2 == 1 && id > self.last {
            self.last = id;
            return self.head(Opened { id, ended });
        }
        frame::put_block(&mut self.ready, (id, flags & END_STREAM), &[]);
        Some(())
    }

    fn head(&mut self, opened: Opened) -> Option<()> {
        let (fields, connection, block) = (&self.fields, &self.connection, &mut self.block);
        block.clear();
        block.shrink_to(super::USUAL);
        let checked = head::check(fields, opened, connection, block);
        let declared = checked.as_ref().ok().and_then(|checked| checked.declared);
        let stream = Arc::new(Stream::new(declared));
        if let Err(fault) = checked {
            block.clear();
            head::put_refused(fields, opened, connection, block);
            stream.note(fault);
        }
        if !connection.streams.add(opened.id, Arc::clone(&stream)) {
            return None;
        }
        let flags = if opened.ended { END_STREAM } else { 0 };
        frame::put_block(&mut self.ready, (opened.id, flags), block);
        if !opened.ended {
            self.bodies.begin(opened.id, stream, declared);
        }
        Some(())
    }

    /// Lets the `h2` crate keep no table of what it sends, so that single fields can be changed in its blocks (`date.rs`).
    fn settings(&mut self, payload: &[u8]) {
        let (settings, _) = payload.as_chunks::<6>();
        let has_size = settings
            .iter()
            .any(|setting| setting.starts_with(&TABLE_SIZE));
        let adds = !self.has_settings && !has_size;
        self.has_settings = true;
        let frame = Frame {
            length: payload.len() + if adds { 6 } else { 0 },
            kind: SETTINGS,
            flags: 0,
            stream: 0,
        };
        frame.put(&mut self.ready);
        for setting in settings {
            match setting {
                [0, 1, ..] => self.ready.extend_from_slice(&[0, 1, 0, 0, 0, 0]),
                setting => self.ready.extend_from_slice(setting),
            }
        }
        if adds {
            self.ready.extend_from_slice(&[0, 1, 0, 0, 0, 0]);
        }
    }

    /// Ends the connection: a frame that may not come here makes the `h2` crate say so to the agent.
    fn fail(&mut self) -> Next {
        let frame = Frame {
            length: 0,
            kind: CONTINUATION,
            flags: END_HEADERS,
            stream: 1,
        };
        frame.put(&mut self.ready);
        self.place = NextByte::Failed;
        Next::Take(0)
    }
}
