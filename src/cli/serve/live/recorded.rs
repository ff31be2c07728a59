//! Records what the gateway does by itself: reloads that took effect or failed, and credentials that stop or start to work.

use serde_json::Map;

use super::Live;
use crate::cli::serve::health::CredentialHealth;
use crate::journal::Changed;

/// Longest reason that is recorded, in characters.
const MAX_REASON: usize = 1_024;

/// What was recorded last.
#[derive(Debug, Default)]
pub(in crate::cli::serve) struct Recorded {
    snapshot: String,
    files_failure: Option<String>,
    config_failure: Option<String>,
}

impl Recorded {
    /// Begins with the snapshot of the start, which needs no record of its own: each decision names it.
    pub(in crate::cli::serve) fn new(snapshot: &str) -> Self {
        Self {
            snapshot: snapshot.to_owned(),
            ..Self::default()
        }
    }
}

impl Live {
    /// Records that connectors and policies were reloaded, or why not, where that is news.
    pub(super) fn record_files(&self) {
        let failure = self.reloader.problem();
        let snapshot = self.current.snapshot().id().to_string();
        let mut recorded = self.recorded.lock();
        if let Some(reason) = &failure {
            if recorded.files_failure.as_ref() != Some(reason) {
                self.record("files.reload_failed", "", ("reason", reason));
            }
        } else if recorded.snapshot != snapshot || recorded.files_failure.is_some() {
            self.record("files.reloaded", "", ("snapshot", &snapshot));
            recorded.snapshot = snapshot;
        }
        recorded.files_failure = failure;
    }

    /// Records that the configuration could not be reloaded, or that it can again.
    pub(super) fn record_configuration(&self, failure: Option<&str>) {
        let mut recorded = self.recorded.lock();
        if recorded.config_failure.as_deref() == failure {
            return;
        }
        match failure {
            Some(reason) => self.record("config.reload_failed", "", ("reason", reason)),
            None => self.record("config.reloaded", "", ("", "")),
        }
        recorded.config_failure = failure.map(str::to_owned);
    }

    /// Records which credentials cannot be used any more, and which can again.
    pub(super) fn record_health(&self, now: &CredentialHealth, before: &CredentialHealth) {
        let (now, before) = (now.reasons(), before.reasons());
        for (id, reason) in now.iter().filter(|(id, _)| !before.contains_key(*id)) {
            self.record("credential.unhealthy", id, ("reason", reason));
        }
        for id in before.keys().filter(|id| !now.contains_key(*id)) {
            self.record("credential.healthy", id, ("", ""));
        }
    }

    fn record(&self, what: &'static str, subject: &str, (key, text): (&str, &str)) {
        let mut detail = Map::new();
        if !key.is_empty() {
            let text: String = text.chars().take(MAX_REASON).collect();
            detail.insert(key.to_owned(), text.into());
        }
        self.journal.append_later(&Changed {
            what: what.into(),
            subject: subject.to_owned().into(),
            detail,
            ..Changed::default()
        });
    }
}
