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

/// `connector new`
#[derive(Debug, Args)]
pub(in crate::cli) struct NewConnector {
    /// What to call the connector; else it is asked, or the name of the host
    pub(in crate::cli) id: Option<String>,
    /// A request as a `curl` command; repeatable; `-` for standard input, which no other process sees. Credentials are dropped
    #[arg(long, value_name = "COMMAND", allow_hyphen_values = true)]
    pub(in crate::cli) from_curl: Vec<String>,
    /// Write to this file, which must not be there yet; else to standard output
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) out: Option<PathBuf>,
}

/// `connector suggest`
#[derive(Debug, Args)]
pub(in crate::cli) struct SuggestRoutes {
    /// For this connector; else for all
    pub(in crate::cli) id: Option<String>,
    /// Look at events not before: RFC 3339, or an age such as 15m, 2h, 7d
    #[arg(long, value_name = "TIME")]
    pub(in crate::cli) since: Option<String>,
    /// Routes for each connector at most, those of the most frequent requests
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(in crate::cli) limit: usize,
}

/// `connector coverage`
#[derive(Debug, Args)]
pub(in crate::cli) struct CoverConnector {
    /// The connector's id
    pub(in crate::cli) id: String,
    /// OpenAPI, Google discovery, GraphQL, or a table with tabs (`method`, `path`, …); `-` for standard input
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) operations: PathBuf,
    /// Where the API is, where the description does not say or says something else; as for `connector import`
    #[arg(long, value_name = "URL")]
    pub(in crate::cli) server: Option<String>,
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
    /// Where the API is, where the description does not say or says something else: `https://api.example.com/v1`. Without a
    /// path the description's base path is kept; a path, or `/`, replaces it
    #[arg(long, value_name = "URL")]
    pub(in crate::cli) server: Option<String>,
    /// Write to this file, which must not be there yet; else to standard output
    #[arg(long, value_name = "FILE", conflicts_with = "update")]
    pub(in crate::cli) out: Option<PathBuf>,
    /// Add what is new to this connector file; everything that is in it stays as it is
    #[arg(long, value_name = "FILE", conflicts_with = "id")]
    pub(in crate::cli) update: Option<PathBuf>,
}
