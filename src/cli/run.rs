//! `run`: a command in, its exit status out; in between its traffic goes through the gateway under a token of its own.

mod child;
mod files;
mod lease;

pub(super) use files::write_files;

use super::args::Run;
use super::failure::{Exit, Failure, Outcome};
use super::workspace::Workspace;
use super::{Context, environment, gateway};
use crate::model::agent::AgentName;

/// Runs the command and returns its status.
pub(super) fn run(context: &Context, args: &Run) -> Outcome {
    super::block_on(run_child(context, args))
}

async fn run_child(context: &Context, args: &Run) -> Outcome {
    let agent = AgentName::parse(&args.agent).map_err(Failure::usage)?;
    let workspace = Workspace::load(context)?;
    let store = workspace.open_store().await?;
    let proxy = workspace.reach_proxy().await?;
    let files = write_files(context, &workspace)?;
    let catalog = workspace.catalog()?;
    let credentials = workspace.credentials(&catalog, &store.credentials().await?)?;

    let (lease, token) = lease::Lease::take(context, &workspace, &store, &agent).await?;
    let proxy_url = format!("http://{}:{}@{proxy}", args.agent, token.reveal());
    let wiring = environment::Wiring {
        proxy_url: &proxy_url,
        extra: &files.extra,
        bundle: &files.bundle,
        node_preload: &files.node_preload,
    };
    let known = &context.world.environment;
    let secrets = &workspace.config().secret_variables;
    let mut changes = environment::own_variables(known.keys(), secrets);
    let connectors = catalog.connectors().map(AsRef::as_ref);
    changes.extend(environment::placeholders(
        connectors,
        &credentials,
        &args.agent,
    ));
    changes.extend(environment::wiring(
        &wiring,
        known
            .get(std::ffi::OsStr::new("NODE_OPTIONS"))
            .map(AsRef::as_ref),
    ));

    wait_for_revision(&workspace, &store).await;
    context.output.note("tollgate: contained: false (the command can reach the network and your files without the gateway)");
    let ended = child::run(
        &args.command,
        &changes,
        context.world.has_terminal,
        lease.keep(),
    )
    .await;
    lease.end().await;
    ended.map(Exit::Child)
}

/// Waits until the gateway has taken the new token over; a gateway that does not tell is given up on quietly, as the child
/// then reads the refusal.
async fn wait_for_revision(workspace: &Workspace, store: &crate::store::Store) {
    let Ok(wanted) = store.revision().await else {
        return;
    };
    let gateway: gateway::Gateway = workspace.gateway();
    for _ in 0..100 {
        match gateway.get("/api/v1/status").await {
            Ok(status)
                if status
                    .get("store_revision")
                    .and_then(serde_json::Value::as_i64)
                    .unwrap_or(0)
                    >= wanted =>
            {
                return;
            }
            Ok(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
            Err(_) => return,
        }
    }
}

/// For `child`: why a command did not start, as shells say it.
fn not_started(command: &std::ffi::OsStr, error: &std::io::Error) -> Failure {
    let (exit, reason) = match error.kind() {
        std::io::ErrorKind::NotFound => (127, "there is no such command".to_owned()),
        std::io::ErrorKind::PermissionDenied => (126, "it may not be executed".to_owned()),
        _ => (126, error.to_string()),
    };
    let detail = format!(
        "`{}` does not start: {reason}",
        command.to_string_lossy().escape_debug()
    );
    Failure::child(exit, detail)
}
