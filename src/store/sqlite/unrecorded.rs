//! Stores changes that wait to be recorded in the journal.

use super::Database;
use super::row::Reader;
use crate::store::{StoreError, UnrecordedChange};

impl Database {
    pub(in crate::store) async fn note_change(
        &self,
        change: &UnrecordedChange,
    ) -> Result<(), StoreError> {
        insert(change)
            .execute(&self.pool)
            .await
            .map(|_| ())
            .map_err(|error| self.fault(&error))
    }

    pub(in crate::store) async fn unrecorded_changes(
        &self,
    ) -> Result<Vec<UnrecordedChange>, StoreError> {
        let rows = sqlx::query("SELECT * FROM unrecorded ORDER BY id")
            .fetch_all(&self.pool)
            .await
            .map_err(|error| self.fault(&error))?;
        let read = |row| {
            let row = Reader::new(row, "unrecorded", "time");
            Ok(UnrecordedChange {
                id: row.integer("id")?,
                time: row.text("time")?,
                operator: row.text("operator")?,
                what: row.text("what")?,
                subject: row.text("subject")?,
                agent: row.text("agent")?,
                detail: row.text("detail")?,
            })
        };
        rows.iter().map(read).collect()
    }

    pub(in crate::store) async fn forget_change(&self, id: i64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM unrecorded WHERE id = ?")
            .bind(id)
            .execute(&self.pool)
            .await
            .map(|_| ())
            .map_err(|error| self.fault(&error))
    }
}

type Insert<'q> = sqlx::query::Query<'q, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>;

/// Returns the statement that keeps a change.
pub(super) fn insert(change: &UnrecordedChange) -> Insert<'_> {
    sqlx::query(
        "INSERT INTO unrecorded (time, operator, what, subject, agent, detail) VALUES (?, ?, ?, ?, ?, ?)",
    )
    .bind(&change.time)
    .bind(&change.operator)
    .bind(&change.what)
    .bind(&change.subject)
    .bind(&change.agent)
    .bind(&change.detail)
}
