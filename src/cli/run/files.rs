//! The files that a child's toolchains read: our CA, the system's roots with it, and Node's preload.

use std::path::PathBuf;

use crate::cli::failure::Failure;
use crate::cli::state::{self, Access};
use crate::cli::workspace::Workspace;
use crate::proxy::merge_roots;

/// Where they are.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Files {
    pub(in crate::cli) ca: PathBuf,
    pub(in crate::cli) bundle: PathBuf,
    pub(in crate::cli) node_preload: PathBuf,
}

/// Writes them into the state directory, anew each time: roots change, and so do we.
pub(in crate::cli) fn write_files(workspace: &Workspace) -> Result<Files, Failure> {
    let state = workspace.state();
    let files = Files {
        ca: workspace.ca_certificate(),
        bundle: state.bundle(),
        node_preload: state.node_preload(),
    };
    let failed = |path: &PathBuf, error: &dyn std::fmt::Display| {
        Failure::failed(
            "state_unwritable",
            format!("`{}` cannot be written: {error}", path.display()),
        )
    };
    if !files.ca.is_file() {
        return Err(Failure::unreached(
            "ca_missing",
            format!("there is no CA certificate at `{}`", files.ca.display()),
        )
        .help("start the gateway once: `tollgate serve`"));
    }
    // Beside its place first: another `run` may be starting while children read it.
    let fresh = tempfile::Builder::new()
        .prefix(".new-")
        .tempfile_in(state.path())
        .map_err(|error| failed(&files.bundle, &error))?;
    merge_roots(&[&files.ca], fresh.path())
        .map_err(|error| Failure::failed("roots", error.to_string()))?;
    fresh
        .persist(&files.bundle)
        .map_err(|error| failed(&files.bundle, &error))?;
    state::write(
        &files.node_preload,
        include_bytes!("../assets/node-proxy.cjs"),
        Access::Children,
    )
    .map_err(|error| failed(&files.node_preload, &error))?;
    Ok(files)
}
