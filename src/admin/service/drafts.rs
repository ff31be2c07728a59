//! Measures connectors against descriptions of their APIs, and drafts routes for recorded requests that matched none.

use axum::http::StatusCode;
use serde_json::Value as Json;
use time::OffsetDateTime;

use super::Service;
use super::connectors::find;
use super::scans::blocking;
use crate::admin::problem::Problem;
use crate::config::diagnostic::Source;
use crate::journal::{Kind, Line, Query, Reader};
use crate::model::glob::Glob;
use crate::simulate::coverage::{Coverage, Unrelated};
use crate::simulate::described::{Undescribed, described};
use crate::simulate::suggest::{Suggestion, Unknown, suggest};

/// Records that are looked at, the newest.
const MAX_RECORDS: usize = 20_000;

impl Service {
    /// Tells which operations of a description a connector names.
    ///
    /// # Errors
    /// `unknown_connector`; `description` where the text is none; `unrelated` where it is of another API.
    pub async fn coverage(
        &self,
        id: &str,
        (text, server): (String, Option<String>),
    ) -> Result<Coverage, Problem> {
        let snapshot = self.snapshot().await?;
        find(snapshot.catalog(), id)?;
        let id = id.to_owned();
        let covered = blocking(move || {
            let source = Source::new("the description", text);
            let connector = match find(snapshot.catalog(), &id) {
                Ok(connector) => connector,
                Err(problem) => return Ok(Err(problem)),
            };
            let found = described(&snapshot, connector, (&source, server.as_deref()));
            Ok(found.map_err(|why| match why {
                Undescribed::Unreadable(report) => {
                    let detail = "the description cannot be read";
                    Problem::bad("description", detail).because(&report)
                }
                Undescribed::Server(detail) => Problem::bad("server", detail),
                Undescribed::Unrelated(why) => unrelated(&id, &why),
            }))
        });
        covered.await?
    }

    /// Drafts routes of a connector for requests since a time that matched none of its routes.
    ///
    /// # Errors
    /// `unknown_connector`; when the journal cannot be read.
    pub async fn suggestions(
        &self,
        id: &str,
        (since, most): (Option<OffsetDateTime>, usize),
    ) -> Result<Vec<Suggestion>, Problem> {
        let snapshot = self.snapshot().await?;
        find(snapshot.catalog(), id)?;
        let query = Query {
            kinds: vec![Kind::Decided],
            action: Some(Glob::new(&format!("{id}.unknown"))),
            since,
            ..Query::default()
        };
        let directory = self.host().journal();
        self.scan(move || {
            let mut unknown = Vec::new();
            for line in Reader::open(&directory, query)?.take(MAX_RECORDS) {
                unknown.extend(unmatched(&line?));
            }
            Ok(suggest(&snapshot, &unknown, most))
        })
        .await
    }
}

/// Reads the parts of one record that matched no route; what it holds is an agent's.
#[must_use]
pub fn unmatched(line: &Line) -> Vec<Unknown> {
    let Some(decided) = line.decided() else {
        return Vec::new();
    };
    let (Some(host), Some(path)) = (decided.host.as_str(), decided.path.as_str()) else {
        return Vec::new();
    };
    let actions = decided.actions().into_iter();
    let unknown = actions.filter(|action| action.name.ends_with(".unknown"));
    let of = |action: crate::journal::RecordedAction| Unknown {
        method: decided.method.to_string(),
        host: host.to_owned(),
        path: path.to_owned(),
        part: action
            .params
            .get("part")
            .and_then(Json::as_str)
            .map(str::to_owned),
    };
    unknown.map(of).collect()
}

fn unrelated(id: &str, why: &Unrelated) -> Problem {
    let detail = match why {
        Unrelated::NoDomains => {
            format!("the connector `{id}` has no domains, so it covers no request")
        }
        Unrelated::Elsewhere { said, own } => {
            format!("the description is about `{said}`, and `{id}` is for `{own}`")
        }
    };
    let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "unrelated", detail);
    problem.help("`server` says that the description's API is at another URL")
}
