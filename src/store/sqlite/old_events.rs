//! Reads the table in which an older version kept its events, once, to be taken over into the journal; then empties it.

use super::Database;
use super::row::Reader;
use crate::store::{OldEvent, StoreError};

impl Database {
    pub(in crate::store) async fn last_old_event(&self) -> Result<u64, StoreError> {
        let last: i64 = sqlx::query_scalar("SELECT coalesce(max(seq), 0) FROM event")
            .fetch_one(&self.pool)
            .await
            .map_err(|error| self.fault(&error))?;
        Ok(u64::try_from(last).unwrap_or(0))
    }

    pub(in crate::store) async fn old_events(
        &self,
        after: u64,
        limit: u32,
    ) -> Result<Vec<OldEvent>, StoreError> {
        let rows = sqlx::query(
            "SELECT seq, id, time, kind, body FROM event WHERE seq > ? ORDER BY seq LIMIT ?",
        )
        .bind(i64::try_from(after).unwrap_or(i64::MAX))
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await
        .map_err(|error| self.fault(&error))?;
        let read = |row| {
            let row = Reader::new(row, "event", "id");
            Ok(OldEvent {
                seq: u64::try_from(row.integer("seq")?).unwrap_or(0),
                time: row.text("time")?,
                kind: row.text("kind")?,
                body: row.text("body")?,
            })
        };
        rows.iter().map(read).collect()
    }

    pub(in crate::store) async fn drop_old_events(&self) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM event")
            .execute(&self.pool)
            .await
            .map_err(|error| self.fault(&error))?;
        // Without it the file keeps its size; where another process is at work it does for now.
        let _ = sqlx::query("VACUUM").execute(&self.pool).await;
        Ok(())
    }
}
