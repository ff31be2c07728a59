//! Keeps what the passes over one file share: what failed and is left out, and every fault.

use std::cell::RefCell;
use std::collections::HashSet;

use super::fault::Fault;
use super::node::{MapEntry, Node};

/// What one file's passes have in common.
#[derive(Debug, Default)]
pub(super) struct Session {
    /// Items and fields that failed in an earlier pass and are left out.
    skipped: RefCell<HashSet<u32>>,
    /// Keys found unknown, so that a second pass does not tell them again.
    unknown: RefCell<HashSet<(usize, usize)>>,
    faults: RefCell<Vec<Fault>>,
}

impl Session {
    pub(super) fn new(refused: Vec<u32>) -> Self {
        Self {
            skipped: RefCell::new(refused.into_iter().collect()),
            ..Self::default()
        }
    }

    /// Records why a pass failed; returns whether another pass can tell more.
    pub(super) fn record(&self, mut fault: Fault) -> bool {
        let victim = fault.0.victim.take();
        if !fault.0.silent {
            self.faults.borrow_mut().push(fault);
        }
        victim.is_some_and(|id| self.skipped.borrow_mut().insert(id))
    }

    pub(super) fn into_faults(self) -> Vec<Fault> {
        self.faults.into_inner()
    }

    pub(super) fn skips(&self, node: &Node) -> bool {
        self.skipped.borrow().contains(&node.id)
    }

    pub(super) fn unknown_key(&self, entry: &MapEntry, known: &[&str]) {
        if self
            .unknown
            .borrow_mut()
            .insert((entry.spot.line, entry.spot.column))
        {
            self.faults
                .borrow_mut()
                .push(Fault::unknown_key(&entry.key, known).spot(&entry.spot));
        }
    }
}
