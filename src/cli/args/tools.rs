//! Defines the arguments of commands that show or write what the program itself holds: settings, schemas, completions, manual pages.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand, ValueEnum};

use crate::cli::init::policy_examples;

/// Arguments of the `completions` command.
#[derive(Debug, Args)]
pub(in crate::cli) struct Completions {
    /// Shell to print completions for
    #[arg(value_enum)]
    pub(in crate::cli) shell: clap_complete::Shell,
}

/// Subcommands of the `config` command.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ConfigCommand {
    /// Show each setting with its value and where it is from; secrets are masked
    Show {
        /// Show settings that have their default too
        #[arg(long)]
        all: bool,
    },
}

/// Arguments of the `man` command.
#[derive(Debug, Args)]
pub(in crate::cli) struct Man {
    /// Directory to write to; it must exist
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) out: PathBuf,
}

/// Arguments of the `schema` command.
#[derive(Debug, Args)]
pub(in crate::cli) struct Schema {
    /// File that the schema describes; default: all
    #[arg(value_enum)]
    pub(in crate::cli) of: Option<SchemaOf>,
    /// List the actions, parameters and connectors of this configuration in the policy schema, for completion in editors
    #[arg(long)]
    pub(in crate::cli) actions: bool,
    /// Write schemas/*.json below the working directory instead of printing
    #[arg(long)]
    pub(in crate::cli) write: bool,
}

/// Files that have a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum SchemaOf {
    /// Connector files, as in `connectors.d/*.yaml`
    Connector,
    /// Policy files, as in `policies.d/*.yaml`
    Policy,
    /// The configuration file, `tollgate.yaml`
    Tollgate,
    /// The admin API, as an OpenAPI description
    Admin,
}

/// Arguments of the `init` command.
#[derive(Debug, Args)]
pub(in crate::cli) struct Init {
    /// Directory to write to; created if it does not exist
    #[arg(default_value = ".")]
    pub(in crate::cli) dir: PathBuf,
    /// Write this example policy to policies.d instead of the starter; repeatable
    #[arg(long = "policy", value_name = "NAME", value_parser = PossibleValuesParser::new(policy_examples::names()))]
    pub(in crate::cli) policies: Vec<String>,
}
