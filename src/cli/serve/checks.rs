//! Checks credentials when an operator asks, and by itself from time to time; keeps what was found, and tells each change once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rand::RngExt as _;
use serde_json::Map;

use crate::journal::{Changed, Journal};
use crate::model::credential::{CheckState, CredentialCheck, CredentialId, SealedCredential};
use crate::pipeline::Gateway;
use crate::pipeline::check_credential::check_credential;
use crate::telemetry::metrics::Metrics;
use crate::vault::Keyring;

/// When a credential that is new here is first checked: not all at once, and not while the gateway starts.
const FIRST: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(180));

/// Checks credentials and knows what was found.
#[derive(Debug)]
pub(in crate::cli) struct Checks {
    gateway: Arc<Gateway>,
    journal: Journal,
    metrics: Arc<Metrics>,
    found: Mutex<BTreeMap<CredentialId, Found>>,
}

/// What is known of one credential.
#[derive(Debug)]
struct Found {
    /// Ciphertext that was checked: another one is another credential.
    sealed: Vec<u8>,
    check: CredentialCheck,
    due: Instant,
}

impl Checks {
    pub(super) fn new(gateway: Arc<Gateway>, (journal, metrics): (Journal, Arc<Metrics>)) -> Self {
        Self {
            gateway,
            journal,
            metrics,
            found: Mutex::default(),
        }
    }

    /// Checks a credential that is not in use; nothing of it is kept. No token is minted of it, since that may use it up.
    pub(super) async fn probe(&self, credential: &Arc<SealedCredential>) -> CredentialCheck {
        if credential.mints() {
            let why = "its first use shows whether tokens are minted of it";
            return CredentialCheck::of(CheckState::Unchecked, why);
        }
        check_credential(&self.gateway, credential).await
    }

    /// Checks a credential, and keeps and tells what was found.
    pub(super) async fn check(&self, credential: &Arc<SealedCredential>) -> CredentialCheck {
        let check = check_credential(&self.gateway, credential).await;
        self.keep(credential, check)
    }

    /// Returns what is known of the credentials of a keyring, by id.
    pub(in crate::cli) fn known(&self, keyring: &Keyring) -> BTreeMap<String, CredentialCheck> {
        let found = self.found.lock();
        let of = |credential: &Arc<SealedCredential>| {
            let known = found.get(&credential.id);
            let known = known.filter(|found| found.sealed == credential.sealed);
            let check = known.map(|found| found.check.clone()).unwrap_or_default();
            (credential.id.to_string(), check)
        };
        keyring.list().iter().map(of).collect()
    }

    fn keep(&self, credential: &SealedCredential, check: CredentialCheck) -> CredentialCheck {
        let mut found = self.found.lock();
        let before = found.remove(&credential.id);
        let before = before.filter(|before| before.sealed == credential.sealed);
        let before = before.map(|before| before.check).unwrap_or_default();
        let check = check.after(&before);
        found.insert(
            credential.id.clone(),
            Found {
                sealed: credential.sealed.clone(),
                check: check.clone(),
                due: Instant::now() + FIRST.1,
            },
        );
        drop(found);
        self.metrics
            .credential_check(credential.id.as_str(), check.state);
        self.tell(&credential.id, &check, before.state);
        check
    }

    /// Logs and records a change. That a new credential works is no news.
    fn tell(&self, id: &CredentialId, check: &CredentialCheck, before: CheckState) {
        let is_first = before == CheckState::Unchecked && check.state == CheckState::Valid;
        if check.state == before || is_first || check.state == CheckState::Unchecked {
            return;
        }
        let shown = check.in_words();
        if check.state == CheckState::Valid {
            tracing::info!(credential.id = %id, "the credential works again");
        } else {
            tracing::warn!(credential.id = %id, check = shown, "a check of the credential failed");
        }
        let mut detail = Map::new();
        detail.insert("state".to_owned(), check.state.as_str().into());
        detail.insert("before".to_owned(), before.as_str().into());
        if let Some(reason) = &check.detail {
            detail.insert("reason".to_owned(), reason.as_str().into());
        }
        self.journal.append_later(&Changed {
            what: "credential.checked".into(),
            subject: id.as_str().into(),
            detail,
            ..Changed::default()
        });
    }

    /// Returns the credentials whose check is due, and forgets those that are gone.
    pub(super) fn due(&self, keyring: &Keyring) -> Vec<Arc<SealedCredential>> {
        let now = Instant::now();
        let mut found = self.found.lock();
        let all = keyring.list();
        found.retain(|id, _| all.iter().any(|credential| credential.id == *id));
        let mut due = Vec::new();
        for credential in all {
            let known = found.get(&credential.id);
            match known.filter(|known| known.sealed == credential.sealed) {
                Some(known) if known.due > now => {}
                Some(_) => due.push(credential),
                None => {
                    let first = rand::rng().random_range(FIRST.0..FIRST.1);
                    let fresh = Found {
                        sealed: credential.sealed.clone(),
                        check: CredentialCheck::default(),
                        due: now + first,
                    };
                    found.insert(credential.id.clone(), fresh);
                }
            }
        }
        due
    }

    /// Sets when a credential is checked next: a fifth earlier or later than asked, so that checks spread out.
    pub(super) fn plan(&self, id: &CredentialId, every: Duration) {
        let spread = rand::rng().random_range(0.8..1.2);
        if let Some(found) = self.found.lock().get_mut(id) {
            found.due = Instant::now() + every.mul_f64(spread);
        }
    }
}
