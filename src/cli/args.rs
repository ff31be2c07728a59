//! Defines the arguments of every command. Doc comments are the text of `--help`.

mod answer;
mod draft;
mod examples;
mod people;
mod query;
mod reach;
mod stored;
mod tools;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::LazyLock;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(super) use answer::{ApprovalCommand, KillCommand, KillScope};
pub(super) use draft::{CoverConnector, Description, ImportConnector, NewConnector, SuggestRoutes};
pub(super) use examples::command;
pub(super) use people::{AddAgent, AddOperator, AgentCommand, OperatorCommand, TokenCommand};
pub(super) use query::{
    AuditCommand, Filter, Format, PolicyCommand, PolicyDirectory, Replay, Verify,
};
pub(super) use reach::Reach;
pub(super) use stored::{
    AddCredential, ConnectorCommand, CredentialCommand, ImpliedConnector, PermissionCommand,
    RebindCredential, RotateCredential, SetPermission, VaultCommand,
};
pub(super) use tools::{Completions, ConfigCommand, Init, Man, Schema, SchemaOf};

/// Returns the version of the binary, with the commit where the build names it in `TOLLGATE_COMMIT`.
fn version() -> &'static str {
    static VERSION: LazyLock<String> = LazyLock::new(|| {
        let version = env!("CARGO_PKG_VERSION");
        match option_env!("TOLLGATE_COMMIT").filter(|commit| !commit.is_empty()) {
            Some(commit) => format!("{version} ({commit})"),
            None => version.to_owned(),
        }
    });
    &VERSION
}

/// An egress gateway for AI agents.
#[derive(Debug, Parser)]
#[command(name = "tollgate", version = version(), about, max_term_width = 110)]
pub(super) struct Cli {
    /// Configuration file; default: the one that the state directory remembers, `$XDG_CONFIG_HOME/tollgate/` or `/etc/tollgate/`
    #[arg(long, global = true, value_name = "FILE", display_order = 900)]
    pub(super) config: Option<PathBuf>,
    /// State directory; default: the configuration's `data_dir`, then `$XDG_STATE_HOME/tollgate`
    #[arg(long, global = true, value_name = "DIR", display_order = 900)]
    pub(super) data_dir: Option<PathBuf>,
    /// Ask the gateway on another machine, with the token in `TOLLGATE_OPERATOR_TOKEN`
    #[arg(
        long,
        global = true,
        value_name = "URL",
        display_order = 900,
        conflicts_with = "offline"
    )]
    pub(super) server: Option<String>,
    /// Certificates (PEM) by which `--server` is known; default: the system's
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        display_order = 900,
        requires = "server"
    )]
    pub(super) ca: Option<PathBuf>,
    /// Ask no gateway: read and write files and store of the configuration
    #[arg(long, global = true, display_order = 900)]
    pub(super) offline: bool,
    /// Print JSON, and errors as problem+json
    #[arg(long, global = true, display_order = 901)]
    pub(super) json: bool,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// One variant for each command.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the gateway in the foreground
    Serve(Serve),
    /// Run a command and send its traffic through the gateway
    Run(Run),
    /// Print the variables that send an agent's traffic through the gateway
    Env(Env),
    /// Check configuration, connectors and policies and run all their tests, offline
    Check(Check),
    /// Explain how a request would be read and decided, or what happened to a recorded one; nothing is sent
    Explain(Explain),
    /// Print the CA certificate (PEM)
    Ca,
    /// Show the health of the running gateway
    Status(Status),
    /// Print a link that signs in to the dashboard once, and open it
    Dashboard(DashboardArgs),
    /// Manage connectors, which tell the gateway what requests mean
    #[command(subcommand, alias = "connectors")]
    Connector(ConnectorCommand),
    /// Manage credentials, which the gateway puts on requests
    #[command(subcommand, alias = "credentials")]
    Credential(CredentialCommand),
    /// Take the stored credentials to another gateway
    #[command(subcommand)]
    Vault(VaultCommand),
    /// Manage agents and their tokens
    #[command(subcommand, alias = "agents")]
    Agent(AgentCommand),
    /// Manage operators, who use the admin API
    #[command(subcommand, alias = "operators")]
    Operator(OperatorCommand),
    /// Manage what agents may do
    #[command(subcommand, alias = "permissions")]
    Permission(PermissionCommand),
    /// Check and test policies, which narrow what permissions allow
    #[command(subcommand, alias = "policies")]
    Policy(PolicyCommand),
    /// Answer requests that wait for an operator's approval
    #[command(subcommand, alias = "approvals")]
    Approval(ApprovalCommand),
    /// Halt all requests, a connector's or an agent's, at once and above every policy
    #[command(subcommand, alias = "kill-switch")]
    Kill(KillCommand),
    /// Read the journal of requests and decisions
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Show the settings in effect
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print completions for a shell
    Completions(Completions),
    /// Write manual pages, one for each command
    Man(Man),
    /// Write a new configuration: tollgate.yaml, connectors.d, policies.d and schemas for editors
    Init(Init),
    /// Print the JSON schemas of configuration files, or write them to schemas/
    Schema(Schema),
}

