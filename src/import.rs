//! Writes connector files from what others know of an API: OpenAPI, Google discovery, GraphQL, a `curl` command, recorded
//! requests. A person completes the file.
//!
//! INVARIANT: every operation becomes exactly one action, and the same description always becomes the same file.

mod api;
pub(crate) mod asked;
pub mod curl;
mod discovery;
mod document;
mod draft;
mod existing;
mod graphql;
mod merge;
mod moved;
mod names;
mod observed;
mod openapi;
mod proposed;
mod risk;
mod sample;
mod secrets;
mod sentence;
mod suggested_id;
mod table;
mod write;

pub use api::RequestPart;
pub use api::{Api, Operation};
pub(crate) use api::{Server, Sign, TABLE};
pub use draft::LeftOut;
pub use merge::Merged;
pub use observed::{Observed, Patterns, Payload, Seen};
pub use proposed::Proposed;

use std::collections::BTreeSet;

use crate::config::diagnostic::{Report, Source};
use document::Document;
use existing::Existing;

/// In which language a description is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// OpenAPI 3.0, 3.1 or Swagger 2.0, as JSON or YAML.
    OpenApi,
    /// A Google discovery document.
    Discovery,
    /// A GraphQL schema in its definition language.
    GraphQl,
    /// Lines of operations with tabs between: `method`, `path`, and what else is known of them.
    Table,
}

impl Format {
    /// Guesses the format of a text.
    #[must_use]
    pub fn of(source: &Source) -> Self {
        let text: &str = &source.text;
        let front = text.get(..4096).unwrap_or(text);
        let tree = text.trim_start().starts_with('{')
            || text
                .lines()
                .any(|line| line.starts_with("openapi:") || line.starts_with("swagger:"));
        if table::is_one(text) {
            Self::Table
        } else if front.contains("discovery#restDescription")
            || (tree && text.contains("\"discovery#restDescription\""))
        {
            Self::Discovery
        } else if tree {
            Self::OpenApi
        } else {
            Self::GraphQl
        }
    }
}

/// Reads a description.
///
/// # Errors
/// Everything that is wrong with it, with places.
pub fn read(format: Format, source: &Source) -> Result<Api, Report> {
    let tree = |read: fn(&Document) -> Option<Api>| {
        let document = Document::read(source)?;
        let api = read(&document);
        document.finish(api.unwrap_or_default())
    };
    match format {
        Format::OpenApi => tree(openapi::read),
        Format::Discovery => tree(discovery::read),
        Format::GraphQl => graphql::read(source),
        Format::Table => table::read(source),
    }
}

/// Iterates over every word that names can end in, and every word that is taken for one of them.
pub fn verbs() -> impl Iterator<Item = &'static str> {
    names::verbs::VERBS
        .iter()
        .flat_map(names::verbs::Verb::words)
}

/// A connector file that was written.
#[derive(Debug, Clone)]
pub struct Drafted {
    /// Text of the whole file.
    pub text: String,
    /// How many routes it has.
    pub routes: usize,
    /// How many lines wait for a person's decision.
    pub judge: usize,
}

/// Writes the connector file of an API. `origin` is what it was made from, for the heading.
#[must_use]
pub fn connector(api: &Api, id: &str, origin: &str) -> Drafted {
    connector_without(api, id, origin, &[])
}

/// As [`connector`], without some operations.
#[must_use]
pub fn connector_without(api: &Api, id: &str, origin: &str, left_out: &[LeftOut]) -> Drafted {
    let mut draft = draft::of(api, id, &Existing::default());
    draft.leave_out(left_out);
    let text = write::file(&draft, api, origin);
    Drafted {
        routes: draft.routes.len(),
        judge: write::marks(&text),
        text,
    }
}

/// Adds to a connector file what an API has that the file has not.
///
/// # Errors
/// Why nothing could be added.
pub fn update(source: &Source, api: &Api) -> Result<Merged, Report> {
    merge::into(source, api)
}

/// Makes operations of requests that were seen. What routes capture that are there is captured.
#[must_use]
pub fn observed(seen: &[Seen], known: &Patterns) -> Observed {
    observed::operations(seen, known)
}

/// Drafts a route for each operation that was seen, beside those that a connector has. `site` is a host with a base path;
/// `taken` are the connector's actions, without its id.
#[must_use]
pub fn propose(
    id: &str,
    site: &str,
    operations: Vec<(Operation, u64)>,
    taken: BTreeSet<String>,
) -> Vec<Proposed> {
    proposed::of(id, site, operations, taken)
}
