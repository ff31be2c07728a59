//! Watches directories and signals once they have changed and been quiet for a moment.

use std::path::PathBuf;
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout_at};

/// A `git pull` writes files one by one; so long nothing must change before the files are read.
const QUIET: Duration = Duration::from_millis(250);

/// Network file systems send no notifications, so the files are looked at this often in any case.
const POLL: Duration = Duration::from_secs(30);

/// How soon a directory that is gone is looked for again.
const RETRY: Duration = Duration::from_secs(1);

/// Watches directories for as long as it lives.
#[derive(Debug)]
pub struct Watch {
    watcher: RecommendedWatcher,
    directories: Vec<PathBuf>,
    changes: mpsc::Receiver<()>,
    /// When the last unreported change was noticed.
    changed: Option<Instant>,
    /// When the files are looked at although nothing was noticed.
    poll: Instant,
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
            watcher,
            directories: directories.to_vec(),
            changes,
            // The files may have changed before the watch began.
            changed: Some(Instant::now()),
            poll: Instant::now() + POLL,
        })
    }

    /// Returns when something may have changed and nothing has for a moment. Dropping the future forgets nothing.
    pub async fn changed(&mut self) {
        loop {
            let deadline = self.changed.map_or(self.poll, |last| last + QUIET);
            match timeout_at(deadline, self.changes.recv()).await {
                Ok(Some(())) => self.changed = Some(Instant::now()),
                // The system's notifications have ended; the poll goes on.
                Ok(None) => {
                    sleep_until(self.poll).await;
                    break;
                }
                Err(_) => break,
            }
        }
        self.changed = None;
        let pause = if self.renew() { POLL } else { RETRY };
        self.poll = Instant::now() + pause;
    }

    /// Watches what lies at the paths now: a directory may have been replaced by another of its name. Returns whether all are
    /// there.
    fn renew(&mut self) -> bool {
        let mut complete = true;
        for directory in &self.directories {
            // Fails where the directory that was watched is gone, which is what this is for.
            let _ = self.watcher.unwatch(directory);
            complete &= self
                .watcher
                .watch(directory, RecursiveMode::NonRecursive)
                .is_ok();
        }
        complete
    }
}
