//! Defines the arguments of commands that write connector files or compare them with a description.

use std::path::PathBuf;

use clap::Args;

/// Description of an API; exactly one option is required.
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

/// Arguments of the `connector new` command.
#[derive(Debug, Args)]
pub(in crate::cli) struct NewConnector {
    /// Id of the connector; default: an answer, or the name of the host
    pub(in crate::cli) id: Option<String>,
    /// Request as a `curl` command; repeatable; `-` reads standard input, which other processes cannot see. Credentials are dropped
    #[arg(long, value_name = "COMMAND", allow_hyphen_values = true)]
    pub(in crate::cli) from_curl: Vec<String>,
    /// Write to this new file; default: standard output
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) out: Option<PathBuf>,
}

/// Arguments of the `connector suggest` command.
#[derive(Debug, Args)]
pub(in crate::cli) struct SuggestRoutes {
    /// Connector to draft routes for; default: all
    pub(in crate::cli) id: Option<String>,
    /// Only records since this time: RFC 3339, or an age such as 15m, 2h, 7d
    #[arg(long, value_name = "TIME")]
    pub(in crate::cli) since: Option<String>,
    /// Most routes per connector; those of the most frequent requests are kept
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(in crate::cli) limit: usize,
}

/// Arguments of the `connector coverage` command.
#[derive(Debug, Args)]
pub(in crate::cli) struct CoverConnector {
    /// Id of the connector, or several that share the API
    #[arg(required = true, value_name = "ID")]
    pub(in crate::cli) ids: Vec<String>,
    /// OpenAPI, Google discovery, GraphQL, or a table with tabs (`method`, `path`, …); `-` for standard input
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) operations: PathBuf,
    /// URL of the API where the description has none or another; as for `connector import`
    #[arg(long, value_name = "URL")]
    pub(in crate::cli) server: Option<String>,
    /// Fail if fewer operations are named, in percent
    #[arg(long, value_name = "PERCENT")]
    pub(in crate::cli) min: Option<f64>,
}

/// Arguments of the `connector import` command.
#[derive(Debug, Args)]
pub(in crate::cli) struct ImportConnector {
    #[command(flatten)]
    pub(in crate::cli) description: Description,
    /// Id of the connector; default: the description's title, or its host
    #[arg(long)]
    pub(in crate::cli) id: Option<String>,
    /// URL of the API where the description has none or another, as in `https://api.example.com/v1`. A path, or `/`, replaces
    /// the description's base path
    #[arg(long, value_name = "URL")]
    pub(in crate::cli) server: Option<String>,
    /// Write to this new file; default: standard output
    #[arg(long, value_name = "FILE", conflicts_with = "update")]
    pub(in crate::cli) out: Option<PathBuf>,
    /// Add new operations to this connector file; existing entries stay as they are
    #[arg(long, value_name = "FILE", conflicts_with = "id")]
    pub(in crate::cli) update: Option<PathBuf>,
}
