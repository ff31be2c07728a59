//! Arguments of the commands by which operators speak to a running gateway: approvals, the kill switch.

use clap::{Args, Subcommand};

/// `approval …`
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ApprovalCommand {
    /// List what waits for an answer
    List {
        /// What was answered or is over, too
        #[arg(long)]
        all: bool,
    },
    /// Show all that would be sent, but for secrets
    Show {
        /// Its id
        id: String,
    },
    /// Let the request go, once
    Approve {
        /// Its id
        id: String,
        /// What `approval show` printed: needed where a list or card cannot show all that would be sent
        #[arg(long, value_name = "FINGERPRINT")]
        opened: Option<String>,
    },
    /// Refuse the request
    Deny {
        /// Its id
        id: String,
    },
}

/// `kill …`
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum KillCommand {
    /// Halt everything, or what is named; in force at once, also inside open tunnels, and after a restart
    On {
        #[command(flatten)]
        scope: KillScope,
        /// Why, for other operators
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Let go of everything that was halted as a whole, or of what is named
    Off {
        #[command(flatten)]
        scope: KillScope,
    },
    /// Show what is halted
    Status {
        #[command(flatten)]
        scope: KillScope,
    },
}

/// What is meant; everything without one.
#[derive(Debug, Args)]
pub(in crate::cli) struct KillScope {
    /// Only requests to this connector
    #[arg(long, value_name = "ID", conflicts_with = "agent")]
    pub(in crate::cli) connector: Option<String>,
    /// Only requests of this agent
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) agent: Option<String>,
}
