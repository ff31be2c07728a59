//! Defines the arguments of commands that operators send to a running gateway: approvals, the kill switch.

use clap::{Args, Subcommand};

/// Subcommands of the `approval` command.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ApprovalCommand {
    /// List the requests that wait for an answer, and the approvals for a time that are active
    List {
        /// Include answered and expired requests
        #[arg(long)]
        all: bool,
    },
    /// Show everything that would be sent, except secrets
    Show {
        /// Id of the approval
        id: String,
    },
    /// Approve the request, once or for a time
    Approve {
        /// Id of the approval
        id: String,
        /// Let requests of this agent with the same actions and parameters pass for a time, such as 30m or 8h; at most 24h
        #[arg(long = "for", value_name = "AGE")]
        time: Option<String>,
        /// Fingerprint from `approval show`; required where a list cannot show everything that would be sent
        #[arg(long, value_name = "FINGERPRINT")]
        opened: Option<String>,
    },
    /// Refuse the waiting request, or end an approval for a time
    Deny {
        /// Id of the approval
        id: String,
    },
}

/// Subcommands of the `kill` command.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum KillCommand {
    /// Halt everything or one scope; takes effect at once, inside open tunnels too, and survives restarts
    On {
        #[command(flatten)]
        scope: KillScope,
        /// Reason, for other operators
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Lift the halt of everything, or of one scope
    Off {
        #[command(flatten)]
        scope: KillScope,
    },
    /// Show the halts in effect
    Status {
        #[command(flatten)]
        scope: KillScope,
    },
}

/// Scope of a halt; everything without an option.
#[derive(Debug, Args)]
pub(in crate::cli) struct KillScope {
    /// Only requests to this connector
    #[arg(long, value_name = "ID", conflicts_with = "agent")]
    pub(in crate::cli) connector: Option<String>,
    /// Only requests of this agent
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) agent: Option<String>,
}
