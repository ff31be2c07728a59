//! Reads the journal for operators: the records that match, one request, a stream, and another tool's form.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use tokio::sync::mpsc;
use utoipa::ToSchema;

use super::Service;
use crate::admin::problem::Problem;
use crate::journal::{Cursor, Follower, Format, Kind, Line, Query, Reader, export};
use crate::model::show::escape;

/// What is shown: checkpoints tell a person nothing.
pub const SHOWN: [Kind; 5] = [
    Kind::Started,
    Kind::Decided,
    Kind::Finished,
    Kind::Changed,
    Kind::Summary,
];

/// Records of one request; there are two.
const OF_ONE: usize = 16;

/// How often a stream looks for new records.
const POLL: Duration = Duration::from_millis(250);

/// Items that wait for a slow reader; then reading stops.
const WAITING: usize = 64;

/// Records of the journal, newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RecordList {
    /// As they were written.
    pub records: Vec<Json>,
    /// Cursor of the next part; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// What the journal holds of one request.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RequestRecords {
    /// ULID of the request.
    pub request_id: String,
    /// The record of its decision.
    pub decided: Json,
    /// The record of its end; null where it has none.
    pub finished: Json,
}

/// A record for a stream: its number, and its line.
pub type Item = (u64, Line);

/// Tells whether the operator who reads may still do so.
pub type Alive = Arc<dyn Fn() -> bool + Send + Sync>;

impl Service {
    /// Returns records, newest first, behind the one of a cursor where one is given; and the cursor to go on from.
    ///
    /// # Errors
    /// When the journal cannot be read, or the cursor is not one.
    pub async fn records(
        &self,
        query: Query,
        (cursor, limit): (Option<String>, usize),
    ) -> Result<RecordList, Problem> {
        let is_cursor = |cursor: &String| {
            let parts = cursor.split_once('-');
            parts.is_some_and(|(seq, time)| seq.parse::<u64>().is_ok() && !time.is_empty())
        };
        if !cursor.as_ref().is_none_or(is_cursor) {
            return Err(Problem::bad("cursor", "`cursor` is not one of this list"));
        }
        let directory = self.host().journal();
        let found = self.scan(move || {
            let mut found = Vec::new();
            let mut before = cursor;
            for line in Reader::open(&directory, query)? {
                let line = line?;
                let Some(name) = name(&line) else {
                    continue;
                };
                if let Some(last) = &before {
                    // What an older version left has numbers of its own, so the time is part of the name.
                    if *last == name {
                        before = None;
                    }
                    continue;
                }
                found.push((name, document(&line)));
                if found.len() > limit {
                    break;
                }
            }
            Ok(found)
        });
        let mut found = found.await?;
        let more = found.len() > limit;
        found.truncate(limit);
        let last = found.last().map(|(name, _)| name.clone());
        Ok(RecordList {
            next: last.filter(|_| more),
            records: found.into_iter().map(|(_, record)| record).collect(),
        })
    }

    /// Returns the records of one request.
    ///
    /// # Errors
    /// `unknown_request`, or an id that is none.
    pub async fn request_records(&self, request_id: &str) -> Result<RequestRecords, Problem> {
        if request_id.parse::<ulid::Ulid>().is_err() {
            let shown = escape(request_id);
            let detail = format!("`{shown}` is not the id of a request");
            return Err(Problem::bad("request_id", detail));
        }
        let query = Query {
            request_id: Some(request_id.to_owned()),
            ..Query::default()
        };
        let directory = self.host().journal();
        let lines = self.scan(move || {
            let reader = Reader::open(&directory, query)?;
            reader.take(OF_ONE).collect::<Result<Vec<Line>, _>>()
        });
        let lines = lines.await?;
        let of = |wanted: Kind| {
            let is = |line: &&Line| line.front().is_some_and(|front| front.kind == wanted);
            lines.iter().find(is).map(document)
        };
        let decided = of(Kind::Decided).ok_or_else(|| {
            let detail = format!("the journal has no request `{request_id}`");
            Problem::unknown("unknown_request", detail)
        })?;
        Ok(RequestRecords {
            request_id: request_id.to_owned(),
            decided,
            finished: of(Kind::Finished).unwrap_or_default(),
        })
    }

    /// Sends records as they come, first those behind a number; ends once `alive` says so or nobody reads.
    pub fn stream(
        &self,
        query: Query,
        (after, alive): (Option<u64>, Alive),
    ) -> mpsc::Receiver<io::Result<Item>> {
        let (sender, receiver) = mpsc::channel(WAITING);
        let directory = self.host().journal();
        tokio::spawn(async move {
            if let Err(error) = follow(directory, query, (after, alive), &sender).await {
                let _ = sender.send(Err(error)).await;
            }
        });
        receiver
    }

    /// Sends the records that match in the form of another tool, oldest first, a line each; begins when it is this export's turn.
    pub async fn export(&self, query: Query, format: Format) -> mpsc::Receiver<io::Result<String>> {
        let (sender, receiver) = mpsc::channel(WAITING);
        let directory = self.host().journal();
        let turn = self.export_turn().await;
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let wanted = query.prepare();
            let mut follower = Follower::at(&directory, Cursor::default());
            let send = |text| sender.blocking_send(Ok(text)).is_ok();
            if let Some(head) = format.head()
                && !send(head)
            {
                return;
            }
            loop {
                let lines = match follower.next_lines() {
                    Ok(lines) if lines.is_empty() => return,
                    Ok(lines) => lines,
                    Err(error) => {
                        let _ = sender.blocking_send(Err(error));
                        return;
                    }
                };
                let matching = lines.iter().filter(|line| wanted.matches(line.as_bytes()));
                for text in matching.filter_map(|line| export(line, format)) {
                    if !send(text) {
                        return;
                    }
                }
            }
        });
        receiver
    }
}

/// Sends what is behind a number, then what comes; a piece of the journal is in memory at a time.
async fn follow(
    directory: PathBuf,
    query: Query,
    (after, alive): (Option<u64>, Alive),
    sender: &mpsc::Sender<io::Result<Item>>,
) -> io::Result<()> {
    let wanted = query.prepare();
    let start = move || match after {
        Some(after) => Follower::behind(&directory, after),
        None => Follower::at_the_end(&directory),
    };
    let started = tokio::task::spawn_blocking(start).await;
    let mut follower = started.map_err(io::Error::other)??;
    let mut shown = after.unwrap_or(0);
    while alive() && !sender.is_closed() {
        let (back, lines) = tokio::task::spawn_blocking(move || {
            let lines = follower.next_lines();
            (follower, lines)
        })
        .await
        .map_err(io::Error::other)?;
        follower = back;
        let lines = lines?;
        if lines.is_empty() {
            tokio::time::sleep(POLL).await;
        }
        for line in lines {
            let seq = line.front().map_or(0, |front| front.seq);
            if seq <= shown {
                continue;
            }
            shown = seq;
            if wanted.matches(line.as_bytes()) && sender.send(Ok((seq, line))).await.is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Returns what names a record among all of the journal: `NUMBER-TIME`.
fn name(line: &Line) -> Option<String> {
    let front = line.front()?;
    Some(format!("{}-{}", front.seq, front.time))
}

/// Returns a record as it was written.
#[must_use]
pub fn document(line: &Line) -> Json {
    let unreadable = || serde_json::json!({ "unreadable": true });
    serde_json::from_slice(line.as_bytes()).unwrap_or_else(|_| unreadable())
}
