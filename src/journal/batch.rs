//! Records that are written together, and who waits for each.

use std::sync::mpsc;

use tokio::sync::oneshot;

use super::error::JournalError;

/// Records that are written together.
#[derive(Debug, Default)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    /// Entries that somebody waits for.
    urgent: usize,
}

#[derive(Debug)]
struct Entry {
    length: usize,
    waiter: Waiter,
    /// The reserve is for it.
    is_essential: bool,
}

/// The caller that waits for a record.
#[derive(Debug)]
pub(super) enum Waiter {
    /// Nobody: after a failure it is tried again.
    Nobody,
    /// The task that is writing it.
    Writer,
    /// A task that awaits its answer.
    Task(oneshot::Sender<Result<(), JournalError>>),
    /// A thread that blocks.
    Thread(mpsc::Sender<Result<(), JournalError>>),
    /// Threads that wait for one checkpoint.
    Threads(Vec<mpsc::Sender<Result<(), JournalError>>>),
}

impl Batch {
    pub(super) fn push(&mut self, body: &[u8], waiter: Waiter, is_essential: bool) {
        self.bytes.extend_from_slice(body);
        self.urgent += usize::from(!matches!(waiter, Waiter::Nobody));
        self.entries.push(Entry {
            length: body.len(),
            waiter,
            is_essential,
        });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Returns whether the task that is writing waits for any of it.
    pub(super) fn has_writer(&self) -> bool {
        let is_writer = |entry: &Entry| matches!(entry.waiter, Waiter::Writer);
        self.entries.iter().any(is_writer)
    }

    /// Returns whether somebody waits for any of it.
    pub(super) fn is_urgent(&self) -> bool {
        self.urgent > 0
    }

    pub(super) fn bodies(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.bytes.as_slice();
        self.entries.iter().map(move |entry| {
            let (body, behind) = rest.split_at_checked(entry.length).unwrap_or((rest, &[]));
            rest = behind;
            body
        })
    }

    /// Tells everybody who waits, and empties it.
    pub(super) fn settle(&mut self, outcome: &Result<(), JournalError>) {
        for entry in self.entries.drain(..) {
            // A caller that has left needs no answer.
            match entry.waiter {
                Waiter::Task(waiter) => drop(waiter.send(outcome.clone())),
                Waiter::Thread(waiter) => drop(waiter.send(outcome.clone())),
                Waiter::Threads(waiters) => waiters
                    .iter()
                    .for_each(|waiter| drop(waiter.send(outcome.clone()))),
                Waiter::Nobody | Waiter::Writer => {}
            }
        }
        self.bytes.clear();
        self.urgent = 0;
    }

    /// Returns what `keep` says of it as a batch of its own; the rest stays.
    pub(super) fn part(&mut self, keep: impl Fn(&Waiter, bool) -> bool) -> Self {
        let mut rest = std::mem::take(self);
        let mut parted = Self::default();
        let mut start = 0;
        for entry in rest.entries.drain(..) {
            let end = start + entry.length;
            let body = rest.bytes.get(start..end).unwrap_or_default();
            start = end;
            let into = if keep(&entry.waiter, entry.is_essential) {
                &mut parted
            } else {
                &mut *self
            };
            into.push(body, entry.waiter, entry.is_essential);
        }
        parted
    }

    /// Parts what the reserve is for from the rest.
    pub(super) fn part_essential(&mut self) -> Self {
        self.part(|_, is_essential| is_essential)
    }

    /// Parts what nobody waits for from the rest.
    pub(super) fn part_patient(&mut self) -> Self {
        self.part(|waiter, _| matches!(waiter, Waiter::Nobody))
    }

    pub(super) fn append(&mut self, other: &mut Self) {
        self.bytes.append(&mut other.bytes);
        self.entries.append(&mut other.entries);
        self.urgent += std::mem::take(&mut other.urgent);
    }
}
