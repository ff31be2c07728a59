//! Stores the halts of the kill switch, so that a restart does not lift them.

use sqlx::query;

use super::Database;
use super::row::Reader;
use crate::model::halt::{Halt, Scope};
use crate::store::StoreError;

impl Database {
    pub(in crate::store) async fn halts(&self) -> Result<Vec<Halt>, StoreError> {
        let rows =
            query("SELECT scope, name, since, operator, reason FROM halt ORDER BY scope, name")
                .fetch_all(&self.pool)
                .await
                .map_err(|error| self.fault(&error))?;
        let read = |row| {
            let row = Reader::new(row, "halt", "name");
            let scope = Scope::of(&row.text("scope")?, &row.text("name")?)
                .ok_or_else(|| row.bad("`scope` and `name` do not fit each other"))?;
            let reason = if row.is_null("reason") {
                None
            } else {
                Some(row.text("reason")?)
            };
            Ok(Halt {
                scope,
                since: row.text("since")?,
                by: row.text("operator")?,
                reason,
            })
        };
        rows.iter().map(read).collect()
    }

    pub(in crate::store) async fn put_halt(&self, halt: &Halt) -> Result<(), StoreError> {
        let mut change = self.change().await?;
        let insert = query(
            "INSERT INTO halt (scope, name, since, operator, reason) VALUES (?, ?, ?, ?, ?)
             ON CONFLICT (scope, name) DO UPDATE
             SET since = excluded.since, operator = excluded.operator, reason = excluded.reason",
        )
        .bind(halt.scope.kind())
        .bind(halt.scope.name())
        .bind(&halt.since)
        .bind(&halt.by)
        .bind(&halt.reason);
        change.run(insert, "halt", halt.scope.name()).await?;
        change.commit().await
    }

    pub(in crate::store) async fn remove_halt(&self, scope: &Scope) -> Result<bool, StoreError> {
        let mut change = self.change().await?;
        let delete = query("DELETE FROM halt WHERE scope = ? AND name = ?")
            .bind(scope.kind())
            .bind(scope.name());
        let removed = change.run(delete, "halt", scope.name()).await? > 0;
        if removed {
            change.commit().await?;
        }
        Ok(removed)
    }
}
