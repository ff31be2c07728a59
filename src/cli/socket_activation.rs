//! Takes over the sockets that the process was started with (`LISTEN_FDS`) for the addresses that the configuration names.
//!
//! The parent that holds them keeps connections waiting while the gateway restarts, so none is turned away.

use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::sync::Arc;

use parking_lot::Mutex;

use super::failure::Failure;
use crate::config::Listen;
use crate::model::show::escape;

/// Sockets that another process has bound. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct SocketActivation(Arc<Mutex<Vec<Socket>>>);

/// One that is listened on now.
#[derive(Debug)]
pub(super) enum Ready {
    Tcp(tokio::net::TcpListener),
    Unix(tokio::net::UnixListener),
}

/// One socket that the process was started with.
#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
    /// None that can be listened on; says why.
    Other(String),
}

impl SocketActivation {
    /// Takes over the sockets that systemd, or another supervisor with its protocol, passed to this process. Their variables are
    /// removed, so that no child takes the sockets for its own.
    pub(super) fn to_process() -> Self {
        let mut inherited = listenfd::ListenFd::from_env();
        let sockets = (0..inherited.len()).map(|at| {
            if let Ok(Some(listener)) = inherited.take_unix_listener(at) {
                return Socket::Unix(listener);
            }
            match inherited.take_tcp_listener(at) {
                Ok(Some(listener)) => Socket::Tcp(listener),
                Ok(None) => Socket::Other("it was taken twice".to_owned()),
                Err(error) => Socket::Other(error.to_string()),
            }
        });
        Self::from(sockets.collect::<Vec<_>>())
    }

    /// Takes over listeners that this process has bound itself.
    #[must_use]
    pub fn tcp(listeners: impl IntoIterator<Item = TcpListener>) -> Self {
        Self::from(listeners.into_iter().map(Socket::Tcp).collect::<Vec<_>>())
    }

    /// Takes the socket that is bound to a configured place.
    pub(super) async fn take(&self, listen: &Listen) -> std::io::Result<Option<Ready>> {
        let wanted: Vec<SocketAddr> = match listen {
            // No inherited socket can have a port that the system chooses.
            Listen::Tcp(_, 0) => return Ok(None),
            Listen::Tcp(..) if self.0.lock().is_empty() => return Ok(None),
            Listen::Tcp(host, port) => tokio::net::lookup_host(format!("{host}:{port}"))
                .await?
                .collect(),
            Listen::Unix(_) => Vec::new(),
        };
        let mut sockets = self.0.lock();
        let found = sockets.iter().position(|socket| match (socket, listen) {
            (Socket::Tcp(listener), Listen::Tcp(..)) => listener
                .local_addr()
                .is_ok_and(|address| wanted.contains(&address)),
            (Socket::Unix(listener), Listen::Unix(path)) => listener
                .local_addr()
                .is_ok_and(|address| address.as_pathname() == Some(path)),
            (Socket::Tcp(_) | Socket::Unix(_) | Socket::Other(_), _) => false,
        });
        match found.map(|at| sockets.swap_remove(at)) {
            Some(Socket::Tcp(listener)) => {
                listener.set_nonblocking(true)?;
                let listener = tokio::net::TcpListener::from_std(listener)?;
                Ok(Some(Ready::Tcp(listener)))
            }
            Some(Socket::Unix(listener)) => {
                listener.set_nonblocking(true)?;
                let listener = tokio::net::UnixListener::from_std(listener)?;
                Ok(Some(Ready::Unix(listener)))
            }
            Some(Socket::Other(_)) | None => Ok(None),
        }
    }

    /// Refuses to start where a socket is left: connections would wait there for good.
    pub(super) fn check_taken(&self) -> Result<(), Failure> {
        let sockets = self.0.lock();
        let left: Vec<String> = sockets.iter().map(ToString::to_string).collect();
        if left.is_empty() {
            return Ok(());
        }
        let detail = format!(
            "inherited sockets (`LISTEN_FDS`) that the configuration does not name: {}",
            left.join(", ")
        );
        Err(Failure::failed("cannot_listen", detail)
            .help("name them under `proxy.listen`, `admin.listen` or `metrics.listen`"))
    }
}

impl From<Vec<Socket>> for SocketActivation {
    fn from(sockets: Vec<Socket>) -> Self {
        Self(Arc::new(Mutex::new(sockets)))
    }
}

impl std::fmt::Display for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(listener) => match listener.local_addr() {
                Ok(address) => write!(f, "{address}"),
                Err(error) => write!(f, "{error}"),
            },
            Self::Unix(listener) => match listener.local_addr() {
                Ok(address) => match address.as_pathname() {
                    Some(path) => write!(f, "unix:{}", escape(&path.to_string_lossy())),
                    None => f.write_str("an unnamed socket"),
                },
                Err(error) => write!(f, "{error}"),
            },
            Self::Other(why) => f.write_str(why),
        }
    }
}
