//! Holds the state that changes while the gateway runs: agents, credentials, operators, halts and permissions of the store, and
//! the files.
//!
//! INVARIANT: the revision is raised only after all of it has taken effect, so a command that waits for it has waited long
//! enough.

mod approvals;
mod configuration;
mod credentials;
mod entries;
mod recorded;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use subtle::ConstantTimeEq;

use super::checks::Checks;
use super::declared::{self, OperatorToken};
use super::health::CredentialHealth;
use super::journal::record_changes;
use super::settings::Settings;

use crate::admin::Operator;
use crate::approval::ApprovalService;
use crate::cli::workspace::{StoreView, Workspace};
use crate::config::Role;
use crate::journal::Journal;
use crate::kill_switch::KillSwitch;
use crate::model::changes::Changes;
use crate::model::clock::Clock;
use crate::model::credential::SealedCredential;
use crate::roster::{Roster, RosterEntry, TokenHash};
use crate::simulate::case;
use crate::snapshot::Current;
use crate::snapshot::reload::Reloader;
use crate::store::{Store, StoredOperator};
use crate::telemetry::metrics::Metrics;
use crate::vault::{Keyring, Opener, Placeholders, Rebinder, Sealer};

pub(super) use recorded::Recorded;

/// How often a revision that is waited for is looked for, and how long between.
const FOLLOW_TRIES: usize = 50;
const FOLLOW_PAUSE: Duration = Duration::from_millis(20);

/// Declarations of the configuration, as last read.
#[derive(Debug)]
pub(super) struct Declared {
    pub(super) entries: Vec<RosterEntry>,
    pub(super) credentials: Vec<SealedCredential>,
    pub(super) operators: Vec<OperatorToken>,
}

impl Declared {
    pub(super) fn of(workspace: &Workspace, credentials: Vec<SealedCredential>) -> Self {
        Self {
            entries: declared::entries(workspace),
            credentials,
            operators: declared::operators(workspace),
        }
    }
}

/// State that changes while the gateway runs.
#[derive(Debug)]
pub(in crate::cli) struct Live {
    pub(super) workspace: ArcSwap<Workspace>,
    pub(super) settings: Mutex<Settings>,
    pub(super) sealer: Sealer,
    pub(super) clock: Clock,
    pub(super) store: Store,
    pub(super) journal: Journal,
    pub(super) roster: Arc<Roster>,
    pub(super) keyring: Arc<Keyring>,
    pub(super) kill_switch: Arc<KillSwitch>,
    /// The active connectors and policies.
    pub(super) current: Arc<Current>,
    pub(super) opener: Opener,
    pub(super) rebinder: Rebinder,
    /// Makes what agents hold in place of credentials.
    pub(in crate::cli) placeholders: Placeholders,
    pub(super) metrics: Arc<Metrics>,
    pub(super) approvals: Arc<ApprovalService>,
    pub(super) declared: ArcSwap<Declared>,
    pub(super) reloader: Reloader,
    /// Returns free memory, as [`ProcessEnv`](crate::cli::ProcessEnv) has it.
    pub(super) give_back: fn(),
    pub(super) operators: ArcSwap<Vec<OperatorToken>>,
    /// The active state of the store.
    pub(super) view: ArcSwap<StoreView>,
    pub(super) revision: AtomicI64,
    /// Held while the store is taken over.
    pub(super) following: tokio::sync::Mutex<()>,
    /// Notified after any of it has taken effect.
    pub(super) changes: Changes,
    /// Notified when the directories of the files change.
    pub(super) moved: tokio::sync::Notify,
    /// Health of credentials, so that each problem is logged once.
    pub(super) health: Mutex<CredentialHealth>,
    /// Tests credentials; set once the gateway is put together.
    pub(super) checks: OnceLock<Checks>,
    /// Ids of rows of an older build that this start has bound to where their schemes put them.
    pub(super) resealed: Vec<String>,
    /// The last trouble with the store, so that it is logged once.
    pub(super) trouble: Mutex<Option<String>>,
    /// What is recorded of files and configuration, so that each change of it is recorded once.
    pub(super) recorded: Mutex<Recorded>,
}

impl Live {
    /// Takes the store over where its revision has changed.
    pub(super) async fn follow_store(self: &Arc<Self>) {
        // One after the other: an older view must not replace a newer one.
        let _turn = self.following.lock().await;
        if let Err(error) = record_changes(&self.journal, &self.store).await {
            self.note_trouble(Some(error.to_string()));
        }
        let known = self.revision.load(Ordering::SeqCst);
        let generation = self.kill_switch.generation();
        let view = match self.store.revision().await {
            Ok(revision) if revision == known => return self.note_trouble(None),
            Ok(_) => StoreView::read(&self.store).await,
            Err(error) => Err(error),
        };
        match view {
            Ok(view) => {
                self.note_trouble(None);
                let is_whole = self.apply(view, generation);
                self.reload_files().await;
                // Else it is read again with the next look.
                if is_whole {
                    let revision = self.view.load().revision;
                    self.revision.store(revision, Ordering::SeqCst);
                }
            }
            // What is in effect stays; requests are refused by the journal if it is that bad.
            Err(error) => self.note_trouble(Some(error.to_string())),
        }
    }

