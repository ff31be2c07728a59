//! Stores operators and the hashes of their tokens.

use sqlx::query;

use super::row::{Reader, abridged, json};
use super::{Database, not_found};
use crate::store::{StoreError, StoredOperator};

impl Database {
    pub(in crate::store) async fn operators(&self) -> Result<Vec<StoredOperator>, StoreError> {
        let rows = query("SELECT name, role, groups, token_hash FROM operator ORDER BY name")
            .fetch_all(&self.pool)
            .await
            .map_err(|error| self.fault(&error))?;
        let read = |row| {
            let row = Reader::new(row, "operator", "name");
            Ok(StoredOperator {
                name: row.text("name")?,
                role: row.text("role")?,
                groups: row.json("groups")?,
                token_hash: row.hash("token_hash")?,
            })
        };
        rows.iter().map(read).collect()
    }

    pub(in crate::store) async fn put_operator(
        &self,
        operator: &StoredOperator,
    ) -> Result<(), StoreError> {
        let groups = json("operator", &operator.groups)?;
        let mut change = self.change().await?;
        let insert = query(
            "INSERT INTO operator (name, role, groups, token_hash) VALUES (?, ?, ?, ?)
             ON CONFLICT (name) DO UPDATE
             SET role = excluded.role, groups = excluded.groups, token_hash = excluded.token_hash",
        )
        .bind(&operator.name)
        .bind(&operator.role)
        .bind(groups)
        .bind(operator.token_hash.to_vec());
        change
            .run(insert, "token", &abridged(&operator.token_hash))
            .await?;
        change.commit().await
    }

    pub(in crate::store) async fn remove_operator(&self, name: &str) -> Result<(), StoreError> {
        let mut change = self.change().await?;
        if change
            .run(
                query("DELETE FROM operator WHERE name = ?").bind(name),
                "operator",
                name,
            )
            .await?
            == 0
        {
            return Err(not_found("operator", name));
        }
        change.commit().await
    }
}
