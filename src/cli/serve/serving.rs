//! Runs a gateway in this process, from its sockets to its end, for `serve` and for tests.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::compose::{Running, compose};
use super::journal;
use super::listeners::{Addresses, Listeners, ReservedAddresses};
use super::{checking, checkpoints, first_start, follow};
use crate::admin::{self, Surface};
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::workspace::Workspace;
use crate::cli::{Context, ProcessEnv};
use crate::journal::Journal;
use crate::proxy::{Drain, Proxy};
use crate::sink::Sinks;

/// How often refusals of unauthenticated connections are summed up.
const SUMMARY: Duration = Duration::from_secs(60);

/// How long admin and metrics connections have to finish.
const EDGE_TIMEOUT: Duration = Duration::from_secs(2);

/// A running gateway. Dropping it without [`Serving::end`] cuts everything that is open.
#[derive(Debug)]
pub struct Serving {
    running: Running,
    workspace: Workspace,
    addresses: Addresses,
    shown_proxies: Vec<String>,
    is_first: bool,
    proxies: JoinSet<()>,
    edges: JoinSet<std::io::Result<()>>,
    stop: watch::Sender<bool>,
    follower: JoinHandle<()>,
    checks: JoinHandle<()>,
    summaries: JoinHandle<()>,
    checkpoints: JoinHandle<()>,
    anchors: Option<JoinHandle<()>>,
    sinks: Option<Sinks>,
}

/// Why a gateway did not start, in the words that `serve` prints.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartError(String);

impl Serving {
    /// Starts a gateway on a configuration file (`None`: as `serve` finds it) in the given surroundings.
    ///
    /// # Errors
    /// Every problem of the configuration and the files, or what could not be bound or opened.
    pub async fn start(process: ProcessEnv, config: Option<PathBuf>) -> Result<Self, StartError> {
        let context = Context {
            process,
            output: Output::new(false),
            config,
            server: None,
            ca: None,
            offline: false,
        };
        let started = match Workspace::load_whole(&context) {
            Ok(workspace) => Self::on(&context, workspace).await,
            Err(failure) => Err(failure),
        };
        started.map_err(|failure| StartError(failure.to_text()))
    }

    /// Starts a gateway on a configuration that has been read.
    pub(super) async fn on(context: &Context, workspace: Workspace) -> Result<Self, Failure> {
        // The first use of TLS decides the provider of the process; ring is the only one built in.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let reserved = ReservedAddresses::reserve(&workspace, &context.process.activated).await?;
        let prepared = first_start::prepare(context, &workspace).await?;
        if prepared.is_first {
            first_start::make_permission(&workspace, &prepared.store).await?;
        }
        let mut listeners = reserved.listen().await?;
        listeners.bind_socket(&workspace).await?;
        let is_first = prepared.is_first;
        let mut running = compose(context, &workspace, prepared, &listeners).await?;
        if is_first {
            first_start::finish(context, &running.store).await?;
        }
        let addresses = listeners.addresses();
        let shown_proxies = listeners.shown_proxies();
        let (stop, stopped) = watch::channel(false);
        let (proxies, edges) = serve(&running, listeners, &stopped);
        let summaries = tokio::spawn(summarize(
            Arc::clone(&running.proxy),
            (running.journal.clone(), workspace.config().audit.min_free),
            stopped.clone(),
        ));
        let anchor = workspace.config().audit.anchor_file.clone();
        let anchoring = running.anchoring.take();
        let anchors = anchoring.map(|anchoring| {
            tokio::spawn(checkpoints::anchor(
                running.journal.checkpoints(),
                anchoring,
            ))
        });
        let sinks = running.sinks.take();
        let checkpoints = tokio::spawn(checkpoints::follow_checkpoints(
            running.journal.checkpoints(),
            running.store.clone(),
            anchor.map(Arc::from),
        ));
        tokio::spawn(journal::take_over(
            running.journal.clone(),
            running.store.clone(),
        ));
        let checks = checking::start(&running.live, workspace.config().test_every);
        let follower = tokio::spawn(follow::follow(Arc::clone(&running.live), stopped));
        Ok(Self {
            running,
            workspace,
            addresses,
            shown_proxies,
            is_first,
            proxies,
            edges,
            stop,
            follower,
            checks,
            summaries,
            checkpoints,
            anchors,
            sinks,
        })
    }

    /// Returns the bound ports.
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Returns the counts of what is under way, and whether a stop has begun.
    #[must_use]
    pub fn drain_state(&self) -> &Arc<Drain> {
        self.running.proxy.drain_state()
    }

    /// Reads the files again now, as SIGHUP does.
    pub async fn reload(&self) {
        self.running.live.reload().await;
    }

