//! Describes `tollgate.yaml` as written; serde reads it and the schema is derived from it. Values are not checked here.

mod audit;
mod network;
mod sink;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::field_source::FieldSource;
use super::secret_source::SecretSource;
use super::units::{Period, Size};
use super::yaml::{At, Entries};
use super::{LogFormat, Role};

pub(super) use audit::{AuditSection, RefusalsSection};
pub(super) use network::{CaSection, CertSection, EgressProxySection, EgressSection};
pub(super) use sink::{Signal, SinkKind, SinkSection, WebhookSection};

/// The configuration file of a gateway.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Manifest {
    /// Addresses where agents connect.
    pub(super) proxy: ProxySection,
    /// Addresses where operators connect; `listen: []` opens no port.
    pub(super) admin: AdminSection,
    /// Addresses that serve metrics and health; `listen: []` opens no port.
    pub(super) metrics: ListenSection,
    /// State directory: store, keys, CA and socket.
    #[schemars(example = &"/var/lib/tollgate")]
    pub(super) data_dir: Option<At<String>>,
    /// Directories of connector files.
    #[schemars(example = ["connectors.d"])]
    pub(super) connectors: Vec<At<String>>,
    /// Ids of the built-in connectors that are loaded; all of them unless said. `[]` loads none.
    #[schemars(example = ["github", "npm"])]
    pub(super) built_in: Option<Vec<At<String>>>,
    /// Directories of policy files.
    #[schemars(example = ["policies.d"])]
    pub(super) policies: Vec<At<String>>,
    /// Database of agents, permissions and credentials.
    pub(super) store: StoreSection,
    /// Source of the vault's master key.
    pub(super) vault: VaultSection,
    /// `enforce`; `shadow` is not supported yet.
    pub(super) enforcement: Option<At<Enforcement>>,
    /// Agents that exist without a command.
    pub(super) agents: Vec<AgentSection>,
    /// Credentials that exist without a command.
    pub(super) credentials: Vec<CredentialSection>,
    /// Operators that exist without a command.
    pub(super) operators: Vec<OperatorSection>,
    /// CA that signs certificates for hosts; created at first start if absent.
    pub(super) ca: Option<CaSection>,
    /// Addresses that may be contacted, and how.
    pub(super) egress: EgressSection,
    /// Limits of requests and connections.
    pub(super) limits: LimitsSection,
    /// Requests that wait for an operator's approval.
    pub(super) approval: ApprovalSection,
    /// Journal of requests and decisions.
    pub(super) audit: AuditSection,
    /// Lines on standard error.
    pub(super) log: LogSection,
    /// Variables that `tollgate run` and `tollgate env` give a program.
    pub(super) run: RunSection,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ProxySection {
    /// Each is `host:port` or `unix:/path`.
    #[schemars(example = ["127.0.0.1:7070"])]
    pub(super) listen: Option<At<Vec<At<String>>>>,
    /// Certificate for the proxy port. Agents on other machines must use TLS to it; those on this machine need not.
    pub(super) tls: Option<CertSection>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct AdminSection {
    /// Each is `host:port` or `unix:/path`.
    pub(super) listen: Option<At<Vec<At<String>>>>,
    /// Further names that clients use in URLs of this listener, such as the name of a service; any other `Host` is answered 421.
    #[schemars(example = ["tollgate"])]
    pub(super) hosts: Vec<At<String>>,
    /// Certificate for the admin ports, which commands on other machines need (`--server https://…`).
    pub(super) tls: Option<CertSection>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ListenSection {
    /// Each is `host:port` or `unix:/path`.
    pub(super) listen: Option<At<Vec<At<String>>>>,
    /// Further names that clients use in URLs of this listener, such as the name of a service; any other `Host` is answered 421.
    #[schemars(example = ["tollgate"])]
    pub(super) hosts: Vec<At<String>>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct StoreSection {
    /// URL of the database, `sqlite:path`.
    pub(super) url: Option<At<String>>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct VaultSection {
    /// Exactly one of the keys below.
    pub(super) key: KeySection,
    /// How often each credential is tested with its connector's `health` request; default: 15m. `0s`: only when asked.
    pub(super) test_every: Option<At<Period>>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct KeySection {
    /// Path of a key file; created at first start.
    pub(super) file: Option<At<String>>,
    /// Name of a variable with the key.
    pub(super) env: Option<At<String>>,
    /// Name of a variable with a passphrase.
    pub(super) passphrase_env: Option<At<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Enforcement {
    /// Decisions take effect on requests.
    Enforce,
    /// Decisions are only recorded. Not supported yet.
    Shadow,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AgentSection {
    /// Name of the agent, `[a-z0-9-]+`.
    pub(super) name: At<String>,
    /// Labels that permissions and policies can name.
    #[serde(default)]
    pub(super) labels: BTreeMap<String, String>,
    /// Token of the agent; without it, the agent has only tokens of the store.
    #[serde(default)]
    pub(super) token: Option<At<SecretSource>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CredentialSection {
    /// Id of the credential, `[a-z0-9][a-z0-9._-]*`.
    pub(super) id: At<String>,
    /// Id of the connector that it is for.
    pub(super) connector: At<String>,
    /// Id of a scheme in the connector's `auth`; default: its first.
    #[serde(default)]
    pub(super) scheme: Option<At<String>>,
    /// The one `host` or `host:port` that it is bound to.
    #[schemars(example = &"api.github.com")]
    pub(super) host: At<String>,
    /// Path prefix that it is sent to; default: `/`.
    #[serde(default)]
    pub(super) path: Option<At<String>>,
    /// Other URLs that its bytes may go to.
    #[serde(default)]
    pub(super) urls: Vec<At<String>>,
    /// Agents that may use it; default: all.
    #[serde(default)]
    pub(super) agents: Vec<At<String>>,
    /// Values of the scheme's fields, by name.
    #[serde(default)]
    pub(super) fields: Entries<At<FieldSource>>,
    /// The agent has its own credential, which stays on the request; Tollgate only judges and records.
    #[serde(default)]
    pub(super) agent_owned: bool,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OperatorSection {
    /// Name of the operator, unique.
    pub(super) name: At<String>,
    /// Role that decides what the operator may do.
    pub(super) role: Role,
    /// Groups that approvals may ask for.
    #[serde(default)]
    pub(super) groups: Vec<String>,
    /// Token of the operator; without it, the operator has only tokens of the store.
    #[serde(default)]
    pub(super) token: Option<At<SecretSource>>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct LimitsSection {
    /// Largest body that is read before the decision; default: 1MiB.
    pub(super) body: Option<At<Size>>,
    /// Memory for bodies, all agents together; default: 256MiB.
    pub(super) body_total: Option<At<Size>>,
    /// Memory for bodies, per agent; default: 64MiB.
    pub(super) body_per_agent: Option<At<Size>>,
    /// Most values in one JSON body; default: 50000.
    pub(super) json_nodes: Option<At<usize>>,
    /// Most actions of one request; default: 50.
    pub(super) actions_per_request: Option<At<usize>>,
    /// Time for a request's head to arrive; default: 30s.
    pub(super) request_head: Option<At<Period>>,
    /// Time to connect to an upstream; default: 10s.
    pub(super) connect: Option<At<Period>>,
    /// Time for an upstream's answer to begin; default: 10m.
    pub(super) first_byte: Option<At<Period>>,
    /// Time without a byte in either direction; default: 10m.
    pub(super) idle: Option<At<Period>>,
    /// Time for open exchanges to end at shutdown; default: 30s.
    pub(super) drain: Option<At<Period>>,
    /// Most connections without a token; default: 1024. When there are more, the oldest is closed.
    pub(super) unauthenticated: Option<At<usize>>,
    /// Most connections, all agents together; default: 4096.
    pub(super) tunnels: Option<At<usize>>,
    /// Most connections per agent; default: 1024.
    pub(super) tunnels_per_agent: Option<At<usize>>,
    /// Most requests under way, waiting ones included; default: 4096.
    pub(super) streams: Option<At<usize>>,
    /// Most requests under way per agent; default: 1024.
    pub(super) streams_per_agent: Option<At<usize>>,
    /// Most requests that wait for an operator; default: 1000.
    pub(super) pending_approvals: Option<At<usize>>,
    /// Most requests that wait for an operator, per agent; default: 100.
    pub(super) pending_approvals_per_agent: Option<At<usize>>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ApprovalSection {
    /// Time that a request waits for an operator; default: 55s, which most clients wait too.
    pub(super) timeout: Option<At<Period>>,
    /// Time that a question can be answered; default: 24h.
    pub(super) expires: Option<At<Period>>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RunSection {
    /// Further variables that connector files may set. Without this, names end in `TOKEN`, `KEY`, `SECRET`, `PASSWORD`, `AUTH`,
    /// `EMAIL`, `USER` or `ID`, and no program obeys them.
    #[schemars(example = ["SLACK_WEBHOOK_URL", "AWS_REGION"])]
    pub(super) env: Vec<At<String>>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct LogSection {
    /// A level, or a filter such as `info,tollgate::proxy=debug`. Other crates stay at `info`, because they would log secrets.
    pub(super) level: Option<At<String>>,
    /// Text lines or JSON lines.
    pub(super) format: LogFormat,
}
