//! What the admin side is told: the running parts in, closures over them out.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::admin::{Facts, Hosts, Readiness, ReloadState, SnapshotCounts, Status};
use crate::audit::Journal;
use crate::cli::workspace::{Workspace, listen_text};
use crate::proxy::Proxy;
use crate::snapshot::Current;
use crate::telemetry::metrics::Metrics;

use super::live::Live;

/// Where the facts come from.
#[derive(Debug)]
pub(super) struct Sources {
    pub(super) workspace: Workspace,
    pub(super) live: Arc<Live>,
    pub(super) proxy: Arc<Proxy>,
    pub(super) proxy_addresses: Vec<String>,
    pub(super) current: Arc<Current>,
    pub(super) journal: Journal,
    pub(super) metrics: Arc<Metrics>,
    pub(super) started_at: String,
}

/// Returns the facts.
pub(super) fn of(sources: Sources) -> Facts {
    let sources = Arc::new(sources);
    let config = sources.workspace.config();
    let hosts = Hosts::of(config.admin.iter().chain(&config.metrics).map(listen_text));
    let (operator, ready, status, metrics) = (
        Arc::clone(&sources),
        Arc::clone(&sources),
        Arc::clone(&sources),
        Arc::clone(&sources),
    );
    Facts {
        hosts,
        operator: Arc::new(move |token| operator.live.operator(token)),
        readiness: Arc::new(move || ready.readiness()),
        status: Arc::new(move || status.status()),
        metrics: Arc::new(move || metrics.metrics()),
    }
}

impl Sources {
    fn readiness(&self) -> Readiness {
        Readiness {
            draining: self.proxy.drain_state().is_draining(),
            journal_healthy: self.journal.is_healthy(),
            reload: self.reload(),
        }
    }

    fn reload(&self) -> ReloadState {
        ReloadState {
            snapshot_since: self.started_at.clone(),
            failure: self.live.reloader.problem(),
        }
    }

    fn status(&self) -> Status {
        let config = self.workspace.config();
        let snapshot = self.current.snapshot();
        let readiness = self.readiness();
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: self.started_at.clone(),
            proxy: self.proxy_addresses.clone(),
            config: config.file.as_ref().map(|file| file.display().to_string()),
            data_dir: config.data_dir.display().to_string(),
            store_revision: self.live.revision.load(Ordering::SeqCst),
            agents: self.live.roster.agents().len(),
            snapshot: SnapshotCounts {
                connectors: snapshot.catalog().connectors().count(),
                routes: snapshot
                    .catalog()
                    .connectors()
                    .map(|connector| connector.routes().count())
                    .sum(),
                policies: snapshot.policies().len(),
            },
            ready: readiness.is_ready(),
            draining: readiness.draining,
            journal_healthy: readiness.journal_healthy,
            reload: readiness.reload,
            exchanges_active: self.proxy.drain_state().exchanges_active(),
        }
    }

    fn metrics(&self) -> String {
        self.metrics.render()
    }
}
