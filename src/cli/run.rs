//! Runs `run`: a command whose traffic goes through the gateway under a token of its own. Exits as the command did.

mod child;
mod files;
mod lease;

pub(super) use files::{Files, write_files, write_files_into};

use super::args::Run;
use super::change::settled;
use super::failure::{Exit, Failure, Outcome};
use super::{Context, environment, running};
use crate::model::agent::AgentName;

/// Runs the command and returns its status.
pub(super) fn run(context: &Context, args: &Run) -> Outcome {
    super::block_on(run_child(context, args))
}

async fn run_child(context: &Context, args: &Run) -> Outcome {
    let agent = AgentName::parse(&args.agent).map_err(|error| Failure::usage(error.to_string()))?;
    let (workspace, placeholders) = running::find(context, &agent).await?;
    let store = workspace.open_store().await?;
    let proxy = workspace.reach_proxy().await?;
    let files = write_files(context, &workspace)?;
    let placeholders = match placeholders {
        Some(placeholders) => placeholders,
        None => workspace.placeholders(&store, &agent).await?,
    };

    let (lease, token) = lease::Lease::take(context, &workspace, &store, &agent).await?;
    let known = &context.process.environment;
    let proxy_url = format!("http://{}:{}@{proxy}", args.agent, token.reveal());
    let wiring = environment::Wiring {
        proxy_url: &proxy_url,
        extra: &files.extra,
        bundle: &files.bundle,
        node_preload: &files.node_preload,
        wgetrc: files.wgetrc_for(known),
    };
    let secrets = &workspace.config().secret_variables;
    let mut changes = environment::own_variables(known.keys(), secrets);
    changes.extend(placeholders);
    changes.extend(environment::wiring(&wiring, known));

    settled(context, &workspace.gateway(), &store).await;
    context.output.note("tollgate: contained: false (the command can reach the network and your files without the gateway)");
    let ended = child::run(
        &args.command,
        &changes,
        context.process.has_terminal,
        lease.keep(),
    )
    .await;
    lease.end().await;
    ended.map(Exit::Child)
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
