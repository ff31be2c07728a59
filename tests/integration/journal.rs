//! The journal from outside: files that a reader, a verifier and a next start make sense of.

mod append;
mod crash;
mod failing;
mod forged;
mod process;
mod query;
mod resume;
mod segments;
mod tamper;
mod torn;
mod unavailable;

use std::path::Path;

use serde_json::Value as Json;
use tollgate::journal::{Decided, Finished, Identity, Journal, Opening, Query, Reader, Text};
use tollgate::model::clock::Clock;

/// A directory that a journal may be made in.
pub(crate) struct Place(tempfile::TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> std::path::PathBuf {
        self.0.path().join("journal")
    }

    /// What opens it, without a reserve.
    pub(crate) fn opening(&self) -> Opening {
        let mut opening = Opening::new(&self.path(), identity(), Clock::system());
        opening.settings.reserve = 0;
        opening
    }

    pub(crate) fn open(&self) -> Journal {
        self.opening().open().unwrap()
    }

    /// Returns the records of this kind, oldest first.
    pub(crate) fn of_kind(&self, kind: &str) -> Vec<Json> {
        let mut records = records(&self.path());
        records.retain(|record| record["kind"] == kind);
        records
    }

    /// Returns the agents of the `decided` records, oldest first: tests number records by them.
    pub(crate) fn agents(&self) -> Vec<String> {
        let text = |record: &Json| record["agent"].as_str().unwrap().to_owned();
        self.of_kind("decided").iter().map(text).collect()
    }
}

pub(crate) fn identity() -> Identity {
    Identity {
        gateway: "01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned(),
        public_key: String::new(),
        created: "2026-01-01T00:00:00Z".to_owned(),
    }
}

/// Returns all records of a directory, oldest first.
pub(crate) fn records(directory: &Path) -> Vec<Json> {
    let reader = Reader::open(directory, Query::default()).unwrap();
    let mut records: Vec<Json> = reader
        .map(|line| serde_json::from_slice(line.unwrap().as_bytes()).unwrap())
        .collect();
    records.reverse();
    records
}

/// An allowed request of this agent.
pub(crate) fn allowed(agent: &str) -> Decided<'_> {
    Decided {
        request_id: "01ARZ3NDEKTSV4RRFFQ69G5FAV".into(),
        agent: agent.into(),
        connector: "jira".into(),
        decision: "allow".into(),
        method: "GET".into(),
        host: Text::bounded("acme.atlassian.net:443", 100),
        path: Text::bounded("/rest/api/3/issue/OPS-7", 100),
        ..Decided::default()
    }
}

pub(crate) fn refused(agent: &str) -> Decided<'_> {
    Decided {
        decision: "deny".into(),
        code: "denied".into(),
        ..allowed(agent)
    }
}

pub(crate) fn finished(agent: &str) -> Finished<'_> {
    Finished {
        request_id: "01ARZ3NDEKTSV4RRFFQ69G5FAV".into(),
        agent: agent.into(),
        outcome: "answered".into(),
        status: Some(200),
        ..Finished::default()
    }
}
