//! The arguments of every command, as clap reads them.

mod answer;
mod draft;
mod query;
mod stored;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(super) use answer::{ApprovalCommand, KillCommand, KillScope};
pub(super) use draft::{CoverConnector, Description, ImportConnector, NewConnector, SuggestRoutes};
pub(super) use query::{AuditCommand, Filter, PolicyCommand, Target};
pub(super) use stored::{
    AddAgent, AddCredential, AgentCommand, ConnectorCommand, CredentialCommand, ImpliedConnector,
    PermissionCommand, RebindCredential, SetPermission,
};

/// An egress gateway for AI agents.
#[derive(Debug, Parser)]
#[command(
    name = "tollgate",
    version,
    about,
    disable_help_subcommand = true,
    max_term_width = 110
)]
pub(super) struct Cli {
    /// Configuration file; else the one that the state directory remembers, `$XDG_CONFIG_HOME/tollgate/` or `/etc/tollgate/`
    #[arg(long, global = true, value_name = "FILE", display_order = 900)]
    pub(super) config: Option<PathBuf>,
    /// State directory; else the configuration's `data_dir`, else `$XDG_STATE_HOME/tollgate`
    #[arg(long, global = true, value_name = "DIR", display_order = 900)]
    pub(super) data_dir: Option<PathBuf>,
    /// Print JSON, and errors as problem+json
    #[arg(long, global = true, display_order = 901)]
    json: bool,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the gateway
    Serve(Serve),
    /// Run a command with its traffic going through the gateway
    Run(Run),
    /// Print the variables that send an agent's traffic through the gateway
    Env(Env),
    /// Check configuration, connectors and policies with all their tests, offline
    Check(Check),
    /// Say how a request would be understood and decided, or what became of a recorded one; nothing is sent
    Explain(Explain),
    /// Print the CA certificate (PEM)
    Ca,
    /// Ask the running gateway how it is
    Status,
    /// Connectors: what the gateway understands
    #[command(subcommand, alias = "connectors")]
    Connector(ConnectorCommand),
    /// Credentials: what is put on requests
    #[command(subcommand, alias = "credentials")]
    Credential(CredentialCommand),
    /// Agents: who may ask
    #[command(subcommand, alias = "agents")]
    Agent(AgentCommand),
    /// Permissions: who may what
    #[command(subcommand, alias = "permissions")]
    Permission(PermissionCommand),
    /// Policies: what must hold for everybody
    #[command(subcommand, alias = "policies")]
    Policy(PolicyCommand),
    /// Requests that wait for an operator's yes
    #[command(subcommand, alias = "approvals")]
    Approval(ApprovalCommand),
    /// Halt everything, a connector or an agent at once, whatever the policies say
    #[command(subcommand, alias = "kill-switch")]
    Kill(KillCommand),
    /// The journal: what was asked and decided
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Print shell completions
    Completions(Completions),
    /// Write a fresh configuration: tollgate.yaml, connectors.d, policies.d and schemas for editors
    Init(Init),
    /// Print the JSON schemas of the files, or write them to schemas/
    Schema(Schema),
}

/// `serve`
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Log as JSON lines
    #[arg(long)]
    pub(super) log_json: bool,
}

/// `run`
#[derive(Debug, Args)]
pub(super) struct Run {
    /// Whose permissions the command has
    #[arg(long, default_value = "default", value_name = "AGENT")]
    pub(super) agent: String,
    /// The command and its arguments, after `--`
    #[arg(last = true, required = true, value_name = "CMD")]
    pub(super) command: Vec<OsString>,
}

/// `env`
#[derive(Debug, Args)]
pub(super) struct Env {
    /// Whose permissions the variables stand for
    #[arg(long, default_value = "default", value_name = "AGENT")]
    pub(super) agent: String,
    /// How to print
    #[arg(long, value_enum, default_value_t = EnvFormat::Sh)]
    pub(super) format: EnvFormat,
    /// Make a new token for the agent and print it in the proxy URL; without it the URL holds `TOKEN` to be replaced
    #[arg(long)]
    pub(super) new_token: bool,
}

/// How `env` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum EnvFormat {
    /// `export NAME='value'`
    Sh,
    /// `NAME="value"`
    Dotenv,
    /// One object
    Json,
    /// An `environment:` map for a compose file
    Compose,
}

/// `check`
#[derive(Debug, Args)]
pub(super) struct Check {
    /// A directory with a tollgate.yaml, or with connectors.d and policies.d, or with such files; else the configuration
    pub(super) dir: Option<PathBuf>,
    /// Warnings are errors
    #[arg(long)]
    pub(super) strict: bool,
    /// How to print
    #[arg(long, value_enum)]
    pub(super) format: Option<CheckFormat>,
}

/// How `check` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum CheckFormat {
    /// With snippets, for people
    Text,
    /// One object
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// Workflow commands that annotate a pull request
    Github,
}

/// `explain`
#[derive(Debug, Args)]
pub(super) struct Explain {
    /// GET, POST, …; or the id of a recorded request, alone
    #[arg(value_name = "METHOD|REQUEST_ID")]
    pub(super) method: String,
    /// `https://host/path?query`
    #[arg(requires = "agent")]
    pub(super) url: Option<String>,
    /// The body, or @FILE, or @- for standard input
    #[arg(long, value_name = "TEXT|@FILE")]
    pub(super) body: Option<String>,
    /// `Name: value`; repeatable
    #[arg(long = "header", short = 'H', value_name = "HEADER")]
    pub(super) headers: Vec<String>,
    /// Who would ask
    #[arg(long, value_name = "AGENT", requires = "url")]
    pub(super) agent: Option<String>,
}

/// `completions`
#[derive(Debug, Args)]
pub(super) struct Completions {
    /// For which shell
    #[arg(value_enum)]
    pub(super) shell: clap_complete::Shell,
}

/// `schema`
#[derive(Debug, Args)]
pub(super) struct Schema {
    /// Of which file; all without it
    #[arg(value_enum)]
    pub(super) of: Option<SchemaOf>,
    /// Name the actions, parameters and connectors of this configuration in the policy schema, so that editors complete them
    #[arg(long)]
    pub(super) actions: bool,
    /// Write schemas/*.json below the working directory instead of printing
    #[arg(long)]
    pub(super) write: bool,
}

/// Which file a schema is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum SchemaOf {
    /// `connectors.d/*.yaml`
    Connector,
    /// `policies.d/*.yaml`
    Policy,
    /// `tollgate.yaml`
    Tollgate,
}

/// `init`
#[derive(Debug, Args)]
pub(super) struct Init {
    /// Where; made if it is not there
    #[arg(default_value = ".")]
    pub(super) dir: PathBuf,
}
