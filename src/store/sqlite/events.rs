//! The event table: lines in by multi-row insert, found again by their columns.

use std::sync::Arc;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, QueryBuilder, Sqlite};
use time::OffsetDateTime;
use time::macros::format_description;

use super::row::Reader;
use super::{Database, fault};
use crate::store::{Commit, EventFilter, EventLine, EventOrder, StoreError, StoredEvent};

/// Writes events over a connection of its own, so that readers never wait for a place in the pool. After an error the
/// next write opens a new one.
#[derive(Debug)]
pub struct EventWriter {
    path: Arc<str>,
    options: SqliteConnectOptions,
    connection: Option<SqliteConnection>,
}

// === impl EventWriter ===

impl EventWriter {
    /// Rows of one insert that SQLite surely takes: it has 32,766 variables, a row needs 9.
    pub const MAX_ROWS: usize = 1_024;

    /// Writes lines in one statement: all or none. More than [`Self::MAX_ROWS`] are an error.
    ///
    /// # Errors
    /// When the store cannot be written; nothing was kept then.
    pub async fn write(&mut self, lines: &[&EventLine]) -> Result<(), StoreError> {
        if lines.is_empty() {
            return Ok(());
        }
        if lines.len() > Self::MAX_ROWS {
            let reason = format!("{} at once are over {}", lines.len(), Self::MAX_ROWS);
            return Err(StoreError::Unstorable {
                what: "events",
                reason,
            });
        }
        let mut insert = QueryBuilder::<Sqlite>::new(
            "INSERT INTO event (id, kind, time, request_id, agent, action, decision, code, body) ",
        );
        insert.push_values(lines, |mut row, line| {
            row.push_bind(&line.id)
                .push_bind(line.kind.as_str())
                .push_bind(&line.time);
            row.push_bind(&line.request_id)
                .push_bind(&line.agent)
                .push_bind(&line.action);
            row.push_bind(&line.decision)
                .push_bind(&line.code)
                .push_bind(&line.body);
        });
        self.run(insert).await
    }

    /// Commits a write that changes nothing.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn probe(&mut self) -> Result<(), StoreError> {
        self.run(QueryBuilder::new(
            "UPDATE meta SET value = value WHERE key = 'revision'",
        ))
        .await
    }

    /// Closes the connection.
    pub async fn close(self) {
        if let Some(connection) = self.connection {
            // Nothing is lost when this fails: what was written is committed.
            let _ = connection.close().await;
        }
    }

    async fn run(&mut self, mut statement: QueryBuilder<Sqlite>) -> Result<(), StoreError> {
        let outcome = async {
            let mut connection = match self.connection.take() {
                Some(connection) => connection,
                None => self.options.connect().await?,
            };
            statement.build().execute(&mut connection).await?;
            Ok(connection)
        };
        let connection = outcome
            .await
            .map_err(|error| fault::of(&self.path, &error))?;
        self.connection = Some(connection);
        Ok(())
    }
}

// === impl Database ===

impl Database {
    pub(in crate::store) fn event_writer(&self, commit: Commit) -> EventWriter {
        let synchronous = match commit {
            Commit::Handed => SqliteSynchronous::Normal,
            Commit::Synced => SqliteSynchronous::Full,
        };
        let options = self.options.clone().synchronous(synchronous);
        EventWriter {
            path: self.path.clone(),
            options,
            connection: None,
        }
    }

    pub(in crate::store) async fn last_seq(&self) -> Result<i64, StoreError> {
        sqlx::query_scalar("SELECT coalesce(max(seq), 0) FROM event")
            .fetch_one(&self.pool)
            .await
            .map_err(|error| self.fault(&error))
    }

    pub(in crate::store) async fn events(
        &self,
        filter: &EventFilter,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        let mut select = select(filter)?;
        let rows = select
            .build()
            .fetch_all(&self.pool)
            .await
            .map_err(|error| self.fault(&error))?;
        rows.iter()
            .map(|row| read(&Reader::new(row, "event", "id")))
            .collect()
    }
}

fn select(filter: &EventFilter) -> Result<QueryBuilder<Sqlite>, StoreError> {
    let mut select = QueryBuilder::<Sqlite>::new(
        "SELECT seq, id, kind, time, request_id, agent, action, decision, code, body FROM event WHERE 1 = 1",
    );
    let kind = filter.kind.map(|kind| kind.as_str().to_owned());
    let since = filter.since.map(stamp).transpose()?;
    let until = filter.until.map(stamp).transpose()?;
    let texts = [
        (" AND agent = ", filter.agent.clone()),
        (" AND action GLOB ", filter.action.as_deref().map(glob)),
        (" AND decision = ", filter.decision.clone()),
        (" AND code = ", filter.code.clone()),
        (" AND kind = ", kind),
        (" AND request_id = ", filter.request_id.clone()),
        (" AND time >= ", since),
        (" AND time < ", until),
    ];
    for (condition, value) in texts {
        if let Some(value) = value {
            select.push(condition).push_bind(value);
        }
    }
    if let Some(seq) = filter.after_seq {
        select.push(" AND seq > ").push_bind(seq);
    }
    select.push(match filter.order {
        EventOrder::OldestFirst => " ORDER BY seq",
        EventOrder::NewestFirst => " ORDER BY seq DESC",
    });
    if let Some(limit) = filter.limit {
        select.push(" LIMIT ").push_bind(i64::from(limit));
    }
    Ok(select)
}

/// Spells a moment as the time column does, so that text order is time order.
fn stamp(moment: OffsetDateTime) -> Result<String, StoreError> {
    let form =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    moment
        .to_offset(time::UtcOffset::UTC)
        .format(form)
        .map_err(|error| StoreError::Unstorable {
            what: "a time",
            reason: error.to_string(),
        })
}

/// Translates our glob, where only `*` is special, to SQLite's, where `?` and `[` are, too.
fn glob(pattern: &str) -> String {
    pattern.replace('[', "[[]").replace('?', "[?]")
}

fn read(row: &Reader<'_>) -> Result<StoredEvent, StoreError> {
    Ok(StoredEvent {
        seq: row.integer("seq")?,
        id: row.text("id")?,
        kind: row.text("kind")?,
        time: row.text("time")?,
        request_id: row.text("request_id")?,
        agent: row.text("agent")?,
        action: row.text("action")?,
        decision: row.text("decision")?,
        code: row.text("code")?,
        body: row.text("body")?,
    })
}
