//! Measures a connector against the text of a description, for callers that read no description themselves.

use super::coverage::{Coverage, Unrelated, coverage};
use crate::config::diagnostic::{Report, Source};
use crate::connector::Connector;
use crate::import::{self, Format};
use crate::snapshot::Snapshot;

/// Why nothing is measured.
#[derive(Debug)]
pub enum Undescribed {
    /// The text is not a description.
    Unreadable(Report),
    /// The server is not the URL of an API.
    Server(String),
    /// The description is of another API.
    Unrelated(Unrelated),
}

/// Tries every operation of a description with a connector. `server` is the URL of the API where the description has none or
/// another.
///
/// # Errors
/// Why nothing is measured.
pub fn described(
    snapshot: &Snapshot,
    connector: &Connector,
    (source, server): (&Source, Option<&str>),
) -> Result<Coverage, Undescribed> {
    let api = import::read(Format::of(source), source);
    let mut api = api.map_err(Undescribed::Unreadable)?;
    if let Some(url) = server {
        let placed = api.at(url);
        placed.map_err(|error| Undescribed::Server(error.to_string()))?;
    }
    coverage(snapshot, connector, &api).map_err(Undescribed::Unrelated)
}
