//! Defines the arguments of commands about agents, their tokens, and operators.

use clap::{Args, Subcommand};

/// Subcommands of the `agent` command.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum AgentCommand {
    /// Add an agent and print its token, once
    Add(AddAgent),
    /// List agents and their labels
    List,
    /// Replace the labels of an agent
    Label {
        /// Name of the agent
        name: String,
        /// All labels that the agent has from now on
        #[arg(value_name = "KEY=VALUE")]
        labels: Vec<String>,
    },
    /// Remove an agent and all its tokens; takes effect inside open tunnels too
    Remove {
        /// Name of the agent
        name: String,
        /// Also remove the stored permissions that name it
        #[arg(long)]
        cascade: bool,
    },
    /// Manage the tokens of an agent
    #[command(subcommand, alias = "tokens")]
    Token(TokenCommand),
}

/// Subcommands of the `agent token` command.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum TokenCommand {
    /// List the tokens of an agent, without their texts
    List {
        /// Name of the agent
        agent: String,
    },
    /// Add a token and print it, once
    Add {
        /// Name of the agent
        agent: String,
        /// Time after which it expires, such as 12h or 90d; default: never
        #[arg(long, value_name = "AGE")]
        expires: Option<String>,
    },
    /// Revoke one token; takes effect inside open tunnels too
    Revoke {
        /// Name of the agent
        agent: String,
        /// Id that `agent token list` shows
        id: String,
    },
}

/// Arguments of the `agent add` command.
#[derive(Debug, Args)]
pub(in crate::cli) struct AddAgent {
    /// Name of the agent, `[a-z0-9-]+`
    pub(in crate::cli) name: String,
    /// Label that permissions and policies can name; repeatable
    #[arg(long = "label", value_name = "KEY=VALUE")]
    pub(in crate::cli) labels: Vec<String>,
    /// Time after which the token expires, such as 12h or 90d; default: never
    #[arg(long, value_name = "AGE")]
    pub(in crate::cli) expires: Option<String>,
}

/// Subcommands of the `operator` command.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum OperatorCommand {
    /// Add an operator and print its token, once
    Add(AddOperator),
    /// List operators and their roles
    List,
    /// Replace the token of an operator and print the new one, once
    Rotate {
        /// Name of the operator
        name: String,
    },
    /// Remove an operator; its token fails from now on
    Remove {
        /// Name of the operator
        name: String,
    },
}

/// Arguments of the `operator add` command.
#[derive(Debug, Args)]
pub(in crate::cli) struct AddOperator {
    /// Name of the operator
    pub(in crate::cli) name: String,
    /// `viewer` reads; `approver` also answers approvals and halts; `editor` also changes rules, agents and credentials; `owner`
    /// does everything
    #[arg(long, default_value = "viewer", value_name = "ROLE")]
    pub(in crate::cli) role: String,
    /// Group that policies' `approvers` can name; repeatable
    #[arg(long = "group", value_name = "GROUP")]
    pub(in crate::cli) groups: Vec<String>,
}
