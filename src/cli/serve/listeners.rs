//! Reserves all addresses of the gateway before anything is created, and listens on them once the state directory is complete. A
//! port in use is reported before the gateway is half started.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket, UnixStream, lookup_host};

use super::claim::in_use;
use crate::admin::{self, AdminTls};
use crate::cli::failure::Failure;
use crate::cli::socket_activation::{Ready, SocketActivation};
use crate::cli::workspace::{Workspace, chain};
use crate::config::{Config, Listen};
use crate::proxy;

/// The longest path that a socket can have on every system that we run on (macOS: 104 with its end).
pub(in crate::cli) const MAX_SOCKET_PATH: usize = 103;

/// Connections that the system keeps until they are accepted; as many as `TcpListener::bind` asks for.
const BACKLOG: u32 = 1024;

/// The configured addresses while the state directory is prepared. No connection is accepted meanwhile, so that no client meets a
/// gateway whose certificate authority does not exist yet.
#[derive(Debug)]
pub(super) struct ReservedAddresses {
    proxy: Vec<Reserved>,
    admin: Vec<Reserved>,
    /// Certificate of the admin ports.
    admin_tls: Option<AdminTls>,
    metrics: Vec<Reserved>,
}

/// One address that no other program can take.
#[derive(Debug)]
enum Reserved {
    Inherited(Ready),
    /// With the address as configured.
    Port(TcpSocket, String),
    /// `unix:/path`, where no other program answers. The file is made when it is listened on.
    Path(String),
}

/// Sockets that accept connections but are not served yet.
#[derive(Debug)]
pub(super) struct Listeners {
    pub(super) proxy: Vec<proxy::Listener>,
    pub(super) admin: Vec<admin::Listener>,
    pub(super) metrics: Vec<admin::Listener>,
}

/// The ports that were bound, in the order of the configuration; sockets in the file system are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    /// Addresses where agents connect.
    pub proxy: Vec<SocketAddr>,
    /// Addresses of `/api/v1` and health.
    pub admin: Vec<SocketAddr>,
    /// Addresses of `/metrics` and health.
    pub metrics: Vec<SocketAddr>,
}

impl ReservedAddresses {
    /// Reserves the configured addresses, inherited ones too.
    ///
    /// Runs before anything is created: a port in use must not leave the state of a first start that no operator was told of.
    pub(super) async fn reserve(
        workspace: &Workspace,
        activated: &SocketActivation,
    ) -> Result<Self, Failure> {
        let config = workspace.config();
        // A gateway on the same state has the same ports, and this says it better.
        if UnixStream::connect(workspace.state().admin_socket())
            .await
            .is_ok()
        {
            return Err(in_use(workspace));
        }
        let reserved = Self {
            proxy: reserve_all(&config.proxy, activated).await?,
            admin: reserve_all(&config.admin, activated).await?,
            admin_tls: admin_tls(config)?,
            metrics: reserve_all(&config.metrics, activated).await?,
        };
        activated.check_taken()?;
        Ok(reserved)
    }

    /// Accepts connections from now on.
    pub(super) async fn listen(self) -> Result<Listeners, Failure> {
        let mut proxy = Vec::new();
        for reserved in self.proxy {
            proxy.push(match reserved {
                Reserved::Inherited(Ready::Tcp(listener)) => proxy::Listener::Tcp(listener),
                Reserved::Inherited(Ready::Unix(listener)) => proxy::Listener::Unix(listener),
                Reserved::Port(socket, text) => proxy::Listener::Tcp(listen(socket, &text)?),
                Reserved::Path(text) => proxy::Listener::bind(&text)
                    .await
                    .map_err(|error| cannot_listen(chain(&error)))?,
            });
        }
        Ok(Listeners {
            proxy,
            admin: secured(listen_all(self.admin).await?, self.admin_tls.as_ref()),
            metrics: listen_all(self.metrics).await?,
        })
    }
}

async fn listen_all(reserved: Vec<Reserved>) -> Result<Vec<admin::Listener>, Failure> {
    let mut listeners = Vec::new();
    for reserved in reserved {
        listeners.push(match reserved {
            Reserved::Inherited(Ready::Tcp(listener)) => admin::Listener::Tcp(listener),
            Reserved::Inherited(Ready::Unix(listener)) => admin::Listener::Unix(listener),
            Reserved::Port(socket, text) => admin::Listener::Tcp(listen(socket, &text)?),
            Reserved::Path(text) => admin::Listener::bind(&text)
                .await
                .map_err(|error| cannot_listen(chain(&error)))?,
        });
    }
    Ok(listeners)
}

fn listen(socket: TcpSocket, text: &str) -> Result<TcpListener, Failure> {
    socket
        .listen(BACKLOG)
        .map_err(|error| unbound(text, &error))
}

