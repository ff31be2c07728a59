//! Listens on an address and accepts agents' connections until the drain begins.

use std::fs;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinSet;

use super::ProxyError;
use super::edge::Edge;
use super::io::Socket;
use super::pre_auth::Arrival;

/// How long to wait when the process has run out of file descriptors.
const BREATH: Duration = Duration::from_millis(50);

/// A bound address where agents connect.
#[derive(Debug)]
pub enum Listener {
    /// Port 0 picks one; see [`Listener::address`].
    Tcp(TcpListener),
    /// A Unix socket of mode 0660.
    Unix(UnixListener),
}

impl Listener {
    /// Binds `host:port` or `unix:/path`.
    ///
    /// # Errors
    /// Names the address; a socket that another process still answers on is in use.
    pub async fn bind(address: &str) -> Result<Self, ProxyError> {
        let failed = |error| ProxyError::Listen(address.to_owned(), error);
        match address.strip_prefix("unix:") {
            Some(path) => bind_unix(Path::new(path))
                .await
                .map(Self::Unix)
                .map_err(failed),
            None => TcpListener::bind(address)
                .await
                .map(Self::Tcp)
                .map_err(failed),
        }
    }

    /// Returns the address that was bound; `None` for a Unix socket.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            Self::Unix(_) => None,
        }
    }

    async fn accept(&self) -> io::Result<(Socket, Option<SocketAddr>)> {
        match self {
            Self::Tcp(listener) => {
                let (socket, peer) = listener.accept().await?;
                // Heads and small bodies are written whole, so there is nothing to gather.
                let _ = socket.set_nodelay(true);
                Ok((Socket::Tcp(socket), Some(peer)))
            }
            Self::Unix(listener) => {
                let (socket, _) = listener.accept().await?;
                Ok((Socket::Unix(socket), None))
            }
        }
    }
}

/// Serves connections until the drain begins, then those that are open until they end; dropping the future ends them.
pub(super) async fn serve(edge: Arc<Edge>, listener: Listener) {
    let mut open = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = open.join_next() => continue,
            () = edge.drain.begun() => break,
        };
        match accepted {
            Ok((socket, peer)) => {
                let edge = Arc::clone(&edge);
                let (slot, evicted) = edge.unauthenticated.enter();
                let fresh = edge.drain.fresh();
                let arrival = Arrival { peer, slot, fresh };
                open.spawn(async move {
                    tokio::select! {
                        () = edge.serve(socket, arrival) => {}
                        () = evicted.wait() => {}
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(BREATH).await;
            }
        }
    }
    drop(listener);
    while open.join_next().await.is_some() {}
}

/// Replaces a socket file without a listener; any other file stays.
async fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => {
            if tokio::net::UnixStream::connect(path).await.is_ok() {
                return Err(ErrorKind::AddrInUse.into());
            }
            fs::remove_file(path)?;
        }
        Ok(_) => {
            return Err(io::Error::new(
                ErrorKind::AlreadyExists,
                "exists and is not a socket",
            ));
        }
        Err(_) => {}
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o660))?;
    Ok(listener)
}
