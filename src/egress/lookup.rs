//! Resolves names to addresses, behind a trait so that tests can answer for the system.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{LookupIpStrategy, ResolveHosts, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::Name;
use parking_lot::Mutex;
use tokio::time::Instant;

/// A resolver of names. One call is one query; caching is up to the implementation.
#[async_trait]
pub trait Lookup: std::fmt::Debug + Send + Sync {
    /// Returns the addresses of a canonical name (lower-case, no trailing dot), best first.
    ///
    /// # Errors
    /// When there is none to be had.
    async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, LookupError>;
}

/// Reasons why a name has no addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// The name does not exist, or has no addresses.
    #[error("no such name")]
    NotFound,
    /// No server answered in time.
    #[error("no answer in time")]
    Timeout,
    /// Servers failed, or none is known. For logs, not for agents.
    #[error("{0}")]
    Failed(String),
}

/// `/etc/hosts` and the name servers of `/etc/resolv.conf`, read at the first lookup and again after they change.
#[derive(Debug, Default)]
pub struct SystemLookup {
    loaded: Mutex<Option<Loaded>>,
}

#[derive(Debug)]
struct Loaded {
    resolver: TokioResolver,
    stamp: Stamp,
    checked: Instant,
}

/// When the two files were last written; a laptop changes networks while the gateway runs.
type Stamp = [Option<SystemTime>; 2];

/// How often the files are looked at.
const CHECK_EVERY: Duration = Duration::from_secs(2);

impl SystemLookup {
    /// Reads nothing yet, so that a machine without a network starts.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn resolver(&self) -> Result<TokioResolver, LookupError> {
        let now = Instant::now();
        let mut loaded = self.loaded.lock();
        if let Some(known) = loaded.as_mut() {
            if now < known.checked + CHECK_EVERY {
                return Ok(known.resolver.clone());
            }
            known.checked = now;
            if known.stamp == stamp() {
                return Ok(known.resolver.clone());
            }
        }
        // Before reading: a change in between is then seen next time.
        let stamp = stamp();
        let resolver = load().map_err(|error| LookupError::Failed(error.to_string()))?;
        *loaded = Some(Loaded {
            resolver: resolver.clone(),
            stamp,
            checked: now,
        });
        Ok(resolver)
    }
}

#[async_trait]
impl Lookup for SystemLookup {
    async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, LookupError> {
        let resolver = self.resolver()?;
        // Search domains are for single labels only. With `ndots:5`, as in Kubernetes, `api.github.com` would otherwise be
        // queried under each of them first, and the owner of one could answer.
        let mut queried =
            Name::from_ascii(name).map_err(|error| LookupError::Failed(error.to_string()))?;
        queried.set_fqdn(name.contains('.'));
        match resolver.lookup_ip(queried).await {
            Ok(found) => Ok(found.iter().collect()),
            Err(NetError::Timeout) => Err(LookupError::Timeout),
            Err(error) if error.is_no_records_found() => Err(LookupError::NotFound),
            Err(error) => Err(LookupError::Failed(error.to_string())),
        }
    }
}

fn load() -> Result<TokioResolver, NetError> {
    let mut builder = TokioResolver::builder_tokio().unwrap_or_else(|error| {
        // Names in /etc/hosts still resolve; all others fail at lookup.
        tracing::warn!(reason = %error, "the system's name servers could not be read");
        let nobody = ResolverConfig::from_parts(None, Vec::new(), Vec::new());
        TokioResolver::builder_with_config(nobody, TokioRuntimeProvider::default())
    });
    let options = builder.options_mut();
    options.use_hosts_file = ResolveHosts::Always;
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    options.try_tcp_on_error = true;
    builder.build()
}

fn stamp() -> Stamp {
    ["/etc/resolv.conf", "/etc/hosts"].map(|path| {
        std::fs::metadata(path)
            .and_then(|file| file.modified())
            .ok()
    })
}
