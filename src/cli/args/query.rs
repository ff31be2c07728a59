//! Defines the arguments of commands that test policies and read the journal.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// Subcommands of the `policy` command.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum PolicyCommand {
    /// Check policy files against the connectors
    Check(PolicyDirectory),
    /// Run the tests in policy files
    Test {
        #[command(flatten)]
        target: PolicyDirectory,
        /// Show in how many tests each permission and policy decides; those without one are untested
        #[arg(long)]
        coverage: bool,
    },
    /// Compare what two directories let agents do: every agent with every action
    Diff {
        /// Directory as for `check`, before the change
        old: PathBuf,
        /// Directory as for `check`, after the change
        new: PathBuf,
        /// Print a Markdown table, for a pull request
        #[arg(long)]
        markdown: bool,
    },
    /// Decide recorded requests again under candidate policies, and show what would be different
    Replay(Replay),
    /// List the policies of files and store
    List {
        /// Count the recorded requests that each policy decided since this time: RFC 3339, or an age such as 2h or 7d
        #[arg(long, value_name = "TIME")]
        hits: Option<String>,
    },
    /// Show one policy whole
    Show {
        /// Id of the policy
        id: String,
    },
}

/// Arguments of the `policy replay` command.
#[derive(Debug, Args)]
pub(in crate::cli) struct Replay {
    /// Only records since this time: RFC 3339, or an age such as 15m, 2h, 7d
    #[arg(long, value_name = "TIME", default_value = "7d")]
    pub(in crate::cli) since: String,
    /// Candidate policies, instead of those of the configuration
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) policies: Option<PathBuf>,
    /// Candidate connectors, instead of those of the configuration
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) connectors: Option<PathBuf>,
    /// Exit with 1 if a request that was not allowed would be
    #[arg(long)]
    pub(in crate::cli) fail_on_newly_allowed: bool,
}

/// The directory that a `policy` subcommand reads.
#[derive(Debug, Args)]
pub(in crate::cli) struct PolicyDirectory {
    /// Directory as for `check`; default: the configuration
    pub(in crate::cli) dir: Option<PathBuf>,
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
        lines: usize,
        #[command(flatten)]
        filter: Filter,
    },
    /// Print the records that match, oldest first
    Query {
        /// Most records to print; the newest are kept
        #[arg(long, default_value_t = 1000, value_name = "N")]
        limit: usize,
        #[command(flatten)]
        filter: Filter,
    },
    /// Check every hash, number, signature and summary of the journal
    Verify(Verify),
    /// Let the next start of the gateway sign checkpoints with a new key, which the old one vouches for
    RotateKey,
    /// Print the records that match in the form of another tool, oldest first
    Export {
        /// Form of the output
        #[arg(long, value_enum, default_value = "jsonl")]
        format: Format,
        #[command(flatten)]
        filter: Filter,
    },
}

/// What is verified, and by what.
#[derive(Debug, Args)]
pub(in crate::cli) struct Verify {
    /// Journal directory, or a copy of one; default: that of the configuration
    pub(in crate::cli) dir: Option<PathBuf>,
    /// Skip segments that end before: RFC 3339, or an age such as 15m, 2h, 7d
    #[arg(long, value_name = "TIME")]
    pub(in crate::cli) since: Option<String>,
    /// Fingerprint that the signing key must have, `sha256:…`
    #[arg(long, value_name = "FINGERPRINT")]
    pub(in crate::cli) key: Option<String>,
    /// File of checkpoints, as `audit.anchor.file` writes it
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) anchor: Option<PathBuf>,
}

/// A form of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Format {
    /// The lines as they were written
    Jsonl,
    /// Comma-separated values (RFC 4180), one row a record
    Csv,
    /// OCSF 1.3, API Activity
    Ocsf,
}

/// Which records a command prints; all conditions must hold.
#[derive(Debug, Clone, Default, Args)]
pub(in crate::cli) struct Filter {
    /// Only records of this agent
    #[arg(long)]
    pub(in crate::cli) agent: Option<String>,
    /// Only records of this connector
    #[arg(long)]
    pub(in crate::cli) connector: Option<String>,
    /// Only records of actions that match; `*` stands for any characters
    #[arg(long, value_name = "GLOB")]
    pub(in crate::cli) action: Option<String>,
    /// Only records of this decision: `allow`, `deny` or `require_approval`
    #[arg(long)]
    pub(in crate::cli) decision: Option<String>,
    /// Only refusals with this code
    #[arg(long)]
    pub(in crate::cli) code: Option<String>,
    /// Only records with an action of this risk: `low`, `medium`, `high` or `critical`
    #[arg(long)]
    pub(in crate::cli) risk: Option<String>,
    /// Only records of this exchange
    #[arg(long, value_name = "REQUEST_ID")]
    pub(in crate::cli) request: Option<String>,
    /// Only records since this time: RFC 3339, or an age such as 15m, 2h, 7d
    #[arg(long, value_name = "TIME")]
    pub(in crate::cli) since: Option<String>,
    /// Only records before this time: RFC 3339, or an age
    #[arg(long, value_name = "TIME")]
    pub(in crate::cli) until: Option<String>,
    /// Only records that contain this text
    #[arg(long)]
    pub(in crate::cli) text: Option<String>,
}
