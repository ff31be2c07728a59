//! Names the files of the state directory and writes them.
//!
//! INVARIANT: the directory is 0700 and files with secrets are 0600 from their first byte on; a file is replaced whole.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::config::discovery;

/// The state directory, by its path.
#[derive(Debug, Clone)]
pub(super) struct StateDir(PathBuf);

/// Read access to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// The owner reads and writes: 0600.
    Owner,
    /// 0644; the directory still keeps others out.
    Children,
}

impl StateDir {
    pub(super) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Returns the directory of the journal's segments.
    pub(super) fn journal(&self) -> PathBuf {
        self.0.join("journal")
    }

    /// The CA certificate that the gateway made.
    pub(super) fn ca_certificate(&self) -> PathBuf {
        self.0.join("ca.pem")
    }

    /// System roots and our CA, for toolchains that take one file.
    pub(super) fn bundle(&self) -> PathBuf {
        self.0.join("ca-bundle.pem")
    }

    /// Returns the path of the module that Node loads first.
    pub(super) fn node_preload(&self) -> PathBuf {
        self.0.join("node-proxy.cjs")
    }

    /// Returns the path of the settings that name our CA to wget.
    pub(super) fn wgetrc(&self) -> PathBuf {
        self.0.join("wgetrc")
    }

    /// Returns the path of the admin socket.
    pub(super) fn admin_socket(&self) -> PathBuf {
        self.0.join("admin.sock")
    }

    /// The token of operator `local`.
    pub(super) fn operator_token(&self) -> PathBuf {
        self.0.join("operator.token")
    }

    /// The token of an agent that the gateway made by itself.
    pub(super) fn agent_token(&self, agent: &str) -> PathBuf {
        self.0.join("agents").join(format!("{agent}.token"))
    }

    /// Remembers a configuration, for commands and starts that name none.
    pub(super) fn record_config(&self, config: &Path) -> io::Result<()> {
        let text = format!("{}\n", config.display());
        write(&discovery::record(&self.0), text.as_bytes(), Access::Owner)
    }

    /// Claims the directory for one gateway for as long as the returned file is open; `None` where another has it.
    ///
    /// Two gateways would take each other's sockets, and two first starts at once would leave a token without an owner.
    pub(super) fn claim(&self) -> io::Result<Option<File>> {
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(self.0.join("gateway.lock"))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Makes the directory, 0700.
    pub(super) fn create(&self) -> io::Result<()> {
        create_private(&self.0)
    }
}

/// Makes a directory and its parents; what exists keeps its mode.
pub(super) fn create_private(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

/// Writes a file beside its place, then moves it there, so that no reader sees half of it.
pub(super) fn write(path: &Path, contents: &[u8], access: Access) -> io::Result<()> {
    let directory = path.parent().unwrap_or_else(|| Path::new("."));
    let mode = match access {
        Access::Owner => 0o600,
        Access::Children => 0o644,
    };
    let mut file = tempfile::Builder::new()
        .prefix(".new-")
        .permissions(fs::Permissions::from_mode(mode))
        .tempfile_in(directory)?;
    file.write_all(contents)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
