//! Builds the facts of the admin API, as closures over the running parts.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::Value as Json;

use crate::admin::{
    self, Answering, ConfigView, Controls, Facts, Hosts, Pages, Readiness, ReloadState, SinkState,
    SnapshotCounts, Status, Synced,
};
use crate::approval::ApprovalService;
use crate::cli::workspace::Workspace;
use crate::dashboard::{self, Dashboard};
use crate::journal::{self, Journal};
use crate::limit::{Limits, Resource};
use crate::model::clock::Clock;
use crate::model::halt::Scope;
use crate::proxy::Proxy;
use crate::simulate::explain::explain;
use crate::snapshot::Current;
use crate::telemetry::{self, metrics::Metrics};

use super::host::GatewayHost;
use super::live::Live;
use crate::admin::service::Service;
use crate::cli::{config, running};

/// Sources of the facts.
#[derive(Debug)]
pub(super) struct Sources {
    pub(super) workspace: Workspace,
    pub(super) live: Arc<Live>,
    pub(super) proxy: Arc<Proxy>,
    /// Addresses where agents connect, as text and as sockets.
    pub(super) proxies: (Vec<String>, Vec<SocketAddr>),
    /// Ports of the admin side.
    pub(super) admin: Vec<SocketAddr>,
    pub(super) current: Arc<Current>,
    pub(super) journal: Journal,
    pub(super) approvals: Arc<ApprovalService>,
    pub(super) limits: Arc<Limits>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) started_at: String,
    pub(super) clock: Clock,
}

/// Returns the facts of a running gateway.
pub(super) fn of(sources: Sources) -> Facts {
    let sources = Arc::new(sources);
    let config = sources.workspace.config();
    let listens = config.admin.iter().chain(&config.metrics);
    let hosts = Hosts::of(listens.map(ToString::to_string)).and(config.hosts.iter().cloned());
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
        sync: sync(&sources),
        run: run(&sources),
        explain: explained(&sources),
        config: {
            let sources = Arc::clone(&sources);
            Arc::new(move || sources.settings())
        },
        controls: controls(&sources),
        service: Arc::new(Service::new(
            sources.live.store.clone(),
            sources.clock.clone(),
            Arc::new(GatewayHost(Arc::clone(&sources.live))),
        )),
        pages: pages(&sources),
    }
}

/// Returns the dashboard, whose sessions all listeners share.
fn pages(sources: &Arc<Sources>) -> Pages {
    let operators = Arc::clone(sources);
    let dashboard = Dashboard::new(dashboard::Setup {
        operators: Arc::new(move |token| operators.live.operator(token)),
        clock: sources.clock.clone(),
        addresses: sources.admin.clone(),
        tls: sources.workspace.config().admin_tls.is_some(),
    });
    Arc::new(move |api| dashboard.routes(api))
}

type SyncCall = Arc<dyn Fn(i64) -> Answering<Synced> + Send + std::marker::Sync>;

/// Looks at the store at once, and again where a change of another's came between.
fn sync(sources: &Arc<Sources>) -> SyncCall {
    let sources = Arc::clone(sources);
    Arc::new(move |wanted| {
        let sources = Arc::clone(&sources);
        Box::pin(async move {
            let live = &sources.live;
            Synced {
                store_revision: live.follow_to(wanted).await,
                reload_failure: live.reloader.problem(),
            }
        })
    })
}

fn run(sources: &Arc<Sources>) -> Arc<dyn Fn(&str) -> Json + Send + std::marker::Sync> {
    let sources = Arc::clone(sources);
    Arc::new(move |agent| {
        let (live, snapshot) = (&sources.live, sources.current.snapshot());
        running::document(live, &snapshot, &sources.proxies.1, agent)
    })
}

fn explained(sources: &Arc<Sources>) -> admin::Explain {
    let sources = Arc::clone(sources);
    Arc::new(move |name, question| {
        let live = &sources.live;
        let agents = live.workspace().agents(Some(&live.view.load()));
        let agent = agents.iter().find(|agent| agent.name.as_str() == name)?;
        let snapshot = sources.current.snapshot();
        Some(explain(
            &snapshot,
            &live.keyring,
            agent,
            &sources.clock,
            question,
        ))
    })
}

