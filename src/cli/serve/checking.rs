//! Checks credentials in the background, while the gateway serves.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::live::Live;

/// How often it is looked whether a check is due.
const LOOK: Duration = Duration::from_secs(5);

/// Checks credentials until it is aborted, each about as often as `every` says; never, where that is no time at all. What the kill
/// switch holds back sends nothing of the gateway's own accord either; it is checked once the halt has ended.
pub(super) fn start(live: &Arc<Live>, every: Duration) -> JoinHandle<()> {
    let live = Arc::clone(live);
    tokio::spawn(async move {
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while !every.is_zero() {
            look.tick().await;
            let Some(checks) = live.checks() else {
                continue;
            };
            for credential in checks.due(&live.keyring) {
                if live
                    .kill_switch
                    .holds_all_of(&credential.connector)
                    .is_some()
                {
                    continue;
                }
                checks.check(&credential).await;
                checks.plan(&credential.id, every);
                live.note_health();
            }
        }
    })
}
