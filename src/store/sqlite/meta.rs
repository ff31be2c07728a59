//! Stores single values: `schema_version`, `revision`, and what the vault needs to know its key.

use sqlx::sqlite::SqliteConnection;

use super::Database;
use crate::store::{MetaSwap, StoreError};

impl Database {
    pub(in crate::store) async fn revision(&self) -> Result<i64, StoreError> {
        let bad = |reason: &str| StoreError::BadRow {
            table: "meta",
            key: "revision".to_owned(),
            reason: reason.to_owned(),
        };
        let text = self
            .meta("revision")
            .await?
            .ok_or_else(|| bad("it is gone"))?;
        text.parse().map_err(|_| bad("`value` is not a number"))
    }

    pub(in crate::store) async fn meta(&self, key: &str) -> Result<Option<String>, StoreError> {
        sqlx::query_scalar("SELECT value FROM meta WHERE key = ?")
            .bind(key)
            .fetch_optional(&self.pool)
            .await
            .map_err(|error| self.fault(&error))
    }

    pub(in crate::store) async fn put_meta(
        &self,
        key: &str,
        value: &str,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        )
        .bind(key)
        .bind(value)
        .execute(&self.pool)
        .await
        .map(|_| ())
        .map_err(|error| self.fault(&error))
    }

    pub(in crate::store) async fn swap_meta(&self, swaps: &[MetaSwap]) -> Result<bool, StoreError> {
        let mut change = self.change().await?;
        for MetaSwap {
            key,
            expected,
            value,
        } in swaps
        {
            let found: Option<String> = sqlx::query_scalar("SELECT value FROM meta WHERE key = ?")
                .bind(*key)
                .fetch_optional(change.connection())
                .await
                .map_err(|error| self.fault(&error))?;
            // Dropping it takes back what it has changed.
            if found != *expected {
                return Ok(false);
            }
            let statement = match value {
                Some(value) => sqlx::query(
                    "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                )
                .bind(*key)
                .bind(value),
                None => sqlx::query("DELETE FROM meta WHERE key = ?").bind(*key),
            };
            change.run(statement, "meta", key).await?;
        }
        if self.note.is_some() {
            change.commit().await?;
        } else {
            // Nobody follows these values.
            change.commit_unnoted().await?;
        }
        Ok(true)
    }

    pub(in crate::store) async fn sync(&self) -> Result<(), StoreError> {
        sqlx::query("PRAGMA wal_checkpoint(FULL)")
            .execute(&self.pool)
            .await
            .map(|_| ())
            .map_err(|error| self.fault(&error))
    }

    pub(in crate::store) async fn claim_meta(
        &self,
        key: &str,
        value: &str,
    ) -> Result<String, StoreError> {
        let mut transaction = self.begin().await?;
        sqlx::query("INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO NOTHING")
            .bind(key)
            .bind(value)
            .execute(&mut *transaction)
            .await
            .map_err(|error| self.fault(&error))?;
        let kept = sqlx::query_scalar("SELECT value FROM meta WHERE key = ?")
            .bind(key)
            .fetch_one(&mut *transaction)
            .await
            .map_err(|error| self.fault(&error))?;
        transaction
            .commit()
            .await
            .map_err(|error| self.fault(&error))?;
        Ok(kept)
    }
}

pub(super) async fn raise_revision(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE meta SET value = CAST(CAST(value AS INTEGER) + 1 AS TEXT) WHERE key = 'revision'",
    )
    .execute(connection)
    .await
    .map(|_| ())
}
