//! One owner of a state directory at a time: a gateway for as long as it runs, or a command while it makes the store.

use std::fs::File;
use std::time::Duration;

use tokio::net::UnixStream;

use super::first_start::{in_use, prepare, unwritable};
use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::cli::workspace::Workspace;
use crate::model::show::escape;
use crate::store::{Store, StoreError};

/// How often, and how long between, the state directory is tried to be claimed: five seconds in all.
const CLAIM_TRIES: usize = 100;
const CLAIM_PAUSE: Duration = Duration::from_millis(50);

/// Opens the store for a command that writes, and makes the state directory where there is none. The first start stays the gateway's.
pub(in crate::cli) async fn open_or_make(
    context: &Context,
    workspace: &Workspace,
) -> Result<Store, Failure> {
    let url = &workspace.config().store_url;
    match Store::open(url).await {
        Err(StoreError::Missing(_)) => {}
        opened => return opened.map_err(Failure::from),
    }
    let prepared = match prepare(context, workspace).await {
        Ok(prepared) => prepared,
        // A gateway, or another command, has made it in this moment.
        Err(failure) => return Store::open(url).await.map_err(|_| failure),
    };
    context.output.note(&format!(
        "made the state directory `{}`; `tollgate serve` starts the gateway on it",
        escape(&workspace.state().path().display().to_string())
    ));
    Ok(prepared.store)
}

/// Claims the state directory, after commands that hold it for a moment; a gateway that answers holds it for long.
pub(super) async fn claim(workspace: &Workspace) -> Result<File, Failure> {
    let state = workspace.state();
    for _ in 0..CLAIM_TRIES {
        let claim = state
            .claim()
            .map_err(|error| unwritable(workspace, &error))?;
        match claim {
            Some(claim) => return Ok(claim),
            None if UnixStream::connect(state.admin_socket()).await.is_ok() => break,
            None => tokio::time::sleep(CLAIM_PAUSE).await,
        }
    }
    Err(in_use(workspace))
}
