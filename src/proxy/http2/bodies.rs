//! Counts request bodies against the length that their heads declare, and ends bodies that have trailers.
//!
//! DATA passes unchanged, even beyond the declared length, so that flow control stays with the `h2` crate. The readers of a body
//! ask for the fault of its stream.

use std::collections::HashMap;
use std::sync::Arc;

use super::frame::{DATA, END_STREAM, Frame};
use super::head::SHORT;
use super::header;
use super::hpack::Fields;
use crate::proxy::streams::Stream;

/// So many requests are kept before those are looked for that nobody answers any more.
const KEPT: usize = 128;

/// Requests whose body has not ended, by the number of their stream.
#[derive(Debug, Default)]
pub(super) struct Bodies {
    open: HashMap<u32, Body>,
    /// How many there may be before the next look.
    most: usize,
}

#[derive(Debug)]
struct Body {
    stream: Arc<Stream>,
    /// What is still to come of its declared length.
    left: Option<u64>,
}

impl Bodies {
    /// Begins the body of a request.
    pub(super) fn begin(&mut self, id: u32, stream: Arc<Stream>, declared: Option<u64>) {
        if self.open.len() >= self.most.max(KEPT) {
            // Of a request that was answered early the agent sends no end, and nobody else knows it.
            self.open
                .retain(|_, body| Arc::strong_count(&body.stream) > 1);
            self.most = self.open.len().saturating_mul(2);
        }
        let body = Body {
            stream,
            left: declared,
        };
        self.open.insert(id, body);
    }

    /// Forgets the body of a request that was reset.
    pub(super) fn forget(&mut self, id: u32) {
        self.open.remove(&id);
    }

    /// Counts so many bytes of DATA, its padding left out.
    pub(super) fn data(&mut self, frame: Frame, count: usize) {
        if let Some(body) = self.open.get_mut(&frame.stream) {
            body.count(frame, count);
        }
        if frame.has(END_STREAM) {
            self.open.remove(&frame.stream);
        }
    }

    /// Ends a body that has trailers; returns whether there is one.
    pub(super) fn trailers(
        &mut self,
        (id, ended): (u32, bool),
        trailers: &Fields,
        out: &mut Vec<u8>,
    ) -> bool {
        let Some(body) = self.open.remove(&id) else {
            return false;
        };
        if let Err(fault) = header::check_trailers(trailers) {
            body.stream.note(fault);
        }
        if !ended {
            body.stream.note("trailers do not end the request".into());
        }
        if body.left.is_some_and(|left| left > 0) {
            body.stream.note(SHORT.into());
        }
        put_end(out, id);
        true
    }
}

impl Body {
    fn count(&mut self, frame: Frame, count: usize) {
        let Some(left) = &mut self.left else {
            return;
        };
        match left.checked_sub(count as u64) {
            Some(rest) => *left = rest,
            None => {
                *left = 0;
                let fault = "the body is longer than `Content-Length`";
                self.stream.note(fault.into());
            }
        }
        if frame.has(END_STREAM) && *left > 0 {
            self.stream.note(SHORT.into());
        }
    }
}

fn put_end(out: &mut Vec<u8>, stream: u32) {
    let frame = Frame {
        length: 0,
        kind: DATA,
        flags: END_STREAM,
        stream,
    };
    frame.put(out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_that_nobody_answers_any_more_are_forgotten() {
        let mut bodies = Bodies::default();
        let mut answered = Vec::new();
        for at in 0..10_000 {
            let stream = Arc::new(Stream::new(None));
            if at % 50 == 0 {
                answered.push((2 * at + 1, Arc::clone(&stream)));
            }
            bodies.begin(2 * at + 1, stream, None);
            assert!(bodies.open.len() <= KEPT + 2 * answered.len(), "{at}");
        }
        for (id, _) in &answered {
            assert!(bodies.open.contains_key(id), "{id}");
        }
    }
}
