//! Directories in, a signal out once they have changed and been quiet for a moment.

use std::path::PathBuf;
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

/// A `git pull` writes files one by one; so long nothing must change before the files are read.
const QUIET: Duration = Duration::from_millis(250);

/// Network file systems send no notifications, so the files are looked at this often in any case.
const POLL: Duration = Duration::from_secs(30);

/// Watches directories for as long as it lives.
#[derive(Debug)]
pub struct Watch {
    _watcher: RecommendedWatcher,
    changes: mpsc::Receiver<()>,
}

impl Watch {
    /// Starts watching. The directories themselves are watched, never files: Kubernetes swaps the symbolic link `..data`,
    /// and editors replace files.
    ///
    /// # Errors
    /// When the operating system refuses, as when its watch limit is reached.
    pub fn start(directories: &[PathBuf]) -> notify::Result<Self> {
        // One place: a signal that waits already says everything.
        let (sender, changes) = mpsc::channel(1);
        let mut watcher =
            notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
                if event.is_ok_and(|event| !event.kind.is_access()) {
                    let _ = sender.try_send(());
                }
            })?;
        for directory in directories {
            watcher.watch(directory, RecursiveMode::NonRecursive)?;
        }
        Ok(Self {
            _watcher: watcher,
            changes,
        })
    }

    /// Returns when something may have changed and nothing has for a moment.
    pub async fn changed(&mut self) {
        let poll = timeout_at(Instant::now() + POLL, self.changes.recv()).await;
        if poll.is_err() {
            return;
        }
        while timeout_at(Instant::now() + QUIET, self.changes.recv())
            .await
            .is_ok_and(|change| change.is_some())
        {}
    }
}
