//! Defines the arguments of commands about connectors, credentials and permissions.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{CoverConnector, ImportConnector, NewConnector, SuggestRoutes};

/// Subcommands of the `connector` command.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ConnectorCommand {
    /// List the connectors of the configuration
    List,
    /// Show a connector's domains, schemes, and routes
    Show {
        /// Id of the connector
        id: String,
    },
    /// Check connector files beside the built-in ones only
    Check {
        /// Connector files to check
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Run the tests in connector files; default: all of the configuration
    Test {
        /// Connector files to test
        files: Vec<PathBuf>,
    },
    /// Write a connector file from answers to a few questions, or from `curl` commands
    New(NewConnector),
    /// Write a connector file from a description of the API: OpenAPI, Google discovery, GraphQL
    Import(ImportConnector),
    /// Compare a connector with the operations of its API
    Coverage(CoverConnector),
    /// Draft routes for recorded requests that matched none
    Suggest(SuggestRoutes),
    /// Test the credentials of a connector with its health request, and show what the API says
    Health {
        /// Id of the connector
        #[arg(required_unless_present = "all")]
        id: Option<String>,
        /// Every credential of every connector
        #[arg(long, conflicts_with = "id")]
        all: bool,
    },
    /// Store a credential for a connector under a name, as the tutorial spells it; the secret comes from standard input or a prompt
    Add(ImpliedConnector),
}

/// `connector add [--type] T --name N --domain D`
#[derive(Debug, Args)]
pub(in crate::cli) struct ImpliedConnector {
    /// Connector that the credential is for
    pub(in crate::cli) connector: Option<String>,
    /// The same, as an option
    #[arg(long = "type", value_name = "CONNECTOR", conflicts_with = "connector")]
    pub(in crate::cli) connector_type: Option<String>,
    /// Name of the credential, such as `Jira Cloud`; its id is made of it, `jira-cloud`
    #[arg(long)]
    pub(in crate::cli) name: Option<String>,
    /// Exact host that it may be sent to; repeatable
    #[arg(long, value_name = "HOST[:PORT]")]
    pub(in crate::cli) domain: Vec<String>,
    /// Scheme by which it is put on requests; default: the connector's first
    #[arg(long)]
    pub(in crate::cli) scheme: Option<String>,
    /// Refused, because every process can read arguments; the refusal shows how to give the secret
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    pub(in crate::cli) credential: Option<String>,
    /// Read the fields from a file instead of standard input
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) from_file: Option<PathBuf>,
}

/// Subcommands of the `credential` command.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum CredentialCommand {
    /// Store a credential; fields come from standard input, one a line in the order of the connector file, or from a prompt
    Add(AddCredential),
    /// List credentials and what they are bound to
    List,
    /// Bind a credential to its connector's present placement and show the change
    Rebind(RebindCredential),
    /// Replace the fields of a credential, once the API has accepted the new ones
    Rotate(RotateCredential),
    /// Ask the API whether a credential works, with the connector's health request
    Test {
        /// Id of the credential
        id: String,
    },
    /// Remove a credential from the vault
    Remove {
        /// Id of the credential
        id: String,
        /// Also remove the stored permissions that name it
        #[arg(long)]
        cascade: bool,
    },
}

/// Arguments of the `credential add` command.
#[derive(Debug, Args)]
pub(in crate::cli) struct AddCredential {
    /// Connector that the credential is for
    pub(in crate::cli) connector: String,
    /// Id of the credential; default: the connector's id
    #[arg(long)]
    pub(in crate::cli) id: Option<String>,
    /// Scheme by which it is put on requests; default: the connector's first
    #[arg(long)]
    pub(in crate::cli) scheme: Option<String>,
    /// Exact host that it may be sent to; repeatable; required where the connector has several domains or a `*`
    #[arg(long = "host", value_name = "HOST[:PORT]")]
    pub(in crate::cli) hosts: Vec<String>,
    /// Path prefix that it may be sent to
    #[arg(long, default_value = "/")]
    pub(in crate::cli) path: String,
    /// Agent that may use it; repeatable; default: all agents
    #[arg(long = "agent", value_name = "AGENT")]
    pub(in crate::cli) agents: Vec<String>,
    /// Read the fields from a file instead of standard input
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) from_file: Option<PathBuf>,
    /// Read a secret field from a file, again when it changes; from a variable of the gateway; or, again before it expires, from a
    /// command or HashiCorp Vault (KV version 2); repeatable: `token=file:/run/secrets/x`, `token=env:STRIPE_KEY`,
    /// `token=command:pass show x`, `'token=vault_kv:https://vault.example:8200 mount=secret path=stripe field=key
    /// token=file:/run/vault-token'`, where `namespace=TEAM` and `ttl=5m` may follow
    #[arg(
        long = "source",
        value_name = "FIELD=SOURCE",
        conflicts_with = "agent_owned"
    )]
    pub(in crate::cli) sources: Vec<String>,
    /// Sign in, in a browser or by a code, in place of giving a refresh token
    #[arg(long, conflicts_with = "agent_owned")]
    pub(in crate::cli) oauth: bool,
    /// The agent has its own credential, which stays on the request; Tollgate only judges and records
    #[arg(long, conflicts_with = "from_file")]
    pub(in crate::cli) agent_owned: bool,
    /// Refused, because every process can read arguments
    #[arg(long, hide = true, allow_hyphen_values = true)]
    pub(in crate::cli) credential: Option<String>,
}

