//! Arguments of the commands about what the store and the catalogue hold: connectors, credentials, agents, permissions.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{CoverConnector, ImportConnector, NewConnector, SuggestRoutes};

/// `connector …`
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ConnectorCommand {
    /// List connectors
    List,
    /// Show a connector's domains, schemes, and routes
    Show {
        /// Its id
        id: String,
    },
    /// Check connector files alone, with the embedded ones as neighbours
    Check {
        /// Connector files
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Run the tests in connector files; all of the configuration without FILE
    Test {
        /// Connector files
        files: Vec<PathBuf>,
    },
    /// Write a connector file from answers to a few questions, or from `curl` commands
    New(NewConnector),
    /// Write a connector file from a description of the API: OpenAPI, Google discovery, GraphQL
    Import(ImportConnector),
    /// Compare a connector with what its API can be asked
    Coverage(CoverConnector),
    /// Draft routes for requests in the journal that no route was for
    Suggest(SuggestRoutes),
    /// The seed product's spelling of `credential add`
    #[command(hide = true)]
    Add(ImpliedConnector),
}

/// `connector add [--type] T --name N --domain D`
#[derive(Debug, Args)]
pub(in crate::cli) struct ImpliedConnector {
    pub(in crate::cli) connector: Option<String>,
    #[arg(long = "type", conflicts_with = "connector")]
    pub(in crate::cli) connector_type: Option<String>,
    #[arg(long)]
    pub(in crate::cli) name: Option<String>,
    #[arg(long)]
    pub(in crate::cli) domain: Vec<String>,
    #[arg(long)]
    pub(in crate::cli) scheme: Option<String>,
    #[arg(long, allow_hyphen_values = true)]
    pub(in crate::cli) credential: Option<String>,
    #[arg(long)]
    pub(in crate::cli) from_file: Option<PathBuf>,
}

/// `credential …`
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum CredentialCommand {
    /// Store a credential: fields from standard input, one per line in the order of the connector file, or from a prompt
    Add(AddCredential),
    /// List credentials and what they are bound to
    List,
    /// Bind a credential to where its connector puts it now, and show what that changes
    Rebind(RebindCredential),
    /// Remove a credential
    Remove {
        /// Its id
        id: String,
        /// Remove the stored permissions that name it too
        #[arg(long)]
        cascade: bool,
    },
}

/// `credential add`
#[derive(Debug, Args)]
pub(in crate::cli) struct AddCredential {
    /// For which connector
    pub(in crate::cli) connector: String,
    /// What to call it; else the connector's id
    #[arg(long)]
    pub(in crate::cli) id: Option<String>,
    /// How it is put on; else the connector's first scheme
    #[arg(long)]
    pub(in crate::cli) scheme: Option<String>,
    /// Where it may be sent, exactly; repeatable; needed where the connector has several domains or a `*`
    #[arg(long = "host", value_name = "HOST[:PORT]")]
    pub(in crate::cli) hosts: Vec<String>,
    /// Path prefix under which it may be sent
    #[arg(long, default_value = "/")]
    pub(in crate::cli) path: String,
    /// Who may use it; repeatable; else all agents
    #[arg(long = "agent", value_name = "AGENT")]
    pub(in crate::cli) agents: Vec<String>,
    /// Read the fields from a file instead of standard input
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) from_file: Option<PathBuf>,
    /// The agent has its own: what it sends stays, and Tollgate only judges and records
    #[arg(long, conflicts_with = "from_file")]
    pub(in crate::cli) agent_owned: bool,
    /// Refused: arguments are seen by every process
    #[arg(long, hide = true, allow_hyphen_values = true)]
    pub(in crate::cli) credential: Option<String>,
}

/// `credential rebind`
#[derive(Debug, Args)]
pub(in crate::cli) struct RebindCredential {
    /// Its id
    #[arg(required_unless_present = "all")]
    pub(in crate::cli) id: Option<String>,
    /// Every credential that its connector now puts elsewhere
    #[arg(long, conflicts_with = "id")]
    pub(in crate::cli) all: bool,
}

/// `agent …`
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum AgentCommand {
    /// Make an agent and print its token, once
    Add(AddAgent),
    /// List agents
    List,
    /// Remove an agent and all its tokens; works inside open tunnels
    Remove {
        /// Its name
        name: String,
        /// Remove the stored permissions that name it too
        #[arg(long)]
        cascade: bool,
    },
}

/// `agent add`
#[derive(Debug, Args)]
pub(in crate::cli) struct AddAgent {
    /// `[a-z0-9-]+`
    pub(in crate::cli) name: String,
    /// A label that permissions and policies can name; repeatable
    #[arg(long = "label", value_name = "KEY=VALUE")]
    pub(in crate::cli) labels: Vec<String>,
}

/// `permission …`
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum PermissionCommand {
    /// Store a permission
    Set(SetPermission),
    /// List permissions of files and store
    List,
    /// Remove a stored permission
    Remove {
        /// As listed
        id: i64,
    },
    /// Print the stored permissions as YAML for a policy file
    Export,
}

/// `permission set`
#[derive(Debug, Args)]
pub(in crate::cli) struct SetPermission {
    /// An agent's name, `label=value`, or `*`; repeatable
    #[arg(
        long = "agent",
        alias = "gateway",
        required = true,
        value_name = "AGENT|LABEL=VALUE|*"
    )]
    pub(in crate::cli) agents: Vec<String>,
    /// For which connector, or `*`
    #[arg(long, requires = "access")]
    pub(in crate::cli) connector: Option<String>,
    /// `full`, `supervised`, `read_only`, `ask` or `none`
    #[arg(long, alias = "permission", requires = "connector", conflicts_with_all = ["allow", "ask", "deny"])]
    pub(in crate::cli) access: Option<String>,
    /// Actions that may go, as globs; repeatable
    #[arg(long, value_name = "GLOB")]
    pub(in crate::cli) allow: Vec<String>,
    /// Actions that a human must approve
    #[arg(long, value_name = "GLOB")]
    pub(in crate::cli) ask: Vec<String>,
    /// Actions that may not go
    #[arg(long, value_name = "GLOB")]
    pub(in crate::cli) deny: Vec<String>,
    /// A CEL condition without which the permission is silent
    #[arg(long = "where", value_name = "CEL")]
    pub(in crate::cli) condition: Option<String>,
    /// Which credential to put on
    #[arg(long, value_name = "ID")]
    pub(in crate::cli) credential: Option<String>,
}
