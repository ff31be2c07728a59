//! Takes over records that an older version kept in its store. They become the first segment, with a chain of its own.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value as Json, json};

use super::chain::Head;
use super::record::{Changed, Identity};
use super::segment;
use crate::model::hex::hex;

/// Written as `what` once all of it is taken over.
pub(super) const TAKEN_OVER: &str = "journal.taken_over";

/// A record of an older version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldRecord {
    /// Its number there, from 1; there may be gaps.
    pub seq: u64,
    /// Time of the old event, RFC 3339.
    pub time: String,
    /// `decided`, `finished` or `changed`.
    pub kind: String,
    /// Fields of the old event, a JSON object.
    pub body: String,
}

/// A segment that is being made of old records.
#[derive(Debug)]
pub struct TakeOver {
    directory: PathBuf,
    unfinished: PathBuf,
    file: BufWriter<File>,
    head: Head,
    line: Vec<u8>,
    lines: u64,
}

/// What was taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenOver {
    /// Number of records taken over.
    pub lines: u64,
    head: Head,
}

impl TakeOver {
    /// Begins a file under a temporary name.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn begin(directory: &Path, identity: &Identity) -> io::Result<Self> {
        let unfinished =
            directory.join(format!("{}.tmp", segment::plain_name(segment::TAKEN_OVER)));
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        Ok(Self {
            directory: directory.to_owned(),
            file: BufWriter::new(options.open(&unfinished)?),
            unfinished,
            head: Head::before_the_first(identity, 0),
            line: Vec::new(),
            lines: 0,
        })
    }

    /// Adds a record; they must come in the order of their numbers. A number that is missing is not made up for: the chain has gaps
    /// nowhere, so its numbers are the chain's own, and the old one stands in the record.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn add(&mut self, record: &OldRecord) -> io::Result<()> {
        let body = serde_json::from_str::<Map<String, Json>>(&record.body);
        let mut fields = Map::new();
        fields.insert("time".to_owned(), record.time.as_str().into());
        fields.insert("kind".to_owned(), record.kind.as_str().into());
        fields.insert("old_seq".to_owned(), record.seq.into());
        match body {
            Ok(body) => {
                let detail = changed_detail(&record.kind, &body);
                let others = body.into_iter().filter(|(name, _)| {
                    !["time", "kind", "v", "id", "seq", "prev"].contains(&name.as_str())
                });
                fields.extend(others);
                fields.extend(detail.map(|detail| ("detail".to_owned(), Json::Object(detail))));
            }
            Err(_) => {
                fields.insert("unreadable".to_owned(), true.into());
            }
        }
        let text = serde_json::to_vec(&fields)?;
        self.line.clear();
        let body = text.get(1..).unwrap_or_default();
        self.head = self.head.write_next(body, &mut self.line);
        self.lines += 1;
        self.file.write_all(&self.line)
    }

    /// Syncs the file and gives it its name: the first segment.
    ///
    /// # Errors
    /// When it cannot be synced or renamed.
    pub fn finish(self) -> io::Result<TakenOver> {
        let file = self
            .file
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        let name = segment::plain_name(segment::TAKEN_OVER);
        fs::rename(&self.unfinished, self.directory.join(name))?;
        segment::sync_directory(&self.directory)?;
        Ok(TakenOver {
            lines: self.lines,
            head: self.head,
        })
    }
}

impl TakenOver {
    /// Returns the record that names what was taken over; the rows may go once it is written.
    #[must_use]
    pub fn record(&self) -> Changed<'static> {
        let mut detail = Map::new();
        detail.insert("lines".to_owned(), json!(self.lines));
        detail.insert("last_seq".to_owned(), json!(self.head.seq));
        detail.insert("last_hash".to_owned(), json!(hex(&self.head.hash)));
        Changed {
            what: TAKEN_OVER.into(),
            subject: "records of an older version, out of its store".into(),
            detail,
            ..Changed::default()
        }
    }
}

/// Returns what stood beside the fields of an old change.
fn changed_detail(kind: &str, body: &Map<String, Json>) -> Option<Map<String, Json>> {
    let known = [
        "id", "kind", "time", "v", "operator", "what", "subject", "agent", "action",
    ];
    let others = body
        .iter()
        .filter(|(name, _)| !known.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()));
    (kind == "changed").then(|| others.collect())
}