/// Arguments of the `credential rebind` command.
#[derive(Debug, Args)]
pub(in crate::cli) struct RebindCredential {
    /// Id of the credential
    #[arg(required_unless_present = "all")]
    pub(in crate::cli) id: Option<String>,
    /// Every credential whose connector has another placement now
    #[arg(long, conflicts_with = "id")]
    pub(in crate::cli) all: bool,
}

/// Subcommands of the `vault` command.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum VaultCommand {
    /// Write all stored credentials to a file that only a passphrase opens, read from standard input or a prompt
    Export {
        /// File to write; it must not exist
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Give the vault another master key, also while the gateway runs; nothing is sealed again
    ///
    /// Without an option a new key file takes the place of the one in use, which is kept beside it as `.previous`. With one, the
    /// configuration must name the new key before the next start.
    RotateKey {
        /// File of the new key; made if it is missing
        #[arg(long, value_name = "FILE", group = "to")]
        to_file: Option<PathBuf>,
        /// Variable that holds the new key
        #[arg(long, value_name = "NAME", group = "to")]
        to_env: Option<String>,
        /// Variable that holds a passphrase
        #[arg(long, value_name = "NAME", group = "to")]
        to_passphrase_env: Option<String>,
    },
    /// Add the credentials of an export; none that exists is replaced
    Import {
        /// File that `vault export` has written
        file: PathBuf,
    },
}

/// Arguments of the `credential rotate` command.
#[derive(Debug, Args)]
pub(in crate::cli) struct RotateCredential {
    /// Id of the credential
    pub(in crate::cli) id: String,
    /// Read the fields from a file instead of standard input
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) from_file: Option<PathBuf>,
    /// Replace them although the new ones were not seen to work
    #[arg(long)]
    pub(in crate::cli) untested: bool,
}

/// Subcommands of the `permission` command.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum PermissionCommand {
    /// Store a permission in the state directory
    Set(SetPermission),
    /// List the permissions of files and store
    List,
    /// Remove a stored permission
    Remove {
        /// Number that `permission list` shows
        id: i64,
        /// Print what agents may do from then on, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Print the stored permissions as YAML for a policy file
    Export,
}

/// Arguments of the `permission set` command.
#[derive(Debug, Args)]
pub(in crate::cli) struct SetPermission {
    /// Agent's name, `label=value`, or `*`; repeatable
    #[arg(
        long = "agent",
        visible_alias = "gateway",
        required = true,
        value_name = "AGENT|LABEL=VALUE|*"
    )]
    pub(in crate::cli) agents: Vec<String>,
    /// Connector that the permission opens, or `*`
    #[arg(long, requires = "access")]
    pub(in crate::cli) connector: Option<String>,
    /// Preset: `full` (also `allow_all`), `supervised`, `read_only`, `ask` or `none`
    #[arg(long, visible_alias = "permission", requires = "connector", conflicts_with_all = ["allow", "ask", "deny"])]
    pub(in crate::cli) access: Option<String>,
    /// Allowed actions, as globs; repeatable
    #[arg(long, value_name = "GLOB")]
    pub(in crate::cli) allow: Vec<String>,
    /// Actions that an operator must approve, as globs; repeatable
    #[arg(long, value_name = "GLOB")]
    pub(in crate::cli) ask: Vec<String>,
    /// Denied actions, as globs; repeatable
    #[arg(long, value_name = "GLOB")]
    pub(in crate::cli) deny: Vec<String>,
    /// CEL condition that must hold for the permission to apply
    #[arg(long = "where", value_name = "CEL")]
    pub(in crate::cli) condition: Option<String>,
    /// Id of the credential to put on requests
    #[arg(long, value_name = "ID")]
    pub(in crate::cli) credential: Option<String>,
    /// Print what agents may do from then on, and change nothing
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
}
