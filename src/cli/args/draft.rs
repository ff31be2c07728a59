//! Arguments of the commands that write connector files, and of the one that compares them with a description.

use std::path::PathBuf;

use clap::Args;

/// Which description; exactly one.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(in crate::cli) struct Description {
    /// OpenAPI 3.0, 3.1 or Swagger 2.0, as JSON or YAML; `-` for standard input
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) openapi: Option<PathBuf>,
    /// A Google discovery document
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) discovery: Option<PathBuf>,
    /// A GraphQL schema in its definition language
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) graphql: Option<PathBuf>,
}

/// `connector coverage`
#[derive(Debug, Args)]
pub(in crate::cli) struct CoverConnector {
    /// The connector's id
    pub(in crate::cli) id: String,
    /// OpenAPI, Google discovery, GraphQL, or a table with tabs (`method`, `path`, …); `-` for standard input
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) operations: PathBuf,
    /// Fail where less than this share is named, in percent
    #[arg(long, value_name = "PERCENT")]
    pub(in crate::cli) min: Option<f64>,
}

/// `connector import`
#[derive(Debug, Args)]
pub(in crate::cli) struct ImportConnector {
    #[command(flatten)]
    pub(in crate::cli) description: Description,
    /// What to call the connector; else what the description is called, or its host
    #[arg(long)]
    pub(in crate::cli) id: Option<String>,
    /// Where the API is, where the description does not say or says something else: `https://api.example.com/v1`
    #[arg(long, value_name = "URL")]
    pub(in crate::cli) server: Option<String>,
    /// Write to this file, which must not be there yet; else to standard output
    #[arg(long, value_name = "FILE", conflicts_with = "update")]
    pub(in crate::cli) out: Option<PathBuf>,
    /// Add what is new to this connector file; everything that is in it stays as it is
    #[arg(long, value_name = "FILE", conflicts_with = "id")]
    pub(in crate::cli) update: Option<PathBuf>,
}
