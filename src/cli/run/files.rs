//! Writes the files that a child's toolchains read: CA bundles, with what was trusted before and the system's roots, Node's
//! preload, and wget's settings.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::cli::failure::Failure;
use crate::cli::state::{self, Access};
use crate::cli::workspace::Workspace;
use crate::cli::{Context, environment};
use crate::model::hex::hex;
use crate::model::show::escape;
use crate::proxy::{Certificates, ProxyError};

const NODE_PRELOAD: &[u8] = include_bytes!("../assets/node-proxy.cjs");

/// Paths of the files that were written.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Files {
    pub(in crate::cli) extra: PathBuf,
    pub(in crate::cli) bundle: PathBuf,
    pub(in crate::cli) node_preload: PathBuf,
    pub(in crate::cli) wgetrc: PathBuf,
}

impl Files {
    /// Names them within a directory that an agent of another file system reads.
    pub(in crate::cli) fn within(directory: &Path) -> Self {
        Self {
            extra: directory.join("ca.pem"),
            bundle: directory.join("ca-bundle.pem"),
            node_preload: directory.join("node-proxy.cjs"),
            wgetrc: directory.join("wgetrc"),
        }
    }

    /// Returns the file for wget, unless the user has one.
    pub(in crate::cli) fn wgetrc_for(
        &self,
        environment: &BTreeMap<OsString, OsString>,
    ) -> Option<&Path> {
        (!environment::has_wgetrc(environment)).then_some(&self.wgetrc)
    }

    /// Writes those whose text is not the trust of anybody.
    fn write_programs(&self) -> Result<(), Failure> {
        // wget reads no variable for authorities.
        let wgetrc = format!("ca_certificate = {}\n", self.bundle.display());
        write(&self.wgetrc, wgetrc.as_bytes())?;
        write(&self.node_preload, NODE_PRELOAD)
    }
}

/// Writes them into a directory for agents that do not see the state directory: the system's roots and ours.
pub(in crate::cli) fn write_files_into(
    workspace: &Workspace,
    directory: &Path,
) -> Result<Files, Failure> {
    let extra = ca(workspace)?;
    let mut bundle = Certificates::of_system();
    bundle.absorb(&extra);
    std::fs::create_dir_all(directory).map_err(|error| {
        let shown = directory.display();
        Failure::failed("unwritable", format!("`{shown}` cannot be made: {error}"))
    })?;
    let files = Files::within(directory);
    write(&files.extra, extra.to_pem().as_bytes())?;
    write(&files.bundle, bundle.to_pem().as_bytes())?;
    files.write_programs()?;
    Ok(files)
}

/// Reads the certificate that signs what agents see.
fn ca(workspace: &Workspace) -> Result<Certificates, Failure> {
    let path = workspace.ca_certificate();
    if !path.is_file() {
        return Err(Failure::unreached(
            "ca_missing",
            format!("there is no CA certificate at `{}`", path.display()),
        )
        .help("start the gateway once: `tollgate serve`"));
    }
    Certificates::read(&path).map_err(|error| unreadable(&error))
}

fn unreadable(error: &ProxyError) -> Failure {
    Failure::failed("roots", error.to_string())
}

/// Writes them into the state directory, again each time: roots change, and so do we.
///
/// An environment that trusts further authorities gets files of its own, named by what is in them.
pub(in crate::cli) fn write_files(
    context: &Context,
    workspace: &Workspace,
) -> Result<Files, Failure> {
    let state = workspace.state();
    let mut extra = ca(workspace)?;
    let mut bundle = Certificates::of_system();
    bundle.absorb(&extra);
    let theirs = theirs(context, &mut bundle);
    let mut files = Files {
        extra: workspace.ca_certificate(),
        bundle: state.bundle(),
        node_preload: state.node_preload(),
        wgetrc: state.wgetrc(),
    };
    if !theirs.is_empty() {
        extra.absorb(&theirs);
        let name = short_hash(&extra.to_pem());
        files.extra = state.path().join(format!("ca-extra-{name}.pem"));
        files.bundle = state.path().join(format!("ca-bundle-{name}.pem"));
        files.wgetrc = state.path().join(format!("wgetrc-{name}"));
        write(&files.extra, extra.to_pem().as_bytes())?;
    }
    write(&files.bundle, bundle.to_pem().as_bytes())?;
    files.write_programs()?;
    Ok(files)
}

/// Adds the authorities that the environment names to the bundle, and returns them.
fn theirs(context: &Context, bundle: &mut Certificates) -> Certificates {
    let mut theirs = Certificates::default();
    for (variable, file) in environment::authorities(&context.process.environment) {
        match Certificates::read(&context.process.directory.join(file)) {
            Ok(read) => {
                let added = bundle.absorb(&read);
                theirs.absorb(&added);
            }
            Err(error) => context.output.note(&format!(
                "tollgate: the child does not trust what {variable} names: {}",
                escape(&error.to_string())
            )),
        }
    }
    theirs
}

fn short_hash(text: &str) -> String {
    let hash = Sha256::digest(text.as_bytes());
    let (short, _) = hash.split_at(8);
    hex(short)
}

/// Another `run` may be starting while children read it, so it is replaced whole.
fn write(path: &Path, contents: &[u8]) -> Result<(), Failure> {
    state::write(path, contents, Access::Children).map_err(|error| {
        Failure::failed(
            "unwritable",
            format!("`{}` cannot be written: {error}", path.display()),
        )
    })
}