    /// Takes the store over up to a revision at least, and returns the one that is in use: a lower one where the store cannot be
    /// read for a second.
    pub(super) async fn follow_to(self: &Arc<Self>, revision: i64) -> i64 {
        for _ in 0..FOLLOW_TRIES {
            self.follow_store().await;
            if self.revision.load(Ordering::SeqCst) >= revision {
                break;
            }
            tokio::time::sleep(FOLLOW_PAUSE).await;
        }
        // A credential that was added is used by the next request.
        self.settle_origins().await;
        self.revision.load(Ordering::SeqCst)
    }

    /// Applies agents, credentials, operators and halts; permissions come with the next snapshot.
    ///
    /// Halts stay if one was changed here since `generation`; returns whether they were applied.
    pub(super) fn apply(&self, view: StoreView, generation: u64) -> bool {
        self.apply_names(&view);
        let is_whole = self.kill_switch.replace(&view.halts, generation);
        self.view.store(Arc::new(view));
        self.changes.tell();
        is_whole
    }

    /// Applies declared and stored agents, credentials and operators.
    fn apply_names(&self, view: &StoreView) {
        let declared = self.declared.load();
        let mut entries = declared.entries.clone();
        entries.extend(self.stored_entries(view));
        self.roster.replace(entries);
        self.apply_credentials(view);
        self.note_health();
        let mut operators = declared.operators.clone();
        operators.extend(
            view.operators
                .iter()
                .map(|operator| (known(operator), TokenHash(operator.token_hash))),
        );
        self.operators.store(Arc::new(operators));
        self.keep_approvals();
    }

    /// Reads configuration and files again.
    pub(super) async fn reload(self: &Arc<Self>) {
        let moved = {
            let _turn = self.following.lock().await;
            let moved = self.reload_settings().await;
            // Not the halts: those of the view may be older than those in effect.
            self.apply_names(&self.view.load());
            self.changes.tell();
            moved
        };
        if moved {
            self.moved.notify_one();
        }
        self.reload_files().await;
    }

    /// Reads the files again and applies them with the store's permissions, or keeps the active snapshot.
    pub(super) async fn reload_files(self: &Arc<Self>) {
        let live = Arc::clone(self);
        // Compiling a catalogue takes longer than a runtime's thread should be kept.
        let reloaded = tokio::task::spawn_blocking(move || {
            let workspace = live.workspace.load();
            let files = workspace.files();
            let inputs = files.map(|files| workspace.with_store(files, &live.view.load()));
            let now = live.clock.now();
            let reloaded = live.reloader.reload(inputs, |inputs, snapshot| {
                case::of_files(inputs, snapshot, now)
            });
            if reloaded {
                (live.give_back)();
            }
            reloaded
        });
        match reloaded.await {
            Ok(true) => {
                self.record_files();
                self.note_health();
                self.changes.tell();
            }
            Ok(false) => self.record_files(),
            Err(error) => {
                tracing::error!(%error, "reload broke off, the last good snapshot stays");
            }
        }
    }

    /// Keeps when tokens were last used.
    pub(super) async fn note_used(&self) {
        let used = self.roster.used().into_iter();
        let used: Vec<([u8; 32], i64)> = used.map(|(hash, at)| (hash.0, at)).collect();
        if used.is_empty() {
            return;
        }
        if let Err(error) = self.store.note_used(&used).await {
            tracing::warn!(%error, "the store does not know when tokens were last used");
        }
    }

    /// Returns what tests credentials, once the gateway is put together.
    pub(in crate::cli) fn checks(&self) -> Option<&Checks> {
        self.checks.get()
    }

    /// The configuration and files that the gateway runs on.
    pub(in crate::cli) fn workspace(&self) -> Arc<Workspace> {
        self.workspace.load_full()
    }

    /// Returns whose operator token this is; every known one is compared, in constant time.
    pub(super) fn operator(&self, token: &str) -> Option<Operator> {
        let TokenHash(presented) = TokenHash::of(token);
        let operators = self.operators.load();
        let fits = |(_, TokenHash(hash)): &&OperatorToken| bool::from(hash.ct_eq(&presented));
        operators
            .iter()
            .filter(fits)
            .map(|(operator, _)| operator.clone())
            .next_back()
    }

    fn note_trouble(&self, trouble: Option<String>) {
        let mut last = self.trouble.lock();
        match (&*last, &trouble) {
            (None, Some(error)) => {
                tracing::error!(%error, "the store cannot be read; the active state stays");
            }
            (Some(_), None) => tracing::info!("the store can be read again"),
            (None, None) | (Some(_), Some(_)) => {}
        }
        *last = trouble;
    }
}

/// A role that is none of ours may only look.
fn known(stored: &StoredOperator) -> Operator {
    Operator {
        name: stored.name.clone(),
        role: Role::of(&stored.role).unwrap_or(Role::Viewer),
        groups: stored.groups.iter().cloned().collect(),
    }
}
