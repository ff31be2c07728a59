//! Reads the journal away from the runtime's threads. A question may read all of it, so few do so at once, and the others wait.

use std::fmt::Display;
use std::io;
use std::sync::Arc;

use axum::http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Service;
use crate::admin::problem::Problem;

/// Questions that read at once. Each keeps a processor busy and a part of the journal in memory.
const QUESTIONS: usize = 3;

/// Exports at once: each lasts as long as its reader likes, so they take no turn of a question.
const EXPORTS: usize = 2;

/// Who reads the journal now.
#[derive(Debug)]
pub(super) struct Scans {
    questions: Arc<Semaphore>,
    exports: Arc<Semaphore>,
}

impl Default for Scans {
    fn default() -> Self {
        Self {
            questions: Arc::new(Semaphore::new(QUESTIONS)),
            exports: Arc::new(Semaphore::new(EXPORTS)),
        }
    }
}

impl Scans {
    /// Reads when it is this question's turn. The turn lasts until the reading ends, also where nobody waits for it any more.
    async fn ask<T: Send + 'static>(
        &self,
        read: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Result<T, Problem> {
        let turn = Arc::clone(&self.questions).acquire_owned().await;
        blocking(move || {
            let read = read();
            drop(turn);
            read
        })
        .await
    }
}

impl Service {
    /// Reads the journal for a question.
    pub(super) async fn scan<T: Send + 'static>(
        &self,
        read: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Result<T, Problem> {
        self.scans.ask(read).await
    }

    /// Waits for the turn of an export, which lasts as long as what is returned.
    pub(super) async fn export_turn(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.scans.exports).acquire_owned().await.ok()
    }
}

/// Reads away from the runtime's threads.
pub(super) async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, Problem> {
    let failed = |error: &dyn Display| {
        let detail = format!("the journal cannot be read: {error}");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "journal", detail)
    };
    let done = tokio::task::spawn_blocking(read).await;
    done.map_err(|error| failed(&error))?
        .map_err(|error| failed(&error))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn one_question_more_than_may_read_waits_until_another_ends() {
        let scans = Arc::new(Scans::default());
        let (started, starts) = mpsc::channel();
        let mut ends = Vec::new();
        let mut tasks = Vec::new();
        for at in 0..QUESTIONS {
            let (end, ended) = mpsc::channel::<()>();
            let (scans, started) = (Arc::clone(&scans), started.clone());
            ends.push(end);
            tasks.push(tokio::spawn(async move {
                let read = move || {
                    let _ = started.send(at);
                    let _ = ended.recv();
                    Ok(at)
                };
                scans.ask(read).await
            }));
        }
        let reading: Vec<Result<usize, _>> = (0..QUESTIONS).map(|_| starts.recv()).collect();
        assert!(reading.iter().all(Result::is_ok), "{reading:?}");

        let late = started.clone();
        let mut extra = std::pin::pin!(scans.ask(move || {
            let _ = late.send(QUESTIONS);
            Ok(QUESTIONS)
        }));
        assert!(futures_util::poll!(extra.as_mut()).is_pending());
        assert!(starts.try_recv().is_err(), "it reads before its turn");

        // A question that nobody waits for any more keeps its turn until its reading ends.
        tasks.swap_remove(0).abort();
        assert!(futures_util::poll!(extra.as_mut()).is_pending());
        assert_eq!(scans.questions.available_permits(), 0);
        ends.clear();
        assert_eq!(extra.await.ok(), Some(QUESTIONS));
        for task in tasks {
            assert!(task.await.is_ok_and(|read| read.is_ok()));
        }
    }
}
