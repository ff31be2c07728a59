//! Puts a running gateway together from what was prepared and bound. No other file knows all its dependencies.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use super::bindings;
use super::checks::Checks;
use super::facts;
use super::first_start::Prepared;
use super::journal;
use super::listeners::Listeners;
use super::live::{Declared, Live, Recorded};
use super::network;
use super::settings::Settings;
use super::store_broken;
use crate::admin::Facts;
use crate::approval::{self, ApprovalService};
use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::cli::workspace::{StoreView, Workspace, chain, files_failure, unusable};
use crate::config::{self, Limits};
use crate::journal::{Journal, RefusalLimit, Refusals};
use crate::kill_switch::KillSwitch;
use crate::limit::{self, Bound};
use crate::model::changes::Changes;
use crate::model::vocabulary::Unknown;
use crate::outbound::{Outbound, Roots};
use crate::pipeline::collect::Bounds;
use crate::pipeline::{Dependencies, Gateway};
use crate::proxy::{Proxy, ProxyDependencies, merge_roots};
use crate::roster::Roster;
use crate::sink::{self, Anchoring, Sinks};
use crate::snapshot::reload::Reloader;
use crate::snapshot::{Current, Inputs, Snapshot};
use crate::store::Store;
use crate::telemetry::metrics::Metrics;
use crate::vault::{Keyring, Placeholders, SourceAccess};

/// How long a yes lets the same request pass, and a no refuses it without asking.
const ANSWER_LASTS: Duration = Duration::from_secs(10 * 60);

/// A gateway that is ready to serve.
#[derive(Debug)]
pub(super) struct Running {
    /// Open as long as the gateway runs: no other starts on its state.
    pub(super) _claim: File,
    pub(super) proxy: Arc<Proxy>,
    pub(super) live: Arc<Live>,
    pub(super) journal: Journal,
    /// Taken out to be ended.
    pub(super) sinks: Option<Sinks>,
    /// Takes checkpoints to the receivers of `audit.anchor`.
    pub(super) anchoring: Option<Anchoring>,
    pub(super) store: Store,
    pub(super) facts: Arc<Facts>,
}

/// Puts the gateway together; files with errors, declared credentials that fit nothing and unusable roots end the start.
pub(super) async fn compose(
    context: &Context,
    workspace: &Workspace,
    prepared: Prepared,
    listeners: &Listeners,
) -> Result<Running, Failure> {
    let (journal, sinks) = journal::open(context, workspace, &prepared).await?;
    let running = assemble(context, workspace, (prepared, journal.clone()), listeners).await;
    let running = running.and_then(|running| {
        let (sinks, anchoring) = start_sinks(context, workspace, (&journal, sinks))?;
        Ok(Running {
            sinks: Some(sinks),
            anchoring,
            ..running
        })
    });
    if running.is_err() {
        // The next start must not meet a writer.
        journal.close().await;
    }
    running
}

#[expect(clippy::too_many_lines, reason = "it names each part once")]
async fn assemble(
    context: &Context,
    workspace: &Workspace,
    (prepared, journal): (Prepared, Journal),
    listeners: &Listeners,
) -> Result<Running, Failure> {
    let config = workspace.config();
    let clock = context.process.clock.clone();
    let metrics = Arc::new(Metrics::new());
    let approvals = ApprovalService::new(approvals(config), clock.clone());
    let shared_parts = (&metrics, &approvals);
    let roots = roots(workspace)?;
    let trusted =
        Roots::read(&roots).map_err(|error| Failure::failed("roots", error.to_string()))?;
    let outbound = Outbound::new(trusted);
    let access = network::source_access(context, workspace, listeners, &outbound)?;
    let started = (&prepared, &journal);
    let (live, current) = live(context, workspace, started, shared_parts, access).await?;
    let limits = Arc::new(limit::Limits::new(shared(&config.limits)));
    let gateway = Arc::new(Gateway::new(Dependencies {
        current: Arc::clone(&current),
        roster: Arc::clone(&live.roster),
        kill_switch: Arc::clone(&live.kill_switch),
        keyring: Arc::clone(&live.keyring),
        opener: prepared.unlocked.opener,
        rotated: prepared.unlocked.rotated,
        outbound,
        placeholders: live.placeholders.clone(),
        journal: journal.clone(),
        refusals: Refusals::new(refusals(config.audit.refusals)),
        egress: network::egress(config, listeners)?,
        approvals: Arc::clone(&approvals),
        approval_timeout: config.approval.timeout,
        changes: live.changes.clone(),
        metrics: Arc::clone(&metrics),
        bounds: bounds(&config.limits),
        limits: Arc::clone(&limits),
        clock: clock.clone(),
        parameter_key: prepared.parameter_key,
        pseudonym: format!("tollgate-{:08x}", rand::random::<u32>()),
    }));
    let told = (journal.clone(), Arc::clone(&metrics));
    // Nothing has set it before.
    let _ = live.checks.set(Checks::new(Arc::clone(&gateway), told));
    let proxy = Proxy::new(ProxyDependencies {
        gateway,
        authority: prepared.authority,
        outer_tls: network::outer_tls(config, &clock)?,
        roots,
        timeouts: network::timeouts(&config.limits),
        unauthenticated: config.limits.unauthenticated,
        clock,
    });
    let proxy = Arc::new(proxy.map_err(|error| Failure::failed("proxy", chain(&error)))?);
    let facts = facts::of(facts::Sources {
        workspace: workspace.clone(),
        live: Arc::clone(&live),
        proxy: Arc::clone(&proxy),
        proxies: (listeners.shown_proxies(), listeners.addresses().proxy),
        admin: listeners.addresses().admin,
        current,
        journal: journal.clone(),
        approvals,
        limits,
        metrics,
        started_at: context.process.clock.stamp(),
        clock: context.process.clock.clone(),
    });
    Ok(Running {
        sinks: None,
        anchoring: None,
        _claim: prepared.claim,
        proxy,
        live,
        journal,
        store: prepared.store,
        facts: Arc::new(facts),
    })
}

