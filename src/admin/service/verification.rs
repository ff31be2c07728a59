//! Verifies the journal for operators, one verification at a time, and tells how far it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use time::OffsetDateTime;
use tokio::task::JoinHandle;
use utoipa::ToSchema;

use super::Service;
use super::scans::blocking;
use crate::admin::problem::Problem;
use crate::journal::{Anchor, STORED_HEAD, Trust, verify};

/// Whether the journal is as it was written.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Verified {
    /// `verified` where a key was given, else `self-consistent only`; null where something is wrong.
    pub claim: Option<String>,
    /// The first bad line: its `file`, `line` and `problem`.
    pub finding: Json,
    /// Lines that were read.
    pub lines: u64,
    /// Everything that the verification found.
    pub report: Json,
}

/// How far the verification is that was started last.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct Verification {
    /// Whether it is still under way.
    pub running: bool,
    /// Lines that were verified so far; 0 where none was started.
    pub lines: u64,
    /// What it found; null while it is under way, and where it could not be made.
    pub result: Option<Verified>,
}

/// The verification that was started last.
#[derive(Debug, Default)]
pub(super) struct Running {
    lines: Arc<AtomicU64>,
    is_running: bool,
    result: Option<Verified>,
}

impl Service {
    /// Begins to verify the whole journal, or what was written since a time. It goes on where the caller does not wait.
    ///
    /// # Errors
    /// `running` where another verification is under way; the task's, when a file cannot be read at all.
    pub fn verify(
        self: &Arc<Self>,
        key: Option<String>,
        since: Option<OffsetDateTime>,
    ) -> Result<JoinHandle<Result<Verified, Problem>>, Problem> {
        let lines = Arc::new(AtomicU64::new(0));
        self.begin(&lines)?;
        let service = Arc::clone(self);
        Ok(tokio::spawn(async move {
            let done = service.verify_now((key, since), lines).await;
            let mut running = service.verification.lock();
            running.is_running = false;
            running.result = done.as_ref().ok().cloned();
            done
        }))
    }

    /// Returns how far the verification is that was started last.
    pub fn verification(&self) -> Verification {
        let running = self.verification.lock();
        Verification {
            running: running.is_running,
            lines: running.lines.load(Ordering::Relaxed),
            result: running.result.clone(),
        }
    }

    fn begin(&self, lines: &Arc<AtomicU64>) -> Result<(), Problem> {
        let mut running = self.verification.lock();
        if running.is_running {
            let detail = "a verification is under way";
            let problem = Problem::conflict("running", detail);
            return Err(problem.help("`GET /api/v1/journal/verify` tells how far it is"));
        }
        *running = Running {
            lines: Arc::clone(lines),
            is_running: true,
            result: None,
        };
        Ok(())
    }

    async fn verify_now(
        &self,
        (key, since): (Option<String>, Option<OffsetDateTime>),
        progress: Arc<AtomicU64>,
    ) -> Result<Verified, Problem> {
        // Read before the lines, so that they reach at least as far.
        let stored = self.store.meta(STORED_HEAD).await?;
        let stored = stored.as_deref().and_then(Anchor::of_stored);
        let directory = self.host().journal();
        let report = blocking(move || {
            let trust = Trust {
                key,
                since,
                stored,
                progress,
                ..Trust::default()
            };
            verify(&directory, &trust)
        });
        let report = report.await?;
        Ok(Verified {
            claim: report.claim.map(str::to_owned),
            finding: serde_json::to_value(&report.finding).unwrap_or_default(),
            lines: report.lines,
            report: serde_json::to_value(&report).unwrap_or_default(),
        })
    }
}
