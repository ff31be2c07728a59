//! Defines one operation of a request that is several at once, and how many of them one request may have.

use crate::connector::model::operation::Fact;
use crate::connector::read::unreadable::{Unreadable, too_many};
use crate::model::value::Value;

/// One part of a request.
#[derive(Debug)]
pub(crate) struct Operation {
    /// What routes are found by.
    pub(crate) name: String,
    pub(crate) values: Vec<(Fact, Value)>,
}

/// The parts that one request may still have, over all of its groups and members.
#[derive(Debug)]
pub(crate) struct Quota(usize);

impl Operation {
    /// Returns what it says of itself.
    pub(crate) fn get(&self, field: Fact) -> Option<&Value> {
        self.values
            .iter()
            .find(|(known, _)| *known == field)
            .map(|(_, value)| value)
    }
}

impl Quota {
    pub(crate) fn new(operations: usize) -> Self {
        Self(operations)
    }

    /// Counts one part against the limit.
    pub(crate) fn take(&mut self) -> Result<(), Unreadable> {
        self.0 = self.0.checked_sub(1).ok_or_else(too_many)?;
        Ok(())
    }

    pub(crate) fn left(&self) -> usize {
        self.0
    }
}
