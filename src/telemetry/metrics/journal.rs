//! Updates the metrics of the journal and of its sinks.

use std::time::Duration;

use super::Metrics;

impl Metrics {
    /// Updates the journal's figures: records persisted so far, the newest one's number, and the oldest one's wait.
    pub fn journal(&self, (records_total, sequence): (u64, u64), lag: Duration) {
        let known = self.journal.records.get();
        let more = records_total.saturating_sub(known);
        self.journal.records.inc_by(more);
        let sequence = i64::try_from(sequence).unwrap_or(i64::MAX);
        self.journal.sequence.set(sequence);
        self.journal.lag.set(lag.as_secs_f64());
    }

    /// Updates the figures of one sink: records that it has not delivered, and records that it never will.
    pub fn sink(&self, name: &str, (lag, missed_total): (u64, u64)) {
        let shown = self.journal.sink_lag.with_label_values(&[name]);
        shown.set(i64::try_from(lag).unwrap_or(i64::MAX));
        let missed = self.journal.sink_missed.with_label_values(&[name]);
        missed.inc_by(missed_total.saturating_sub(missed.get()));
    }

    /// Says whether a record number was found to have two hashes.
    pub fn journal_fork(&self, is_forked: bool) {
        self.journal.fork.set(i64::from(is_forked));
    }
}
