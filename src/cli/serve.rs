//! Runs `serve`: starts the gateway, obeys signals, and lets open exchanges finish.

mod announce;
mod bindings;
mod checking;
mod checkpoints;
mod checks;
mod claim;
mod compose;
mod declared;
mod descriptors;
mod facts;
pub(super) mod first_start;
mod follow;
mod health;
mod host;
mod journal;
mod listeners;
mod live;
mod logging;
mod network;
mod serving;
mod settings;

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Context;
use super::args::Serve;
use super::failure::{Exit, Failure, Outcome, Problem};
use super::workspace::Workspace;
use crate::telemetry;

pub(super) use bindings::note_deleted;
pub(super) use journal::ROTATE as JOURNAL_ROTATE;
pub(super) use listeners::MAX_SOCKET_PATH;
pub(super) use live::Live;
pub(super) use network::egress_of;
pub use serving::{Serving, StartError};
pub(super) use settings::document;

/// A write of the journal that stalls takes one worker; another must be there for what is permitted already.
const MIN_WORKERS: usize = 2;

pub(super) fn run(context: &Context, args: &Serve) -> Outcome {
    let workspace = Workspace::load_whole(context)?;
    logging::start(&workspace.config().log, args, &context.process)?;
    let config = workspace.config();
    // The socket in the state directory is one more.
    let edges = config.admin.len() + config.metrics.len() + 1;
    descriptors::raise(&config.limits, edges);
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if std::thread::available_parallelism().is_ok_and(|cores| cores.get() < MIN_WORKERS) {
        builder.worker_threads(MIN_WORKERS);
    }
    let runtime = builder
        .enable_all()
        .thread_name("tollgate")
        .build()
        .map_err(|error| {
            Failure::failed("runtime", format!("the runtime does not start: {error}"))
        })?;
    let outcome = runtime.block_on(serve(context, workspace));
    // What still hangs after the drain is cut.
    runtime.shutdown_timeout(Duration::from_secs(1));
    telemetry::flush(Duration::from_secs(1));
    outcome
}

async fn serve(context: &Context, workspace: Workspace) -> Outcome {
    let mut signals = Signals::listen()?;
    let deadline = workspace.config().limits.drain;
    let serving = Serving::on(context, workspace).await?;
    announce::announce(context, &serving);
    tracing::info!("ready");
    // Starting takes more memory than serving.
    (context.process.give_back)();
    while signals.next().await == Told::Reload {
        serving.reload().await;
    }
    tracing::info!(
        deadline_s = deadline.as_secs(),
        "draining; a second signal ends at once"
    );
    let left = serving.end(deadline, signals.end()).await;
    if left > 0 {
        tracing::warn!(exchanges = left, "cut");
    }
    tracing::info!("ended");
    Ok(Exit::Done)
}

/// The signals that a gateway obeys.
#[derive(Debug)]
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn listen() -> Result<Self, Failure> {
        let failed = |error: std::io::Error| {
            Failure::failed("signals", format!("signals cannot be received: {error}"))
        };
        Ok(Self {
            terminate: signal(SignalKind::terminate()).map_err(failed)?,
            interrupt: signal(SignalKind::interrupt()).map_err(failed)?,
            hang_up: signal(SignalKind::hangup()).map_err(failed)?,
        })
    }

    /// Waits for the next signal.
    async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.terminate.recv() => Told::End,
            _ = self.interrupt.recv() => Told::End,
            _ = self.hang_up.recv() => Told::Reload,
        }
    }

    /// Returns once a signal asks the process to end.
    async fn end(&mut self) {
        while self.next().await != Told::End {}
    }
}

/// Meaning of a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// SIGTERM or SIGINT: end.
    End,
    /// SIGHUP: read the files again.
    Reload,
}

/// For the parts: a store that does not answer at start.
fn store_broken(error: crate::store::StoreError) -> Failure {
    match Failure::from(error) {
        // To `serve` a store that it cannot use is a failed start, not something unreached.
        Failure::Told(problem) => Failure::Told(Problem {
            exit: Exit::Problems,
            ..problem
        }),
        Failure::ClosedPipe => Failure::ClosedPipe,
    }
}
