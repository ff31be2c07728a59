//! Arguments of the commands that test policies and read the journal.

use clap::{Args, Subcommand};

/// `policy …`
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum PolicyCommand {
    /// Check policy files against the connectors
    Check(Target),
    /// Run the tests in policy files
    Test(Target),
}

/// Which directory.
#[derive(Debug, Args)]
pub(in crate::cli) struct Target {
    /// A directory as for `check`; else the configuration
    pub(in crate::cli) dir: Option<std::path::PathBuf>,
}

/// `audit …`
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum AuditCommand {
    /// Print the last events
    Tail {
        /// Go on with new ones
        #[arg(long, short)]
        follow: bool,
        /// How many
        #[arg(long, short = 'n', default_value_t = 20, value_name = "N")]
        lines: u32,
        #[command(flatten)]
        filter: Filter,
    },
    /// Print events that match, oldest first
    Query {
        /// At most this many, the newest
        #[arg(long, default_value_t = 1000, value_name = "N")]
        limit: u32,
        #[command(flatten)]
        filter: Filter,
    },
}

/// Which events.
#[derive(Debug, Clone, Default, Args)]
pub(in crate::cli) struct Filter {
    /// Of this agent
    #[arg(long)]
    pub(in crate::cli) agent: Option<String>,
    /// Of actions that match, `*` for any characters
    #[arg(long, value_name = "GLOB")]
    pub(in crate::cli) action: Option<String>,
    /// `allow`, `deny` or `require_approval`
    #[arg(long)]
    pub(in crate::cli) decision: Option<String>,
    /// Refused with this code
    #[arg(long)]
    pub(in crate::cli) code: Option<String>,
    /// Of this exchange
    #[arg(long, value_name = "REQUEST_ID")]
    pub(in crate::cli) request: Option<String>,
    /// Not before: RFC 3339, or an age such as 15m, 2h, 7d
    #[arg(long, value_name = "TIME")]
    pub(in crate::cli) since: Option<String>,
}
