//! Joins declared and stored credentials, and tells once what keeps one from being used.

use std::time::Duration;

use super::Live;
use crate::cli::serve::health::CredentialHealth;
use crate::cli::workspace::{Pins, StoreView, open_pins};
use crate::model::credential::{CredentialId, NOWHERE, SealedCredential};
use crate::telemetry::metrics::Health;
use crate::vault::SourceAccess;

/// How long secrets that lie elsewhere are waited for when they are first read, at start and by commands.
const ORIGINS_SETTLE: Duration = Duration::from_secs(5);

impl Live {
    /// Declared and stored credentials, sealed.
    pub(in crate::cli) fn credentials(&self) -> Vec<SealedCredential> {
        self.with_declared(&self.view.load())
    }

    pub(super) fn with_declared(&self, view: &StoreView) -> Vec<SealedCredential> {
        let declared = self.declared.load();
        let declared = &declared.credentials;
        let hidden =
            |stored: &&SealedCredential| declared.iter().any(|other| other.id == stored.id);
        let stored = view.credentials.iter().filter(|stored| !hidden(stored));
        let pins = open_pins(&self.rebinder, &view.pins);
        let declared = declared.iter();
        declared
            .map(|credential| self.as_pinned(credential, &pins))
            .chain(stored.cloned())
            .collect()
    }

    /// Looks at every credential once, so that an edited row, or a connector that now puts it elsewhere, is told now and not by
    /// the first request that needs it.
    pub(in crate::cli::serve) fn note_health(&self) {
        let snapshot = self.current.snapshot();
        let credentials = self.keyring.list();
        let found = CredentialHealth::of(&credentials, &self.opener, snapshot.catalog());
        let mut before = self.health.lock();
        found.log_news(&before);
        self.record_health(&found, &before);
        let known = self.checks().map(|checks| checks.known(&self.keyring));
        let failing = |id: &CredentialId| {
            let check = known.as_ref().and_then(|known| known.get(id.as_str()));
            check.is_some_and(|check| check.state.is_bad())
        };
        self.metrics
            .credentials(credentials.iter().map(|credential| {
                let health = match found.health(&credential.id) {
                    Health::Healthy if failing(&credential.id) => Health::Unhealthy,
                    health => health,
                };
                (credential.id.as_str(), health)
            }));
        *before = found;
    }

    /// Applies the store for the first time. Secrets that lie elsewhere are read by threads from now on; a start waits a moment for
    /// them, so that the first requests have them.
    pub(in crate::cli::serve) async fn begin(&self, view: StoreView, access: SourceAccess) {
        self.opener.origins().read_in_background(access);
        // Nobody reaches the switch yet, so nothing can have changed.
        self.apply(view, self.kill_switch.generation());
        self.settle_origins().await;
    }

    /// Waits a moment for secrets that are being read for the first time, and puts them into use.
    pub(super) async fn settle_origins(&self) {
        self.opener.origins().settled(ORIGINS_SETTLE).await;
        self.follow_origins().await;
    }

    /// Forgets what was opened of credentials whose secrets lie elsewhere and have changed there.
    pub(in crate::cli::serve) async fn follow_origins(&self) {
        let changed = self.opener.origins().take_changed();
        if changed.is_empty() {
            return;
        }
        let _turn = self.following.lock().await;
        self.keyring.renew(&changed);
        self.note_health();
        self.changes.tell();
    }

    /// Puts declared and stored credentials into use. One that was only sealed again keeps what was minted of it.
    pub(super) fn apply_credentials(&self, view: &StoreView) {
        let same = |known: &SealedCredential, fresh: &SealedCredential| {
            self.opener.holds_same(known, fresh)
        };
        self.keyring.replace_by(self.with_declared(view), same);
        let is_there = |id: &CredentialId| self.keyring.get(id).is_some();
        self.opener.origins().retain(is_there);
    }

    /// Returns the credentials that their APIs do not accept, each with what the last test has found.
    pub(in crate::cli::serve) fn failing(&self) -> Vec<String> {
        let known = self.checks().map(|checks| checks.known(&self.keyring));
        let known = known.unwrap_or_default().into_iter();
        known
            .filter(|(_, check)| check.state.is_bad())
            .map(|(id, check)| format!("{id} ({})", check.in_words()))
            .collect()
    }

    /// Returns what the configuration declares as an operator has bound it since: `credential rebind` writes the pin.
    fn as_pinned(&self, credential: &SealedCredential, pins: &Pins) -> SealedCredential {
        let place = match pins.get(&credential.id) {
            Some(Some(pin)) if pin.connector == credential.connector => {
                (pin.scheme.as_str(), pin.placement.as_str())
            }
            Some(None) => (credential.scheme.as_str(), NOWHERE),
            Some(Some(_)) | None => return credential.clone(),
        };
        if credential.agent_owned || place == (&*credential.scheme, &*credential.placement) {
            return credential.clone();
        }
        self.rebinder
            .rebind(credential, place, [], &mut rand::rng())
            .unwrap_or_else(|error| {
                tracing::error!(credential.id = %credential.id, "{error}");
                credential.clone()
            })
    }
}
