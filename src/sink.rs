//! Takes records of the journal to sinks, each at least once, and never on a request's way.
//!
//! Each sink follows the segments on a thread of its own, with a cursor that is kept.

mod deliver;
mod http;
mod otlp;
mod run;
mod syslog;
mod webhook;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::config::Sink;
use crate::journal::{Delivered, Head, Journal, Progress, Undelivered};
use crate::model::clock::Clock;
use crate::outbound::Roots;
use deliver::Delivery;
use run::Run;

pub use webhook::{Anchoring, sign};

/// How long a sink has after a stop to deliver what is left.
const GRACE: Duration = Duration::from_secs(2);

/// Sinks whose cursors are read; they start once the journal is open.
#[derive(Debug)]
pub struct Prepared(Vec<(Sink, Delivered, Arc<Progress>)>);

/// Sinks that run. Dropping them tells their threads to end, and does not wait.
#[derive(Debug)]
pub struct Sinks {
    threads: Vec<JoinHandle<()>>,
    /// When a thread must have ended; `None` while they run.
    ends: watch::Sender<Option<Instant>>,
}

// === impl Prepared ===

impl Prepared {
    /// Reads the cursors.
    ///
    /// # Errors
    /// Names the sink whose cursor cannot be read.
    pub fn read(directory: &Path, sinks: &[Sink]) -> io::Result<Self> {
        let read = |sink: &Sink| {
            let delivered = Delivered::read(directory, &sink.name).map_err(|error| {
                let name = &sink.name;
                io::Error::new(
                    error.kind(),
                    format!("the cursor of the sink `{name}` cannot be read: {error}"),
                )
            })?;
            let undelivered = if sink.keeps {
                Undelivered::Kept
            } else {
                Undelivered::Removed
            };
            let progress = Progress::new(&sink.name, undelivered, &delivered);
            Ok((sink.clone(), delivered, Arc::new(progress)))
        };
        sinks.iter().map(read).collect::<io::Result<_>>().map(Self)
    }

    /// Returns how far each is, for the journal to look at.
    #[must_use]
    pub fn progress(&self) -> Vec<Arc<Progress>> {
        self.0
            .iter()
            .map(|(_, _, progress)| Arc::clone(progress))
            .collect()
    }

    /// Returns the line that each has delivered last, with the sink's name.
    #[must_use]
    pub fn heads(&self) -> Vec<(String, Head)> {
        let head = |(sink, delivered, _): &(Sink, Delivered, _)| {
            Some((format!("sink {}", sink.name), delivered.head()?))
        };
        self.0.iter().filter_map(head).collect()
    }

    /// Starts a thread for each.
    ///
    /// # Errors
    /// When a thread does not start.
    pub fn start(self, journal: &Journal, roots: &Roots, clock: &Clock) -> io::Result<Sinks> {
        let (ends, ending) = watch::channel(None);
        let mut threads = Vec::new();
        for (sink, delivered, progress) in self.0 {
            let run = Run {
                journal: journal.clone(),
                progress,
                delivery: Delivery::to(sink.target, (roots, clock), journal.directory()),
                ends: ending.clone(),
            };
            let thread = std::thread::Builder::new().name("tollgate-sink".to_owned());
            threads.push(thread.spawn(move || run.run(&delivered))?);
        }
        Ok(Sinks { threads, ends })
    }
}

// === impl Sinks ===

impl Sinks {
    /// Delivers what is left, for at most two seconds. What is not delivered then, the next start delivers.
    pub async fn end(mut self) {
        self.ends.send_replace(Some(Instant::now() + GRACE));
        let threads = std::mem::take(&mut self.threads);
        let joined = tokio::task::spawn_blocking(move || {
            for thread in threads {
                // Its panic was told by the hook already.
                let _ = thread.join();
            }
        });
        // One that blocks on standard output is left alone.
        let _ = tokio::time::timeout(GRACE + Duration::from_millis(500), joined).await;
    }
}

impl Drop for Sinks {
    fn drop(&mut self) {
        if self.ends.borrow().is_none() {
            self.ends.send_replace(Some(Instant::now()));
        }
    }
}
