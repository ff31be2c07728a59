//! Writes what a start records, and a signature over it, at once: a start that is not signed explains nothing.

use std::sync::mpsc;
use std::time::SystemTime;

use super::batch::Waiter;
use super::body;
use super::chain::Head;
use super::error::JournalError;
use super::record::{Checkpoint, Record};
use super::sign::Signer;
use super::{Shared, Signed};

/// What a start records, in the order in which it is written.
pub(super) struct First {
    bodies: Vec<Vec<u8>>,
    head: Head,
    now: SystemTime,
    is_signed: bool,
}

impl First {
    /// Begins behind a line.
    pub(super) fn new(head: Head, now: SystemTime) -> Self {
        Self {
            bodies: Vec::new(),
            head,
            now,
            is_signed: false,
        }
    }

    /// Returns the last line so far.
    pub(super) fn head(&self) -> Head {
        self.head
    }

    pub(super) fn push<R: Record>(&mut self, record: &R) -> Result<(), JournalError> {
        let mut text = Vec::new();
        body::write(record, self.now, &mut text)
            .map_err(|error| JournalError::Unwritable(error.to_string()))?;
        self.head = self.head.write_next(&text, &mut Vec::new());
        self.bodies.push(text);
        Ok(())
    }

    /// Adds a checkpoint, if there is a key.
    pub(super) fn sign(&mut self, signer: Option<&Signer>) -> Result<Option<Signed>, JournalError> {
        let Some(signer) = signer else {
            return Ok(None);
        };
        let head = self.head;
        let covers = head.covers();
        let signature = signer.sign(&covers);
        let checkpoint = Checkpoint {
            covers,
            signature: signature.as_str().into(),
        };
        self.push(&checkpoint)?;
        self.is_signed = true;
        Ok(Some(Signed { head, signature }))
    }

    /// Writes all of it in one write.
    pub(super) fn write(self, shared: &Shared) -> Result<(), JournalError> {
        let (told, answer) = mpsc::channel();
        {
            let mut queue = shared.queue.lock();
            if self.is_signed {
                queue.unsigned = i64::try_from(self.bodies.len()).map_or(0, |count| -count);
            }
            for body in &self.bodies {
                queue.push(body, Waiter::Thread(told.clone()), true);
            }
        }
        drop(told);
        shared.work.notify_one();
        answer.recv().unwrap_or(Err(JournalError::Closed))
    }
}
