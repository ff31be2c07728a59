//! Finds every form in a piece of text, however its characters are escaped, and what at its end may become one.
//!
//! Most of a text is passed over at the speed of memory. Only around the beginning of a form, or an escape that stands for a
//! character of one, the text is followed byte by byte, in all the ways in which it can be read.

use std::mem;
use std::ops::Range;

use super::escape::{MAX_DEPTH, is_intro, read};
use super::escape_search::{EscapeSearch, TextEnd};
use super::patterns::{PatternSet, Prefix};
use crate::model::on_reflect::OnReflect;

/// A form was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hit {
    /// Where it is in the text.
    pub(super) range: Range<usize>,
    pub(super) on_reflect: OnReflect,
}

/// What a piece of text holds.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// In the order of their ends; they may overlap.
    pub(super) hits: Vec<Hit>,
    /// From where on the text may be the beginning of a form that goes on behind it.
    pub(super) open: usize,
}

/// One way of reading the text from a place on, that agrees with a form so far.
#[derive(Debug, Clone, Copy)]
struct Thread {
    start: usize,
    prefix: Prefix,
}

struct Scan<'a> {
    set: &'a PatternSet,
    text: &'a [u8],
    end: TextEnd,
    active: Vec<Thread>,
    next: Vec<Thread>,
    /// Threads that wait for the text behind an escape.
    later: Vec<(usize, Thread)>,
    found: Findings,
}

/// Finds all forms in a text.
pub(super) fn scan(set: &PatternSet, text: &[u8], end: TextEnd) -> Findings {
    let mut scan = Scan {
        set,
        text,
        end,
        active: Vec::new(),
        next: Vec::new(),
        later: Vec::new(),
        found: Findings {
            hits: Vec::new(),
            open: text.len(),
        },
    };
    scan.run();
    scan.found
}

impl Scan<'_> {
    fn run(&mut self) {
        let (set, text, end) = (self.set, self.text, self.end);
        let escapes = EscapeSearch { set, text, end };
        let length = self.text.len();
        // A beginning that is cut off by the end is found by following the last bytes.
        let tail = match self.end {
            TextEnd::More => (length + 1).saturating_sub(self.set.prefix),
            TextEnd::Last => length,
        };
        let mut at = 0;
        let mut beginning = self.set.next_beginning(self.text, 0);
        let mut escape = escapes.next(0);
        while at < length {
            let places = [
                beginning.map(|place| (place, place + 1)),
                escape.map(|escape| (escape.from.max(at), escape.at + 1)),
                Some((tail.max(at), length)),
            ];
            let Some((from, until)) = places.into_iter().flatten().min() else {
                break;
            };
            at = self.follow(from, until);
            if beginning.is_some_and(|place| place < at) {
                beginning = self.set.next_beginning(self.text, at);
            }
            if escape.is_some_and(|escape| escape.at < at) {
                escape = escapes.next(at);
            }
        }
    }

    /// Follows the text from a place to another one, and on for as long as it agrees with any form; returns where that ends.
    fn follow(&mut self, from: usize, until: usize) -> usize {
        self.active.clear();
        self.later.clear();
        let mut at = from;
        while at < until || !self.active.is_empty() || !self.later.is_empty() {
            let Some(byte) = self.text.get(at).copied() else {
                break;
            };
            self.join(at);
            self.step(at, byte);
            at += 1;
        }
        if at >= self.text.len() && self.end == TextEnd::More {
            let waiting = self.later.iter().map(|(_, thread)| thread);
            let starts = self.active.iter().chain(waiting).map(|thread| thread.start);
            let first = starts.min().unwrap_or(self.text.len());
            self.found.open = self.found.open.min(first);
        }
        at
    }

    /// Lets threads go on that have waited for this place.
    fn join(&mut self, at: usize) {
        let active = &mut self.active;
        self.later.retain(|(place, thread)| {
            if *place == at {
                active.push(*thread);
            }
            *place != at
        });
    }

    /// Takes what is at a place, as itself and as the escape that begins there.
    fn step(&mut self, at: usize, byte: u8) {
        let mut active = mem::take(&mut self.active);
        let intro = is_intro(byte);
        if intro || self.set.begins(byte) {
            active.push(Thread {
                start: at,
                prefix: self.set.all(),
            });
        }
        for thread in &active {
            if let Some(thread) = self.advance(*thread, &[byte], at + 1) {
                self.next.push(thread);
            }
        }
        if intro {
            self.step_escaped(at, &active);
        }
        active.clear();
        self.active = mem::replace(&mut self.next, active);
    }

    fn step_escaped(&mut self, at: usize, active: &[Thread]) {
        let mut before = None;
        for depth in 1..=MAX_DEPTH {
            let char = match read(self.text, at, depth) {
                Ok(char) => char,
                Err(_) if self.end == TextEnd::Last => continue,
                Err(_) => {
                    let starts = active.iter().map(|thread| thread.start);
                    self.found.open = starts.fold(self.found.open.min(at), usize::min);
                    continue;
                }
            };
            if char.next == at + 1 || before == Some(char) {
                continue;
            }
            before = Some(char);
            for thread in active {
                if let Some(thread) = self.advance(*thread, char.bytes(), char.next) {
                    self.later.push((char.next, thread));
                }
            }
        }
    }

    /// Takes bytes on; notes the form that they complete, which ends at `end`.
    fn advance(&mut self, thread: Thread, bytes: &[u8], end: usize) -> Option<Thread> {
        let Thread { start, mut prefix } = thread;
        for byte in bytes {
            let (longer, complete) = self.set.advance(prefix, *byte);
            if let Some(on_reflect) = complete {
                let range = start..end;
                self.found.hits.push(Hit { range, on_reflect });
            }
            prefix = longer?;
        }
        Some(Thread { start, prefix })
    }
}