/// Compiles the first snapshot, seals what is declared, and puts both into effect, with what the store holds.
async fn live(
    context: &Context,
    workspace: &Workspace,
    (prepared, journal): (&Prepared, &Journal),
    (metrics, approvals): (&Arc<Metrics>, &Arc<ApprovalService>),
    access: SourceAccess,
) -> Result<(Arc<Live>, Arc<Current>), Failure> {
    let view = StoreView::read(&prepared.store).await;
    let mut view = view.map_err(store_broken)?;
    let inputs = Inputs {
        // What was accepted once must start, whatever went missing since.
        unknown: Unknown::Tolerated,
        ..workspace.with_store(workspace.files().map_err(files_failure)?, &view)
    };
    let (snapshot, report) = Snapshot::compile_after(&Snapshot::default(), &inputs);
    let Some(snapshot) = snapshot else {
        return Err(files_failure(report));
    };
    let created_at = context.process.clock.stamp();
    let files = (prepared, journal);
    let settled = bindings::settle(workspace, files, snapshot.catalog(), &mut view).await?;
    let credentials = workspace
        .declared_credentials(snapshot.catalog(), &settled.pins, &created_at, |draft| {
            prepared.unlocked.sealer.seal(draft, &mut rand::rng())
        })
        .map_err(unusable)?;
    let snapshot_id = Arc::clone(snapshot.id());
    let current = Arc::new(Current::new(snapshot));
    let live = Arc::new(Live {
        workspace: ArcSwap::from_pointee(workspace.clone()),
        settings: Mutex::new(Settings::new(context, workspace.config())),
        sealer: prepared.unlocked.sealer.clone(),
        clock: context.process.clock.clone(),
        moved: tokio::sync::Notify::new(),
        store: prepared.store.clone(),
        journal: journal.clone(),
        roster: Arc::new(Roster::default()),
        keyring: Arc::new(Keyring::default()),
        kill_switch: Arc::new(KillSwitch::default()),
        current: Arc::clone(&current),
        opener: prepared.unlocked.opener.clone(),
        rebinder: prepared.unlocked.rebinder.clone(),
        placeholders: Placeholders::new(prepared.parameter_key, prepared.unlocked.opener.clone()),
        metrics: Arc::clone(metrics),
        approvals: Arc::clone(approvals),
        declared: ArcSwap::from_pointee(Declared::of(workspace, credentials)),
        reloader: Reloader::new(
            Arc::clone(&current),
            Arc::clone(metrics),
            context.process.clock.clone(),
            (&inputs, &report),
        ),
        give_back: context.process.give_back,
        operators: ArcSwap::default(),
        view: ArcSwap::default(),
        revision: AtomicI64::new(view.revision),
        following: tokio::sync::Mutex::default(),
        changes: Changes::default(),
        health: Mutex::default(),
        checks: OnceLock::new(),
        resealed: settled.resealed,
        trouble: Mutex::new(None),
        recorded: Mutex::new(Recorded::new(snapshot_id.as_ref())),
    });
    live.begin(view, access).await;
    Ok((live, current))
}

/// Starts what takes records and checkpoints elsewhere; it trusts what upstreams are verified with.
fn start_sinks(
    context: &Context,
    workspace: &Workspace,
    (journal, prepared): (&Journal, sink::Prepared),
) -> Result<(Sinks, Option<Anchoring>), Failure> {
    let failed = |error: io::Error| Failure::failed("sink", error.to_string());
    let clock = &context.process.clock;
    let roots = Roots::read(&roots_file(workspace)).map_err(failed)?;
    let sinks = prepared.start(journal, &roots, clock).map_err(failed)?;
    let webhook = workspace.config().audit.anchor_webhook.clone();
    let anchoring = webhook.map(|webhook| Anchoring::new(webhook, roots, clock.clone()));
    Ok((sinks, anchoring))
}

/// Writes the one file of all roots that Pingora reads.
fn roots(workspace: &Workspace) -> Result<PathBuf, Failure> {
    let roots = roots_file(workspace);
    merge_roots(&workspace.config().egress.ca_files, &roots)
        .map_err(|error| Failure::failed("roots", chain(&error)))?;
    Ok(roots)
}

fn roots_file(workspace: &Workspace) -> PathBuf {
    workspace.state().path().join("upstream-roots.pem")
}

fn approvals(config: &config::Config) -> approval::ApprovalSettings {
    approval::ApprovalSettings {
        pending_approvals: config.limits.pending_approvals,
        pending_approvals_per_agent: config.limits.pending_approvals_per_agent,
        expires: config.approval.expires,
        grant: ANSWER_LASTS,
        refusal: ANSWER_LASTS,
    }
}

fn shared(limits: &Limits) -> limit::Bounds {
    let bound = |total, per_agent| Bound { total, per_agent };
    limit::Bounds {
        tunnels: bound(limits.tunnels, limits.tunnels_per_agent),
        streams: bound(limits.streams, limits.streams_per_agent),
        bodies: bound(limits.body_total, limits.body_per_agent),
    }
}

fn bounds(limits: &Limits) -> Bounds {
    Bounds {
        body: limits.body,
        actions: limits.actions_per_request,
        json_nodes: limits.json_nodes,
    }
}

fn refusals(configured: config::Refusals) -> RefusalLimit {
    RefusalLimit {
        per_minute: configured.per_minute,
        burst: configured.burst,
    }
}