impl Listeners {
    /// Binds the socket in the state directory, which must be claimed.
    pub(super) async fn bind_socket(&mut self, workspace: &Workspace) -> Result<(), Failure> {
        let socket = workspace.state().admin_socket();
        if socket.as_os_str().len() <= MAX_SOCKET_PATH {
            let listener = admin::Listener::bind_unix(&socket).await;
            self.admin
                .insert(0, listener.map_err(|error| cannot_listen(chain(&error)))?);
        } else {
            tracing::warn!(path = %socket.display(), "the path is too long for a socket; the admin side has only its ports");
        }
        Ok(())
    }

    /// Every address that is ours: no agent may reach one through the gateway.
    pub(super) fn own(&self) -> Vec<SocketAddr> {
        let Addresses {
            proxy,
            admin,
            metrics,
        } = self.addresses();
        [proxy, admin, metrics].concat()
    }

    /// Returns the addresses of the ports.
    pub(super) fn addresses(&self) -> Addresses {
        let ports =
            |group: &[admin::Listener]| group.iter().filter_map(admin::Listener::address).collect();
        Addresses {
            proxy: self
                .proxy
                .iter()
                .filter_map(proxy::Listener::address)
                .collect(),
            admin: ports(&self.admin),
            metrics: ports(&self.metrics),
        }
    }

    /// Returns the addresses where agents connect, as bound.
    pub(super) fn shown_proxies(&self) -> Vec<String> {
        let shown = |listener: &proxy::Listener| {
            listener.address().map_or_else(
                || "a socket".to_owned(),
                |address| format!("http://{address}"),
            )
        };
        self.proxy.iter().map(shown).collect()
    }
}

/// Takes an address that was inherited, or reserves its port.
async fn reserve(listen: &Listen, activated: &SocketActivation) -> Result<Reserved, Failure> {
    let text = listen.to_string();
    let inherited = activated.take(listen).await;
    if let Some(ready) = inherited.map_err(|error| unusable(&text, &error))? {
        return Ok(Reserved::Inherited(ready));
    }
    match listen {
        Listen::Tcp(..) => match bind_tcp(&text).await {
            Ok(socket) => Ok(Reserved::Port(socket, text)),
            Err(error) => Err(unbound(&text, &error)),
        },
        Listen::Unix(path) if UnixStream::connect(path).await.is_ok() => {
            Err(unbound(&text, &ErrorKind::AddrInUse.into()))
        }
        Listen::Unix(_) => Ok(Reserved::Path(text)),
    }
}

/// Serves the admin ports over TLS where the configuration has a certificate for them.
fn secured(listeners: Vec<admin::Listener>, tls: Option<&AdminTls>) -> Vec<admin::Listener> {
    let Some(tls) = tls else {
        return listeners;
    };
    let listeners = listeners.into_iter();
    listeners.map(|listener| listener.secured(tls)).collect()
}

fn admin_tls(config: &Config) -> Result<Option<AdminTls>, Failure> {
    let files = config.admin_tls.as_ref();
    let tls = files.map(|files| AdminTls::load(&files.cert, &files.key));
    let tls = tls.transpose();
    tls.map_err(|error| Failure::failed("admin_tls", chain(&error)))
}

async fn reserve_all(
    listen: &[Listen],
    activated: &SocketActivation,
) -> Result<Vec<Reserved>, Failure> {
    let mut reserved = Vec::new();
    for listen in listen {
        reserved.push(reserve(listen, activated).await?);
    }
    Ok(reserved)
}

/// Binds the first of a host's addresses that can be bound, as `TcpListener::bind` does.
async fn bind_tcp(text: &str) -> io::Result<TcpSocket> {
    let mut failed = io::Error::new(ErrorKind::AddrNotAvailable, "the name has no address");
    for address in lookup_host(text).await? {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        // Without it a port stays taken for a minute after its last gateway.
        socket.set_reuseaddr(true)?;
        match socket.bind(address) {
            Ok(()) => return Ok(socket),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn unusable(text: &str, error: &std::io::Error) -> Failure {
    let detail = format!("the inherited socket for `{text}` cannot be used: {error}");
    Failure::failed("cannot_listen", detail)
}

fn unbound(text: &str, error: &io::Error) -> Failure {
    let reason = match error.kind() {
        ErrorKind::AddrInUse => "another program listens there".to_owned(),
        ErrorKind::AddrNotAvailable => "this machine does not have that address".to_owned(),
        ErrorKind::PermissionDenied => "not permitted".to_owned(),
        _ => error.to_string(),
    };
    cannot_listen(format!("cannot listen on `{text}`: {reason}"))
}

fn cannot_listen(detail: String) -> Failure {
    Failure::failed("cannot_listen", detail)
        .help("is a gateway running already? `tollgate status`; other addresses: `proxy.listen`, `admin.listen`, `metrics.listen`")
}