fn controls(sources: &Arc<Sources>) -> Controls {
    let live = &sources.live;
    let knows = Arc::clone(sources);
    Controls {
        kill_switch: Arc::clone(&live.kill_switch),
        approvals: Arc::clone(&sources.approvals),
        changes: live.changes.clone(),
        store: live.store.clone(),
        journal: sources.journal.clone(),
        clock: sources.clock.clone(),
        knows: Arc::new(move |scope| knows.knows(scope)),
    }
}

impl Sources {
    fn readiness(&self) -> Readiness {
        Readiness {
            draining: self.proxy.drain_state().is_draining(),
            journal_healthy: self.journal.is_healthy(),
            journal_disk_low: self.is_disk_low(),
            journal_forked: self.journal.is_forked(),
            reload: self.reload(),
        }
    }

    /// Returns the settings that this process runs with.
    fn settings(&self) -> ConfigView {
        let workspace = self.live.workspace();
        let settings = self.live.settings.lock();
        let (started, env) = settings.started();
        config::view(workspace.config(), started, env, &settings.needs_restart)
    }

    fn sinks(&self) -> Vec<SinkState> {
        let newest = self.journal.head().seq;
        let sinks = self.journal.sinks().iter();
        sinks
            .map(|sink| SinkState {
                name: sink.name().to_owned(),
                lag_records: newest.saturating_sub(sink.seq()),
                missed_records: sink.missed(),
            })
            .collect()
    }

    fn is_disk_low(&self) -> bool {
        let least = self.workspace.config().audit.min_free;
        journal::free(self.journal.directory()).is_some_and(|free| free < least)
    }

    fn reload(&self) -> ReloadState {
        let settings = self.live.settings.lock();
        ReloadState {
            snapshot_since: self.live.reloader.since(),
            failure: self.live.reloader.problem(),
            config_failure: settings.failure.clone(),
            needs_restart: settings.needs_restart.clone(),
            warnings: self.live.reloader.warnings(),
        }
    }

    fn status(&self) -> Status {
        let config = self.workspace.config();
        let snapshot = self.current.snapshot();
        let readiness = self.readiness();
        let (credentials_unhealthy, credentials_unbound) = {
            let health = self.live.health.lock();
            (health.unhealthy(), health.unbound())
        };
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: self.started_at.clone(),
            proxy: self.proxies.0.clone(),
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
            journal_disk_low: readiness.journal_disk_low,
            journal_forked: readiness.journal_forked,
            sinks: self.sinks(),
            reload: readiness.reload,
            approvals_pending: self.approvals.pending(),
            halts: self.live.kill_switch.list(),
            credentials_unhealthy,
            credentials_failing: self.live.failing(),
            credentials_unbound,
            credentials_resealed: self.live.resealed.clone(),
            exchanges_active: self.proxy.drain_state().exchanges_active(),
        }
    }

    fn knows(&self, scope: &Scope) -> bool {
        match scope {
            Scope::All => true,
            Scope::Connector(id) => self.current.snapshot().catalog().get(id).is_some(),
            // An agent without a living token is known too: it may get one.
            Scope::Agent(name) => self
                .live
                .workspace()
                .agents(Some(&self.live.view.load()))
                .iter()
                .any(|agent| agent.name.as_str() == name),
        }
    }

    fn metrics(&self) -> String {
        self.metrics.approvals_pending(self.approvals.pending());
        self.metrics.bodies(self.limits.used(Resource::Bodies));
        self.metrics.unauthenticated(self.proxy.unauthenticated());
        self.metrics.halts(
            self.live
                .kill_switch
                .list()
                .iter()
                .map(|halt| halt.scope.kind()),
        );
        let journal = &self.journal;
        self.metrics
            .journal((journal.records_total(), journal.head().seq), journal.lag());
        self.metrics.journal_fork(journal.is_forked());
        let newest = journal.head().seq;
        for sink in journal.sinks() {
            let lag = newest.saturating_sub(sink.seq());
            self.metrics.sink(sink.name(), (lag, sink.missed()));
        }
        self.metrics.log_lines_dropped(telemetry::lines_dropped());
        self.metrics.render()
    }
}
