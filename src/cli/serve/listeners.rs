//! Binds all sockets of the gateway before any is served, so that a port in use is reported before the gateway is half started.

use std::net::SocketAddr;

use tokio::net::UnixStream;

use super::claim::in_use;
use crate::admin;
use crate::cli::failure::Failure;
use crate::cli::socket_activation::{Ready, SocketActivation};
use crate::cli::workspace::{Workspace, chain};
use crate::config::Listen;
use crate::proxy;

/// The longest path that a socket can have on every system that we run on (macOS: 104 with its end).
const MAX_SOCKET_PATH: usize = 103;

/// Sockets that are bound but not served yet.
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

impl Listeners {
    /// Binds the configured addresses that were not inherited.
    ///
    /// Runs before anything is created: a port in use must not leave the state of a first start that no operator was told of.
    pub(super) async fn bind(
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
        let mut proxy = Vec::new();
        for listen in &config.proxy {
            proxy.push(bind_proxy(listen, activated).await?);
        }
        let listeners = Self {
            proxy,
            admin: bind_all(&config.admin, activated).await?,
            metrics: bind_all(&config.metrics, activated).await?,
        };
        activated.check_taken()?;
        Ok(listeners)
    }

    /// Binds the socket in the state directory, which must be claimed.
    pub(super) async fn bind_socket(&mut self, workspace: &Workspace) -> Result<(), Failure> {
        let socket = workspace.state().admin_socket();
        if socket.as_os_str().len() <= MAX_SOCKET_PATH {
            let listener = admin::Listener::bind_unix(&socket).await;
            self.admin
                .insert(0, listener.map_err(|error| unbound(&error))?);
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

async fn bind_proxy(
    listen: &Listen,
    activated: &SocketActivation,
) -> Result<proxy::Listener, Failure> {
    let text = listen.to_string();
    match activated
        .take(listen)
        .await
        .map_err(|error| unusable(&text, &error))?
    {
        Some(Ready::Tcp(listener)) => Ok(proxy::Listener::Tcp(listener)),
        Some(Ready::Unix(listener)) => Ok(proxy::Listener::Unix(listener)),
        None => proxy::Listener::bind(&text)
            .await
            .map_err(|error| unbound(&error)),
    }
}

async fn bind_all(
    listen: &[Listen],
    activated: &SocketActivation,
) -> Result<Vec<admin::Listener>, Failure> {
    let mut bound = Vec::new();
    for listen in listen {
        let text = listen.to_string();
        bound.push(
            match activated
                .take(listen)
                .await
                .map_err(|error| unusable(&text, &error))?
            {
                Some(Ready::Tcp(listener)) => admin::Listener::Tcp(listener),
                Some(Ready::Unix(listener)) => admin::Listener::Unix(listener),
                None => admin::Listener::bind(&text)
                    .await
                    .map_err(|error| unbound(&error))?,
            },
        );
    }
    Ok(bound)
}

fn unusable(text: &str, error: &std::io::Error) -> Failure {
    let detail = format!("the inherited socket for `{text}` cannot be used: {error}");
    Failure::failed("cannot_listen", detail)
}

fn unbound(error: &(dyn std::error::Error + 'static)) -> Failure {
    let system = error
        .source()
        .and_then(|cause| cause.downcast_ref::<std::io::Error>());
    let detail = match system.map(std::io::Error::kind) {
        Some(std::io::ErrorKind::AddrInUse) => format!("{error}: another program listens there"),
        _ => chain(error),
    };
    Failure::failed("cannot_listen", detail)
        .help("is a gateway running already? `tollgate status`; other addresses: `proxy.listen`, `admin.listen`, `metrics.listen`")
}
