//! Puts the upstream's `Date` into the heads of answers that the `h2` crate writes. Everything else passes unchanged.

use std::sync::Arc;

use super::date;
use super::frame::{self, CONTINUATION, END_HEADERS, Frame, HEADERS, RST_STREAM};
use crate::proxy::connection::Connection;

/// Writes the frames of one connection.
#[derive(Debug)]
pub(super) struct Writer {
    connection: Arc<Connection>,
    /// The rest of something that passes.
    pass: usize,
    /// The beginning of a frame.
    held: Vec<u8>,
    /// A header block whose end has not come.
    begun: Option<Begun>,
    block: Vec<u8>,
}

#[derive(Debug)]
struct Begun {
    flags: u8,
    block: Vec<u8>,
}

impl Writer {
    pub(super) fn new(connection: Arc<Connection>) -> Self {
        Self {
            connection,
            pass: 0,
            held: Vec::new(),
            begun: None,
            block: Vec::new(),
        }
    }

    /// Takes bytes, and appends to `out` what goes to the agent.
    pub(super) fn write(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) {
        while !bytes.is_empty() {
            if self.pass > 0 {
                let (now, rest) = split(bytes, self.pass);
                out.extend_from_slice(now);
                self.pass -= now.len();
                bytes = rest;
            } else if self.held.is_empty()
                && let Some(taken) = self.frame(bytes, out)
            {
                bytes = bytes.get(taken..).unwrap_or_default();
            } else {
                let (now, rest) = split(bytes, missing(&self.held));
                let mut held = std::mem::take(&mut self.held);
                held.extend_from_slice(now);
                bytes = rest;
                if self.frame(&held, out).is_none() {
                    self.held = held;
                }
            }
        }
    }

    /// Takes a frame, or the head of one that passes; returns how many bytes that were, or `None` where some are missing.
    fn frame(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Option<usize> {
        let frame = Frame::parse(bytes)?;
        if !is_block(frame) {
            if frame.kind == RST_STREAM {
                self.connection.streams.forget(frame.stream);
            }
            out.extend_from_slice(bytes.get(..frame::HEAD)?);
            self.pass = frame.length;
            return Some(frame::HEAD);
        }
        let whole = frame::HEAD + frame.length;
        let payload = bytes.get(frame::HEAD..whole)?;
        match (&mut self.begun, frame.has(END_HEADERS)) {
            (None, true) => self.block(frame, payload, out),
            (None, false) => {
                self.begun = Some(Begun {
                    flags: frame.flags,
                    block: payload.to_vec(),
                });
            }
            (Some(begun), ends) => {
                begun.block.extend_from_slice(payload);
                if ends && let Some(begun) = self.begun.take() {
                    let flags = begun.flags;
                    self.block(Frame { flags, ..frame }, &begun.block, out);
                }
            }
        }
        Some(whole)
    }

    fn block(&mut self, frame: Frame, block: &[u8], out: &mut Vec<u8>) {
        self.block.clear();
        date::restore(block, &mut self.block);
        frame::put_block(out, (frame.stream, frame.flags), &self.block);
    }
}

/// Returns whether a frame is part of a header block. The `h2` crate writes those without padding and priority.
fn is_block(frame: Frame) -> bool {
    matches!(frame.kind, HEADERS | CONTINUATION)
}

/// Returns how many bytes it takes to look at the frame that these begin.
fn missing(held: &[u8]) -> usize {
    let whole = match Frame::parse(held) {
        Some(frame) if is_block(frame) => frame::HEAD + frame.length,
        _ => frame::HEAD,
    };
    whole.saturating_sub(held.len())
}

fn split(bytes: &[u8], at: usize) -> (&[u8], &[u8]) {
    bytes.split_at_checked(at).unwrap_or((bytes, &[]))
}
