//! Counts credentials that cannot be used, and shows what their tests have found.

use super::{Health, Metrics};
use crate::model::credential::CheckState;

impl Metrics {
    /// Takes over which credentials there are and which of them cannot be used.
    pub fn credentials<'a>(&self, all: impl Iterator<Item = (&'a str, Health)>) {
        self.credentials.unhealthy.reset();
        for (id, health) in all {
            let unhealthy = self.credentials.unhealthy.with_label_values(&[id]);
            unhealthy.set(i64::from(health == Health::Unhealthy));
        }
    }

    /// Takes over whether one credential can be used.
    pub fn credential(&self, id: &str, health: Health) {
        let unhealthy = self.credentials.unhealthy.with_label_values(&[id]);
        unhealthy.set(i64::from(health == Health::Unhealthy));
    }

    /// Takes over what a test of a credential has found.
    pub fn credential_check(&self, id: &str, found: CheckState) {
        for state in CheckState::ALL {
            let gauge = &self.credentials.checked;
            let gauge = gauge.with_label_values(&[id, state.as_str()]);
            gauge.set(i64::from(state == found));
        }
    }
}
