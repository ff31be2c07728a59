//! Binds the configured addresses; an error says which address and why.

use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::{TcpListener, UnixListener, UnixStream};

use super::tls::{AdminTls, TlsListener};

/// A socket that is bound and accepts connections.
#[derive(Debug)]
pub enum Listener {
    /// An address and port, as in `127.0.0.1:7071`.
    Tcp(TcpListener),
    /// A port with a certificate of its own.
    Tls(TlsListener),
    /// `unix:/path`; only its owner may connect.
    Unix(UnixListener),
}

/// Reasons why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Port in use, no such address, no permission.
    #[error("cannot listen on `{address}`: {reason}")]
    Unavailable {
        /// The address as configured.
        address: String,
        /// The system's own message.
        reason: String,
    },
    /// Another process answers on the socket.
    #[error("cannot listen on `unix:{}`: another gateway answers there", .0.display())]
    Occupied(PathBuf),
    /// Something that is not a socket is in the way; it is left alone.
    #[error("cannot listen on `unix:{}`: exists and is not a socket", .0.display())]
    NotASocket(PathBuf),
}

impl Listener {
    /// Binds `host:port` or `unix:/path`.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn bind(address: &str) -> Result<Self, BindError> {
        match address.strip_prefix("unix:") {
            Some(path) => Self::bind_unix(Path::new(path)).await,
            None => TcpListener::bind(address)
                .await
                .map(Self::Tcp)
                .map_err(|error| unavailable(address.to_owned(), &error)),
        }
    }

    /// Binds a socket file, 0600. A socket without a listener was left by a dead process and is replaced.
    ///
    /// # Errors
    ///
    /// If the file is in use or cannot be made.
    pub async fn bind_unix(path: &Path) -> Result<Self, BindError> {
        let shown = || format!("unix:{}", path.display());
        match std::fs::symlink_metadata(path) {
            Ok(found) if !found.file_type().is_socket() => {
                return Err(BindError::NotASocket(path.to_owned()));
            }
            Ok(_) if UnixStream::connect(path).await.is_ok() => {
                return Err(BindError::Occupied(path.to_owned()));
            }
            Ok(_) => std::fs::remove_file(path).map_err(|error| unavailable(shown(), &error))?,
            Err(_) => {}
        }
        let listener = UnixListener::bind(path).map_err(|error| unavailable(shown(), &error))?;
        // The state directory is 0700, so no other user can connect between the two calls.
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
            .map_err(|error| unavailable(shown(), &error))?;
        Ok(Self::Unix(listener))
    }

    /// Serves a port over TLS; a socket file stays as it is.
    #[must_use]
    pub fn secured(self, tls: &AdminTls) -> Self {
        match self {
            Self::Tcp(tcp) => Self::Tls(TlsListener::new(tcp, tls.clone())),
            Self::Tls(_) | Self::Unix(_) => self,
        }
    }

    /// Returns the bound address; `None` for a socket file.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(tcp) => tcp.local_addr().ok(),
            Self::Tls(tls) => tls.address(),
            Self::Unix(_) => None,
        }
    }
}

fn unavailable(address: String, error: &std::io::Error) -> BindError {
    let reason = match error.kind() {
        std::io::ErrorKind::AddrInUse => "another program listens there".to_owned(),
        std::io::ErrorKind::AddrNotAvailable => {
            "this machine does not have that address".to_owned()
        }
        std::io::ErrorKind::PermissionDenied => "not permitted".to_owned(),
        _ => error.to_string(),
    };
    BindError::Unavailable { address, reason }
}