/// Arguments of the `serve` command.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Write the log as JSON lines
    #[arg(long)]
    pub(super) log_json: bool,
}

/// Arguments of the `run` command.
#[derive(Debug, Args)]
pub(super) struct Run {
    /// Agent whose permissions the command has
    #[arg(long, default_value = "default", value_name = "AGENT")]
    pub(super) agent: String,
    /// The command and its arguments; options of `run` stand before it
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        required = true,
        value_name = "CMD"
    )]
    pub(super) command: Vec<OsString>,
}

/// Arguments of the `status` command.
#[derive(Debug, Args)]
pub(super) struct Status {
    /// Print nothing, and succeed if the gateway answers at all, as a container's health check wants it
    #[arg(long)]
    pub(super) live: bool,
}

/// Arguments of the `dashboard` command.
#[derive(Debug, Args)]
pub(super) struct DashboardArgs {
    /// Only print the link
    #[arg(long)]
    pub(super) no_open: bool,
}

/// Arguments of the `env` command.
#[derive(Debug, Args)]
pub(super) struct Env {
    /// Agent whose permissions the variables give
    #[arg(long, default_value = "default", value_name = "AGENT")]
    pub(super) agent: String,
    /// Format of the output
    #[arg(long, value_enum, default_value_t = EnvFormat::Sh)]
    pub(super) format: EnvFormat,
    /// Make a new token for the agent and print it in the proxy URL; by default the URL has `TOKEN` for you to replace
    #[arg(long)]
    pub(super) new_token: bool,
    /// Address of the proxy port as the agent reaches it; by default this machine, and with `--format compose` the service
    /// `tollgate`
    #[arg(long, value_name = "HOST[:PORT]")]
    pub(super) proxy: Option<String>,
    /// Write the CA files into this directory, a volume that the agent mounts at the same path; with `--format compose` the
    /// variables name `/run/tollgate` by default
    #[arg(long, value_name = "DIR")]
    pub(super) files: Option<PathBuf>,
}

/// Output formats of the `env` command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum EnvFormat {
    /// Shell commands, `export NAME='value'`
    Sh,
    /// Lines of a dotenv file, `NAME="value"`
    Dotenv,
    /// A JSON object of names and values
    Json,
    /// An `environment:` map for a compose file
    Compose,
}

/// Arguments of the `check` command.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// Directory with a tollgate.yaml, or with connectors.d and policies.d, or with such files; default: the configuration
    pub(super) dir: Option<PathBuf>,
    /// Treat warnings as errors
    #[arg(long)]
    pub(super) strict: bool,
    /// Format of the output
    #[arg(long, value_enum)]
    pub(super) format: Option<CheckFormat>,
}

/// Output formats of the `check` command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum CheckFormat {
    /// Text with snippets, for people
    Text,
    /// A JSON object with all diagnostics
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// Workflow commands that annotate a pull request
    Github,
}

/// Arguments of the `explain` command.
#[derive(Debug, Args)]
pub(super) struct Explain {
    /// GET, POST, …; or only the id of a recorded request
    #[arg(value_name = "METHOD|REQUEST_ID")]
    pub(super) method: String,
    /// URL of the request, `https://host/path?query`
    pub(super) url: Option<String>,
    /// The body, or @FILE, or @- for standard input
    #[arg(long, value_name = "TEXT|@FILE")]
    pub(super) body: Option<String>,
    /// A header of the request, `Name: value`; repeatable
    #[arg(long = "header", short = 'H', value_name = "HEADER")]
    pub(super) headers: Vec<String>,
    /// Agent that would send the request
    #[arg(long, default_value = "default", value_name = "AGENT")]
    pub(super) agent: String,
}
