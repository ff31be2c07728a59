//! Gives a state directory one owner at a time: a gateway for as long as it runs, or a command while it makes the store.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use tokio::net::UnixStream;

use crate::cli::failure::Failure;
use crate::cli::workspace::Workspace;

/// How often, and how long between, the state directory is tried to be claimed: five seconds in all.
const CLAIM_TRIES: usize = 100;
const CLAIM_PAUSE: Duration = Duration::from_millis(50);

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

pub(super) fn unwritable(workspace: &Workspace, error: &std::io::Error) -> Failure {
    let path = workspace.state().path().display().to_string();
    let reason = match error.kind() {
        ErrorKind::AlreadyExists | ErrorKind::NotADirectory => "a file is in its place".to_owned(),
        _ => error.to_string(),
    };
    let failure = Failure::failed(
        "state_unwritable",
        format!("the state directory `{path}` cannot be used: {reason}"),
    );
    let elsewhere = "set `data_dir` in the configuration, or TOLLGATE_DATA_DIR";
    let owner = std::fs::metadata(workspace.state().path()).map(|data| data.uid());
    match owner {
        // The volume of a container belongs to root unless its owner was changed.
        Ok(user) if error.kind() == ErrorKind::PermissionDenied => failure.help(format!(
            "it belongs to user {user}: give it to the user that runs the gateway (`chown 65532` for the image), or {elsewhere}"
        )),
        _ => failure.help(elsewhere),
    }
}

pub(super) fn in_use(workspace: &Workspace) -> Failure {
    let path = workspace.state().path().display().to_string();
    Failure::failed(
        "state_in_use",
        format!("another gateway runs on the state directory `{path}`"),
    )
    .help("`tollgate status` asks it; a second one needs a `data_dir` of its own")
}
