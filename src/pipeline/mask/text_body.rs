//! Searches the body of one answer as it comes, with its content coding undone.

use std::mem;
use std::sync::Arc;

use bytes::Bytes;

use super::unmaskable::unmaskable;
use crate::mask::{
    Coding, Decoder, GrpcMessages, GrpcPlace, PatternSet, Reflections, StreamMask, Undecodable,
};
use crate::pipeline::refuse::Refusal;

/// A body that passes piece by piece.
#[derive(Debug)]
pub(super) struct TextBody {
    mask: StreamMask,
    decoder: Option<Decoder>,
    /// What was fed and needs no decoder.
    piece: Bytes,
    /// Where its messages end, if it is one of gRPC.
    messages: Option<GrpcMessages>,
    progress: BodyProgress,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BodyProgress {
    Within,
    /// No more comes from the upstream.
    Ended,
    /// All was passed on.
    Passed,
}

/// Whether a text ends with a piece of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Message {
    GoesOn,
    Ends,
}

impl TextBody {
    /// Begins a body of which nothing has come.
    ///
    /// # Errors
    /// `unmaskable` where its coding is not known.
    pub(super) fn new(
        set: Arc<PatternSet>,
        coding: Result<Coding, Undecodable>,
        messages: Option<GrpcMessages>,
    ) -> Result<Self, Refusal> {
        let undecodable = |_| unmaskable("its body cannot be decoded, or is too large");
        let decoder = coding.and_then(Decoder::new).map_err(undecodable)?;
        Ok(Self {
            mask: StreamMask::new(set),
            decoder,
            piece: Bytes::new(),
            messages,
            progress: BodyProgress::Within,
        })
    }

    pub(super) fn renew(&mut self, set: Arc<PatternSet>) {
        self.mask.renew(set);
    }

    pub(super) fn feed(&mut self, piece: Bytes) {
        match &mut self.decoder {
            Some(decoder) => decoder.feed(piece),
            None => self.piece = piece,
        }
    }

    pub(super) fn end(&mut self) {
        if let Some(decoder) = &mut self.decoder {
            decoder.end();
        }
        if self.progress == BodyProgress::Within {
            self.progress = BodyProgress::Ended;
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        self.progress != BodyProgress::Within
    }

    pub(super) fn reflections(&self) -> Reflections {
        self.mask.reflections()
    }

    /// Takes what was fed, up to the end of a message in it.
    fn next_message(&mut self) -> Result<Option<(Bytes, Message)>, Refusal> {
        if self.piece.is_empty() {
            return Ok(None);
        }
        let Some(messages) = &mut self.messages else {
            return Ok(Some((mem::take(&mut self.piece), Message::GoesOn)));
        };
        let (length, place) = messages.next(&self.piece);
        let message = match place {
            GrpcPlace::End => Message::Ends,
            GrpcPlace::Within => Message::GoesOn,
            GrpcPlace::Compressed => return Err(unmaskable("its messages are compressed")),
            GrpcPlace::Foreign => {
                self.messages = None;
                Message::GoesOn
            }
        };
        Ok(Some((self.piece.split_to(length), message)))
    }

    /// Returns the next piece that may pass; `None` until more was fed, or at the end.
    pub(super) fn next_piece(&mut self) -> Result<Option<Bytes>, Refusal> {
        loop {
            let decoded = match &mut self.decoder {
                Some(decoder) => {
                    let decoded = decoder.next_piece();
                    let decoded =
                        decoded.map_err(|_| unmaskable("its body is not in its coding"))?;
                    decoded.map(|decoded| (decoded, Message::GoesOn))
                }
                None => self.next_message()?,
            };
            let passed = match decoded {
                Some((decoded, Message::GoesOn)) => self.mask.take(decoded),
                Some((decoded, Message::Ends)) => {
                    let passed = self.mask.take(decoded);
                    join(passed, self.mask.finish())
                }
                None if self.progress == BodyProgress::Ended => {
                    self.progress = BodyProgress::Passed;
                    self.mask.finish()
                }
                None => return Ok(None),
            };
            if !passed.is_empty() {
                return Ok(Some(passed));
            }
        }
    }
}

fn join(piece: Bytes, rest: Bytes) -> Bytes {
    if rest.is_empty() {
        return piece;
    }
    if piece.is_empty() {
        return rest;
    }
    Bytes::from([piece, rest].concat())
}
