//! Reads what operators write: `tollgate.yaml` becomes a checked [`Config`], and every problem in it is reported with its place.
//!
//! INVARIANT: only `load` and `embedded` make a `Config`; every path in it is absolute or relative to the process, every secret read.

mod audit;
mod build;
mod declared;
pub mod diagnostic;
pub mod discovery;
pub mod effective;
mod environment;
mod field_source;
mod limits;
mod manifest;
mod render;
mod secret_source;
mod sink;
pub mod small_file;
pub mod sources;
pub mod suggest;
pub mod units;
mod vault_source;
pub mod yaml;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use crate::model::durability::Durability;
use crate::model::secret::Secret;
use crate::model::target::{Authority, Host};

pub use audit::Audit;
pub use build::{LogFilterError, check_log_filter, load};
pub use declared::{DeclaredAgent, DeclaredCredential, DeclaredOperator, Field, Role};
pub use limits::{Approval, Limits, Refusals};
pub use manifest::Manifest;
pub use sink::{HttpUrl, Otlp, Sink, SinkTarget, SyslogServer, Webhook};

/// Returns the JSON Schema of `tollgate.yaml`, for editors; `schemas/tollgate.schema.json` holds it.
#[must_use]
pub fn schema() -> serde_json::Value {
    schema_of::<Manifest>("tollgate.yaml")
}

/// Returns the JSON Schema of a file whose manifest is `T`.
#[must_use]
pub fn schema_of<T: JsonSchema>(title: &str) -> serde_json::Value {
    let mut schema = schemars::schema_for!(T);
    schema.insert("title".to_owned(), title.into());
    // Keys for anchors and notes are dropped before the manifest is read.
    schema.insert(
        "patternProperties".to_owned(),
        serde_json::json!({ "^x-": {} }),
    );
    schema.to_value()
}

/// Inputs of `load` from the command line and the process.
#[derive(Debug, Clone)]
pub struct Args {
    /// Path given by `--config`, if any.
    pub config: Option<PathBuf>,
    /// Working directory, which relative paths start from.
    pub cwd: PathBuf,
    /// Environment variables with UTF-8 names and values.
    pub env: BTreeMap<String, String>,
    /// Handling of secrets that cannot be read.
    pub secrets: Secrets,
}

/// Handling of secrets that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrets {
    /// Each is a problem: the gateway needs them all.
    Needed,
    /// They are left out: a pull request is checked, and a command is run, where secrets are not at hand.
    IfThere,
    /// None is read: the file may be untrusted, or only its settings are asked for.
    Unread,
}

/// A gateway's configuration, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file; `None` where nothing was written.
    pub file: Option<PathBuf>,
    /// Addresses where agents connect; at least one.
    pub proxy: Vec<Listen>,
    /// The certificate of the proxy's ports; `None` where they speak no TLS themselves.
    pub proxy_tls: Option<CertFiles>,
    /// Certificate of the admin ports.
    pub admin_tls: Option<CertFiles>,
    /// Addresses where operators connect; may be empty.
    pub admin: Vec<Listen>,
    /// Addresses that serve metrics; may be empty.
    pub metrics: Vec<Listen>,
    /// Further names in URLs of the admin and metrics listeners (`admin.hosts`, `metrics.hosts`).
    pub hosts: Vec<Host>,
    /// State of the gateway; may not exist yet.
    pub data_dir: PathBuf,
    /// Directories of connector files; they exist.
    pub connectors: Vec<PathBuf>,
    /// Ids of the built-in connectors to load; `None` for all of them.
    pub built_in: Option<Vec<String>>,
    /// Directories of policy files; they exist.
    pub policies: Vec<PathBuf>,
    /// URL of the store, `sqlite:<path>`.
    pub store_url: String,
    /// Source of the master key.
    pub vault_key: VaultKey,
    /// How often each credential is tested; zero for never.
    pub test_every: Duration,
    /// Declared agents, by name.
    pub agents: Vec<DeclaredAgent>,
    /// Declared credentials, in order.
    pub credentials: Vec<DeclaredCredential>,
    /// Declared operators, in order.
    pub operators: Vec<DeclaredOperator>,
    /// The CA; `None` for the one in the state directory.
    pub ca: Option<CaFiles>,
    /// Addresses that may be contacted.
    pub egress: EgressRules,
    /// Proxy that connections to upstreams use.
    pub egress_proxy: Option<EgressProxy>,
    /// Limits of requests and connections.
    pub limits: Limits,
    /// Requests that wait for an operator.
    pub approval: Approval,
    /// Settings of the journal: durability, segments, retention, anchors.
    pub audit: Audit,
    /// Level and format of log lines.
    pub log: Log,
    /// Variables that connector files may set for children, beside those of the usual forms.
    pub run_variables: BTreeSet<String>,
    /// Variables from which secrets are read: no child may see them.
    pub secret_variables: BTreeSet<String>,
}

