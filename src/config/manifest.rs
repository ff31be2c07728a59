//! `tollgate.yaml` as it is written: what serde reads, what the schema is made of. Nothing here is checked.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::secret_source::{FieldSource, SecretSource};
use super::units::{Period, Rate, Size};
use super::yaml::{At, Entries, OneOrMany, ShortOr};
use super::{Durability, LogFormat, Role};

/// The file of a gateway.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Manifest {
    /// Where agents connect.
    pub(super) proxy: ProxySection,
    /// Where operators connect; `listen: []` opens no port.
    pub(super) admin: ListenSection,
    /// Where metrics and health are read; `listen: []` opens no port.
    pub(super) metrics: ListenSection,
    /// Where the gateway keeps its state.
    #[schemars(example = &"/var/lib/tollgate")]
    pub(super) data_dir: Option<At<String>>,
    /// Directories of connector files.
    #[schemars(example = ["connectors.d"])]
    pub(super) connectors: Vec<At<String>>,
    /// Directories of policy files.
    #[schemars(example = ["policies.d"])]
    pub(super) policies: Vec<At<String>>,
    /// The database.
    pub(super) store: StoreSection,
    /// The master key.
    pub(super) vault: VaultSection,
    /// `enforce`; `shadow` is not supported yet.
    pub(super) enforcement: Option<At<Enforcement>>,
    /// Agents that exist from the start.
    pub(super) agents: Vec<AgentSection>,
    /// Credentials that exist from the start.
    pub(super) credentials: Vec<CredentialSection>,
    /// Operators that exist from the start.
    pub(super) operators: Vec<OperatorSection>,
    /// The CA that signs leaves; made at first start if absent.
    pub(super) ca: Option<CaSection>,
    /// What may be contacted.
    pub(super) egress: EgressSection,
    /// Limits of requests and connections.
    pub(super) limits: LimitsSection,
    /// Requests that wait for an operator's yes.
    pub(super) approval: ApprovalSection,
    /// The journal.
    pub(super) audit: AuditSection,
    /// What is written to standard error.
    pub(super) log: LogSection,
    /// What `tollgate run` and `tollgate env` give a program.
    pub(super) run: RunSection,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ProxySection {
    /// `host:port` or `unix:/path`.
    #[schemars(example = ["127.0.0.1:7070"])]
    pub(super) listen: Option<At<Vec<At<String>>>>,
    /// What agents of other machines must speak around everything else; those of this machine may do without.
    pub(super) tls: Option<CertSection>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ListenSection {
    /// `host:port` or `unix:/path`.
    pub(super) listen: Option<At<Vec<At<String>>>>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct StoreSection {
    /// `sqlite:path`.
    pub(super) url: Option<At<String>>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct VaultSection {
    /// One of its keys.
    pub(super) key: KeySection,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct KeySection {
    /// A file, made at first start.
    pub(super) file: Option<At<String>>,
    /// A variable that holds the key.
    pub(super) env: Option<At<String>>,
    /// A variable that holds a passphrase.
    pub(super) passphrase_env: Option<At<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Enforcement {
    /// Decisions hold.
    Enforce,
    /// Decisions are only recorded. Not supported yet.
    Shadow,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AgentSection {
    /// `[a-z0-9-]+`.
    pub(super) name: At<String>,
    /// Free labels.
    #[serde(default)]
    pub(super) labels: BTreeMap<String, String>,
    /// Without one the agent has only the tokens of the store.
    #[serde(default)]
    pub(super) token: Option<At<SecretSource>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CredentialSection {
    /// `[a-z0-9][a-z0-9._-]*`.
    pub(super) id: At<String>,
    /// What it is for.
    pub(super) connector: At<String>,
    /// Of the connector's `auth`; its first by default.
    #[serde(default)]
    pub(super) scheme: Option<At<String>>,
    /// The one `host` or `host:port` that it is bound to.
    #[schemars(example = &"api.github.com")]
    pub(super) host: At<String>,
    /// Path prefix under which it is sent; `/` by default.
    #[serde(default)]
    pub(super) path: Option<At<String>>,
    /// Other URLs that its bytes may go to.
    #[serde(default)]
    pub(super) urls: Vec<At<String>>,
    /// Who may use it; everybody by default.
    #[serde(default)]
    pub(super) agents: Vec<At<String>>,
    /// Its parts.
    #[serde(default)]
    pub(super) fields: Entries<At<FieldSource>>,
    /// The agent has its own: what it sends stays, and Tollgate only judges and records.
    #[serde(default)]
    pub(super) agent_owned: bool,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OperatorSection {
    /// Who.
    pub(super) name: At<String>,
    /// What they may do.
    pub(super) role: Role,
    /// For approvals.
    #[serde(default)]
    pub(super) groups: Vec<String>,
    /// Without one the operator has only the tokens of the store.
    #[serde(default)]
    pub(super) token: Option<At<SecretSource>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CertSection {
    /// PEM, the leaf first; read again when it changes.
    pub(super) cert: At<String>,
    /// PEM.
    pub(super) key: At<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CaSection {
    /// PEM.
    pub(super) cert: At<String>,
    /// PEM.
    pub(super) key: At<String>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct EgressSection {
    /// `host:port` or `CIDR:port` that may be contacted although it is not globally reachable.
    #[schemars(example = ["billing.corp:8443", "10.1.2.0/24:443"])]
    pub(super) allow: Vec<At<String>>,
    /// `host:port` to the `address:port` that is contacted instead, or a list of them to try in order.
    #[schemars(example = BTreeMap::from([("api.github.com:443", "127.0.0.1:9443")]))]
    pub(super) resolve: Entries<OneOrMany<At<String>>>,
    /// PEM files, added to the system's roots.
    pub(super) ca_files: Vec<At<String>>,
    /// The HTTP proxy that connections to upstreams go through: `http://host:port`, or a mapping. It is asked for addresses.
    pub(super) proxy: Option<ShortOr<At<String>, EgressProxySection>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EgressProxySection {
    /// `http://host:port`
    pub(super) url: At<String>,
    /// Who the gateway is to the proxy.
    #[serde(default)]
    pub(super) username: Option<At<String>>,
    /// Goes with `username`.
    #[serde(default)]
    pub(super) password: Option<At<SecretSource>>,
    /// Hosts, addresses and networks that are reached without it.
    #[serde(default)]
    pub(super) except: Vec<At<String>>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct LimitsSection {
    /// Largest body that is read for judging; 1MiB.
    pub(super) body: Option<At<Size>>,
    /// All bodies held at once; 256MiB.
    pub(super) body_total: Option<At<Size>>,
    /// Those of one agent; 64MiB.
    pub(super) body_per_agent: Option<At<Size>>,
    /// Values of one JSON body; 50000.
    pub(super) json_nodes: Option<At<usize>>,
    /// Actions of one request; 50.
    pub(super) actions_per_request: Option<At<usize>>,
    /// Until a request's head is read; 30s.
    pub(super) request_head: Option<At<Period>>,
    /// Until an upstream is connected; 10s.
    pub(super) connect: Option<At<Period>>,
    /// Until an upstream's answer begins; 10m.
    pub(super) first_byte: Option<At<Period>>,
    /// Without a byte either way; 10m.
    pub(super) idle: Option<At<Period>>,
    /// Until exchanges are cut at shutdown; 30s.
    pub(super) drain: Option<At<Period>>,
    /// Connections at once that have not shown a token; 1024. Where there would be more the oldest one goes.
    pub(super) unauthenticated: Option<At<usize>>,
    /// Connections of agents at once; 4096.
    pub(super) tunnels: Option<At<usize>>,
    /// Those of one agent; 1024.
    pub(super) tunnels_per_agent: Option<At<usize>>,
    /// Requests under way at once, those that wait for an operator too; 4096.
    pub(super) streams: Option<At<usize>>,
    /// Those of one agent; 1024.
    pub(super) streams_per_agent: Option<At<usize>>,
    /// Requests that wait for an operator at once; 1000.
    pub(super) pending_approvals: Option<At<usize>>,
    /// Requests of one agent that wait for an operator at once; 100.
    pub(super) pending_approvals_per_agent: Option<At<usize>>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ApprovalSection {
    /// How long a request waits for an operator; 55s, which most clients do too.
    pub(super) timeout: Option<At<Period>>,
    /// How long a question can be answered; 24h.
    pub(super) expires: Option<At<Period>>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct AuditSection {
    /// When an event counts as kept.
    pub(super) durability: Durability,
    /// How many refusals of one agent are recorded one by one; what is over that becomes one summary a second.
    pub(super) refusals: RefusalsSection,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RefusalsSection {
    /// In the long run; `50/s` unless stated.
    #[schemars(example = &"50/s")]
    pub(super) rate: Option<At<Rate>>,
    /// At once; 500 unless stated.
    pub(super) burst: Option<At<u32>>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RunSection {
    /// Variables that connector files may set for a program although their names do not end in `TOKEN`, `KEY`, `SECRET`,
    /// `PASSWORD`, `AUTH`, `EMAIL`, `USER` or `ID`, or are ones that programs obey.
    #[schemars(example = ["SLACK_WEBHOOK_URL", "AWS_REGION"])]
    pub(super) env: Vec<At<String>>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct LogSection {
    /// A level, or a filter such as `info,tollgate::proxy=debug`; other crates are kept at `info`, since they would write secrets down.
    pub(super) level: Option<At<String>>,
    /// How lines look.
    pub(super) format: LogFormat,
}
