//! Defines the arguments of commands that test policies and read the journal.

use clap::{Args, Subcommand};

/// Subcommands of the `policy` command.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum PolicyCommand {
    /// Check policy files against the connectors
    Check(PolicyDirectory),
    /// Run the tests in policy files
    Test(PolicyDirectory),
}

/// The directory that a `policy` subcommand reads.
#[derive(Debug, Args)]
pub(in crate::cli) struct PolicyDirectory {
    /// Directory as for `check`; default: the configuration
    pub(in crate::cli) dir: Option<std::path::PathBuf>,
}

/// Subcommands of the `audit` command.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum AuditCommand {
    /// Print the latest records
    Tail {
        /// Continue with new records
        #[arg(long, short)]
        follow: bool,
        /// Number of records to print
        #[arg(long, short = 'n', default_value_t = 20, value_name = "N")]
        lines: u32,
        #[command(flatten)]
        filter: Filter,
    },
    /// Print the records that match, oldest first
    Query {
        /// Most records to print; the newest are kept
        #[arg(long, default_value_t = 1000, value_name = "N")]
        limit: u32,
        #[command(flatten)]
        filter: Filter,
    },
}

/// Which records a command prints; all conditions must hold.
#[derive(Debug, Clone, Default, Args)]
pub(in crate::cli) struct Filter {
    /// Only records of this agent
    #[arg(long)]
    pub(in crate::cli) agent: Option<String>,
    /// Only records of actions that match; `*` stands for any characters
    #[arg(long, value_name = "GLOB")]
    pub(in crate::cli) action: Option<String>,
    /// Only records of this decision: `allow`, `deny` or `require_approval`
    #[arg(long)]
    pub(in crate::cli) decision: Option<String>,
    /// Only refusals with this code
    #[arg(long)]
    pub(in crate::cli) code: Option<String>,
    /// Only records of this exchange
    #[arg(long, value_name = "REQUEST_ID")]
    pub(in crate::cli) request: Option<String>,
    /// Only records since this time: RFC 3339, or an age such as 15m, 2h, 7d
    #[arg(long, value_name = "TIME")]
    pub(in crate::cli) since: Option<String>,
}
