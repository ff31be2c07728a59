//! The event table, read: a filter in, events found by their columns out.

use sqlx::{QueryBuilder, Sqlite};
use time::OffsetDateTime;
use time::macros::format_description;

use super::Database;
use super::row::Reader;
use crate::store::{EventFilter, EventOrder, StoreError, StoredEvent};

impl Database {
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
    if let Some(pattern) = filter.action.as_deref().map(glob) {
        // A request can be several actions, or refused before it is known which of several it is.
        select
            .push(" AND (action GLOB ")
            .push_bind(pattern.clone())
            .push(
                " OR EXISTS (SELECT 1 FROM json_each(body, '$.actions') AS each
                  WHERE json_extract(each.value, '$.name') GLOB ",
            )
            .push_bind(pattern.clone())
            .push(") OR EXISTS (SELECT 1 FROM json_each(body, '$.candidates') AS each WHERE each.value GLOB ")
            .push_bind(pattern)
            .push("))");
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
