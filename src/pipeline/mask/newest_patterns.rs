//! Finds values that were not there when an answer began: an answer may last longer than a credential.

use std::sync::Arc;

use crate::mask::PatternSet;
use crate::pipeline::Gateway;
use crate::pipeline::permit_validity::PermitValidity;

/// Where the values of a host come from, and when they were last read.
#[derive(Debug)]
pub(super) struct NewestPatterns {
    gateway: Arc<Gateway>,
    validity: Arc<PermitValidity>,
    /// The count of changes, read before the values were.
    seen: u64,
}

impl NewestPatterns {
    /// Begins with the values that came with a permit.
    pub(super) fn of(gateway: &Arc<Gateway>, validity: &Arc<PermitValidity>) -> Self {
        Self {
            gateway: Arc::clone(gateway),
            validity: Arc::clone(validity),
            seen: validity.permitted_at,
        }
    }

    /// Returns the values to search for from now on, where they have changed. Replaced ones are among them until nobody searches for
    /// them any more.
    pub(super) fn changed(&mut self, now: &Arc<PatternSet>) -> Option<Arc<PatternSet>> {
        let count = self.gateway.dependencies.changes.count();
        if self.seen == count {
            return None;
        }
        self.seen = count;
        let authority = &self.validity.input.target.authority;
        let set = self.gateway.patterns(authority)?;
        (!Arc::ptr_eq(&set, now)).then_some(set)
    }
}