    /// Drains, at most for `deadline` or until `cut` ends, then closes journal and store, in this order: the last exchanges write into them.
    /// Returns how many exchanges were cut.
    pub async fn end(mut self, deadline: Duration, cut: impl Future<Output = ()>) -> usize {
        let proxy = &self.running.proxy;
        let left = tokio::select! {
            left = proxy.drain(deadline) => left,
            () = cut => proxy.drain_state().exchanges_active(),
        };
        self.proxies.shutdown().await;
        // What was cut writes its last record when its task is dropped, which a shutdown does not wait for.
        proxy.drain_state().wait(EDGE_TIMEOUT).await;
        proxy.minting_ended().await;
        self.stop.send_replace(true);
        self.checks.abort();
        let _ = (&mut self.follower).await;
        let _ = (&mut self.summaries).await;
        self.running.journal.close().await;
        // An anchor on another machine may hang.
        let _ = tokio::time::timeout(EDGE_TIMEOUT, &mut self.checkpoints).await;
        self.end_sinks().await;
        checkpoints::keep(&self.running.store, &self.running.journal.head()).await;
        let finished = async { while self.edges.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(EDGE_TIMEOUT, finished).await;
        self.running.live.note_used().await;
        self.running.store.close().await;
        let _ = std::fs::remove_file(self.workspace.state().admin_socket());
        left
    }

    /// Lets records and checkpoints arrive where they are taken, for a moment.
    async fn end_sinks(&mut self) {
        if let Some(anchors) = self.anchors.take() {
            let _ = tokio::time::timeout(EDGE_TIMEOUT, anchors).await;
        }
        if let Some(sinks) = self.sinks.take() {
            sinks.end().await;
        }
    }

    pub(super) fn workspace(&self) -> &Workspace {
        &self.workspace
    }

    /// Returns whether this start made the state directory.
    pub(super) fn is_first(&self) -> bool {
        self.is_first
    }

    pub(super) fn shown_proxies(&self) -> &[String] {
        &self.shown_proxies
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

/// Sums up refusals of unauthenticated connections every minute and those of agents over their budget every second; both at the end.
async fn summarize(
    proxy: Arc<Proxy>,
    (journal, min_free): (Journal, u64),
    mut stopped: watch::Receiver<bool>,
) {
    let mut is_low = false;
    // The first tick of an `interval` is at once, and would split the refusals of the first moment from the rest.
    let mut minute = tokio::time::interval_at(tokio::time::Instant::now() + SUMMARY, SUMMARY);
    let mut second = tokio::time::interval(Duration::from_secs(1));
    second.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        // The guard that `wait_for` returns must not outlive its branch.
        let told = async { drop(stopped.wait_for(|stopped| *stopped).await) };
        let ends = tokio::select! {
            () = told => true,
            _ = second.tick() => {
                let free = free(&journal);
                proxy.note_free(free);
                is_low = note_low(is_low, (free, min_free));
                proxy.summarize_refusals().await;
                continue;
            }
            _ = minute.tick() => false,
        };
        proxy.summarize_unauthenticated().await;
        if ends {
            proxy.summarize_refusals().await;
            return;
        }
    }
}

/// Logs once that the journal's disk has become low, or is not any more; returns whether it is.
fn note_low(was_low: bool, (free, min_free): (u64, u64)) -> bool {
    let is_low = free < min_free;
    if is_low && !was_low {
        tracing::warn!(
            free,
            min_free,
            "the disk of the journal has less than audit.min_free left; requests are refused once it is full"
        );
    } else if was_low && !is_low {
        tracing::info!(
            free,
            "the disk of the journal has audit.min_free left again"
        );
    }
    is_low
}

/// Returns how many bytes the disk of the journal has left for us; as many as there can be where that is not known.
fn free(journal: &Journal) -> u64 {
    if journal.is_scarce() {
        return 0;
    }
    crate::journal::free(journal.directory()).unwrap_or(u64::MAX)
}

fn serve(
    running: &Running,
    listeners: Listeners,
    stopped: &watch::Receiver<bool>,
) -> (JoinSet<()>, JoinSet<std::io::Result<()>>) {
    let mut proxies = JoinSet::new();
    let mut edges = JoinSet::new();
    let Listeners {
        proxy,
        admin,
        metrics,
    } = listeners;
    for listener in proxy {
        proxies.spawn(running.proxy.serve(listener));
    }
    for (surface, group) in [(Surface::Admin, admin), (Surface::Metrics, metrics)] {
        for listener in group {
            let mut stopped = stopped.clone();
            let shutdown = async move {
                let _ = stopped.wait_for(|stopped| *stopped).await;
            };
            let facts = Arc::clone(&running.facts);
            edges.spawn(admin::serve(listener, surface, facts, shutdown));
        }
    }
    (proxies, edges)
}
