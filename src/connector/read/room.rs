//! Counts room: what reading one request may still take; each cost is paid before it arises, and refused where too much was spent.
//!
//! INVARIANT: a request costs at most a few times its own length in memory, whatever it repeats, nests or names.

use std::fmt;

use crate::connector::read::unreadable::{UNREADABLE_BODY, Unreadable};

/// Bytes that a request of any length may have copied. With what reading takes anyway, a short request costs 2 MiB at most.
const LEAST_COPIES: usize = (2 << 20) - (64 << 10);

/// Bytes of keys that may be looked at again in a request of any length.
const LEAST_WALKS: usize = 2 << 20;

/// How many times its own length a request may have copied. With the body itself, 1 MiB costs 8 MiB at most.
const COPIES: usize = 7;

/// Bytes of keys that are looked at again because a variable is used again, as a multiple of the request's length.
const WALKS: usize = 16;

/// What is asked of the memory at once: asking costs two atomic additions.
const STEP: usize = 64 * 1024;

/// What is copied without asking: most requests copy less.
const FREE: usize = 16 * 1024;

/// Where the memory comes from that understanding a request takes, beside that of the body itself.
pub trait Memory: fmt::Debug {
    /// Reserves so many bytes more; `false` where there are none left.
    fn take(&mut self, bytes: usize) -> bool;
}

/// Memory without a limit: offline, where an operator wrote the request.
#[derive(Debug)]
pub struct OwnMemory;

impl Memory for OwnMemory {
    fn take(&mut self, _: usize) -> bool {
        true
    }
}

/// What one request may still take, over all of its groups, parts and members.
#[derive(Debug)]
pub(crate) struct Room<'m> {
    /// Values that may still be read.
    pub(crate) nodes: usize,
    /// Bytes copied so far.
    pub(crate) copied: usize,
    copies: usize,
    walks: usize,
    granted: usize,
    memory: &'m mut dyn Memory,
}

impl<'m> Room<'m> {
    /// Makes the room of a request of `bytes` that may have so many values.
    pub(crate) fn new(nodes: usize, bytes: usize, memory: &'m mut dyn Memory) -> Self {
        Self {
            nodes,
            copied: 0,
            copies: bytes.saturating_mul(COPIES).max(LEAST_COPIES),
            walks: bytes.saturating_mul(WALKS).max(LEAST_WALKS),
            granted: FREE,
            memory,
        }
    }

    /// Counts one value against the limit.
    #[inline]
    pub(crate) fn node(&mut self) -> Result<(), Unreadable> {
        self.nodes(1)
    }

    /// Takes so many values.
    #[inline]
    pub(crate) fn nodes(&mut self, count: usize) -> Result<(), Unreadable> {
        let left = self.nodes.checked_sub(count);
        self.nodes =
            left.ok_or_else(|| refuse("the request has more values than the gateway reads"))?;
        Ok(())
    }

    /// Takes memory for a copy that is about to be made.
    pub(crate) fn copy(&mut self, bytes: usize) -> Result<(), Unreadable> {
        self.copied = self.copied.saturating_add(bytes);
        if self.copied > self.copies {
            return Err(refuse(
                "the request repeats so much that reading it takes many times its size",
            ));
        }
        if self.copied > self.granted {
            let more = (self.copied - self.granted).max(STEP);
            if !self.memory.take(more) {
                return Err(refuse("there is no memory left to read the request"));
            }
            self.granted += more;
        }
        Ok(())
    }

    /// Takes work for bytes that are looked at once more, though nothing is copied.
    pub(crate) fn walk(&mut self, bytes: usize) -> Result<(), Unreadable> {
        let left = self.walks.checked_sub(bytes);
        self.walks = left.ok_or_else(|| refuse("the request repeats long keys too often"))?;
        Ok(())
    }
}

fn refuse(detail: &str) -> Unreadable {
    Unreadable {
        code: UNREADABLE_BODY,
        detail: detail.to_owned(),
    }
}
