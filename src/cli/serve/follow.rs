//! Changes of configuration, files and store, noticed and taken over until the gateway ends.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::live::Live;
use crate::snapshot::watch::Watch;

/// How often the store is asked whether something has changed.
const STORE_POLL: Duration = Duration::from_millis(200);

/// How often the store learns when tokens were last used; a crash forgets less than this.
const USED: Duration = Duration::from_secs(60);

/// How often secrets that lie elsewhere are looked at; what has a time ends so much earlier (`vault/origins/read.rs`).
const ORIGINS: Duration = Duration::from_secs(1);

/// How long an opened credential that no request uses stays in memory.
const CREDENTIAL_IDLE: Duration = Duration::from_secs(60);

fn watched(live: &Live) -> Option<Watch> {
    let workspace = live.workspace();
    let config = workspace.config();
    let directories: Vec<PathBuf> = config
        .connectors
        .iter()
        .chain(&config.policies)
        .cloned()
        .collect();
    Watch::start(&directories)
        .inspect_err(|error| {
            tracing::error!(%error, "directories are not watched; send SIGHUP after a change");
        })
        .ok()
}

/// Applies changes of configuration, files and store until the gateway ends.
pub(super) async fn follow(live: Arc<Live>, mut stopped: watch::Receiver<bool>) {
    let mut watch = watched(&live);
    let mut poll = tokio::time::interval(STORE_POLL);
    poll.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut tick = tokio::time::interval(ORIGINS);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut used = tokio::time::interval_at(tokio::time::Instant::now() + USED, USED);
    let origins = live.opener.origins().clone();
    loop {
        let files = async {
            match &mut watch {
                Some(watch) => watch.changed().await,
                None => std::future::pending().await,
            }
        };
        // The guard that `wait_for` returns must not outlive its branch.
        let told = async { drop(stopped.wait_for(|stopped| *stopped).await) };
        tokio::select! {
            () = told => return,
            () = files => live.reload_files().await,
            _ = used.tick() => live.note_used().await,
            _ = tick.tick() => {
                let origins = origins.clone();
                // Not waited for: a file of a network may hang.
                drop(tokio::task::spawn_blocking(move || origins.refresh()));
            }
            () = origins.changed() => live.follow_origins().await,
            () = live.moved.notified() => watch = watched(&live),
            _ = poll.tick() => {
                let has_changed = live.settings.lock().has_changed();
                if has_changed {
                    live.reload().await;
                }
                live.follow_store().await;
                live.keyring.forget_idle(CREDENTIAL_IDLE);
            }
        }
    }
}