/// A place to listen at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// A name or address and a port; port 0 lets the system choose.
    Tcp(String, u16),
    /// Path of a Unix socket.
    Unix(PathBuf),
}

impl fmt::Display for Listen {
    /// `host:port`, with brackets around an IPv6 address, or `unix:/path`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(host, port) if host.contains(':') && !host.starts_with('[') => {
                write!(f, "[{host}]:{port}")
            }
            Self::Tcp(host, port) => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Source of the master key.
#[derive(Debug, Clone)]
pub enum VaultKey {
    /// A file, which may not exist before the first start.
    File(PathBuf),
    /// Text of the key, in any of its forms.
    Key(Secret),
    /// Passphrase that the key is derived from.
    Passphrase(Secret),
    /// A variable that is not set here.
    Unread(String),
}

impl Role {
    /// Returns the name as written in files and in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Approver => "approver",
            Self::Editor => "editor",
            Self::Owner => "owner",
        }
    }

    /// Returns the role of a name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        [Self::Viewer, Self::Approver, Self::Editor, Self::Owner]
            .into_iter()
            .find(|role| role.as_str() == name)
    }
}

/// PEM files of a server; both exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertFiles {
    /// The chain, its leaf first.
    pub cert: PathBuf,
    /// PEM file of the private key.
    pub key: PathBuf,
}

/// PEM files of a CA; both exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaFiles {
    /// PEM file of the certificate.
    pub cert: PathBuf,
    /// PEM file of the private key.
    pub key: PathBuf,
}

/// Addresses that may be contacted beyond globally reachable ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EgressRules {
    /// Addresses that may be contacted although they are not globally reachable.
    pub allow: Vec<EgressAllow>,
    /// Addresses to contact instead; they override DNS and are allowed.
    pub resolve: BTreeMap<Authority, Vec<SocketAddr>>,
    /// PEM files that exist, added to the system's roots.
    pub ca_files: Vec<PathBuf>,
}

/// An HTTP proxy of the operator's.
#[derive(Debug, Clone)]
pub struct EgressProxy {
    /// Host and port of the proxy.
    pub authority: Authority,
    /// User name and password for the proxy.
    pub login: Option<(String, Secret)>,
    /// Targets that are reached without the proxy.
    pub except: Vec<EgressExcept>,
}

/// Something that is reached without the proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EgressExcept {
    /// Asked for by this name, or by this address.
    Host(Host),
    /// These addresses, under any name.
    Net(IpNet),
}

/// One entry of `egress.allow`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EgressAllow {
    /// This name, or this address where it is written as one, at this port.
    Host(Host, u16),
    /// Every address of the network at this port, however it was named.
    Net(IpNet, u16),
}

/// Level and format of the log on standard error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// A level or filter.
    pub level: String,
    /// Text lines or JSON lines.
    pub format: LogFormat,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Aligned text, for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}
