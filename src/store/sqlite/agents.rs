//! Stores agents and the hashes of their tokens.

use std::collections::BTreeMap;
use std::time::SystemTime;

use sqlx::query;

use super::row::{Reader, abridged, json};
use super::{Change, Database, not_found, seconds};
use crate::store::{Cascade, StoreError, StoredAgent, StoredToken};

impl Database {
    pub(in crate::store) async fn agents(&self) -> Result<Vec<StoredAgent>, StoreError> {
        // One statement, so that agents and tokens are of the same moment.
        let rows = query(
            "SELECT a.name, a.labels, a.created_at, t.hash, t.expires_at, t.created_at AS token_created_at, t.used_at
             FROM agent a LEFT JOIN agent_token t ON t.agent = a.name ORDER BY a.name, t.hash",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(|error| self.fault(&error))?;
        let mut agents: Vec<StoredAgent> = Vec::new();
        for row in &rows {
            let row = Reader::new(row, "agent", "name");
            let name = row.text("name")?;
            if agents.last().is_none_or(|agent| agent.name != name) {
                let labels: BTreeMap<String, String> = row.json("labels")?;
                agents.push(StoredAgent {
                    name,
                    labels,
                    tokens: Vec::new(),
                    created_at: row.text("created_at")?,
                });
            }
            if let (Some(agent), Some(token)) = (agents.last_mut(), token(&row)?) {
                agent.tokens.push(token);
            }
        }
        Ok(agents)
    }

    pub(in crate::store) async fn add_agent(&self, agent: &StoredAgent) -> Result<(), StoreError> {
        let labels = json("agent", &agent.labels)?;
        let mut change = self.change().await?;
        let insert = query("INSERT INTO agent (name, labels, created_at) VALUES (?, ?, ?)")
            .bind(&agent.name)
            .bind(labels)
            .bind(&agent.created_at);
        change.run(insert, "agent", &agent.name).await?;
        for token in &agent.tokens {
            change.insert_token(&agent.name, token).await?;
        }
        change.commit().await
    }

    pub(in crate::store) async fn set_labels(
        &self,
        name: &str,
        labels: &BTreeMap<String, String>,
    ) -> Result<(), StoreError> {
        let labels = json("agent", labels)?;
        let mut change = self.change().await?;
        let update = query("UPDATE agent SET labels = ? WHERE name = ?")
            .bind(labels)
            .bind(name);
        if change.run(update, "agent", name).await? == 0 {
            return Err(not_found("agent", name));
        }
        change.commit().await
    }

    /// Not a change: nothing is decided by it.
    pub(in crate::store) async fn note_used(
        &self,
        used: &[([u8; 32], i64)],
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        for (hash, at) in used {
            query("UPDATE agent_token SET used_at = ? WHERE hash = ?")
                .bind(at)
                .bind(hash.to_vec())
                .execute(&mut *transaction)
                .await
                .map_err(|error| self.fault(&error))?;
        }
        transaction
            .commit()
            .await
            .map_err(|error| self.fault(&error))
    }

    pub(in crate::store) async fn remove_agent(
        &self,
        name: &str,
        cascade: &Cascade,
    ) -> Result<(), StoreError> {
        let mut change = self.change().await?;
        if change
            .run(
                query("DELETE FROM agent WHERE name = ?").bind(name),
                "agent",
                name,
            )
            .await?
            == 0
        {
            return Err(not_found("agent", name));
        }
        change.cascade(cascade).await?;
        change.commit().await
    }

    pub(in crate::store) async fn add_token(
        &self,
        agent: &str,
        token: &StoredToken,
        now: SystemTime,
    ) -> Result<(), StoreError> {
        let mut change = self.change().await?;
        change.require_agent(agent).await?;
        change.prune_tokens(now).await?;
        change.insert_token(agent, token).await?;
        change.commit().await
    }

    pub(in crate::store) async fn rotate_token(
        &self,
        agent: &str,
        token: &StoredToken,
    ) -> Result<(), StoreError> {
        let mut change = self.change().await?;
        change.require_agent(agent).await?;
        change
            .run(
                query("DELETE FROM agent_token WHERE agent = ?").bind(agent),
                "agent",
                agent,
            )
            .await?;
        change.insert_token(agent, token).await?;
        change.commit().await
    }

    pub(in crate::store) async fn renew_token(
        &self,
        hash: &[u8; 32],
        expires_at: i64,
        now: SystemTime,
    ) -> Result<(), StoreError> {
        let mut change = self.change().await?;
        change.prune_tokens(now).await?;
        let name = abridged(hash);
        let update = query("UPDATE agent_token SET expires_at = ? WHERE hash = ?")
            .bind(expires_at)
            .bind(hash.to_vec());
        if change.run(update, "token", &name).await? == 0 {
            return Err(not_found("token", &name));
        }
        change.commit().await
    }

    pub(in crate::store) async fn remove_token(&self, hash: &[u8; 32]) -> Result<(), StoreError> {
        let mut change = self.change().await?;
        let name = abridged(hash);
        let delete = query("DELETE FROM agent_token WHERE hash = ?").bind(hash.to_vec());
        if change.run(delete, "token", &name).await? == 0 {
            return Err(not_found("token", &name));
        }
        change.commit().await
    }
}

impl Change<'_> {
    async fn require_agent(&mut self, name: &str) -> Result<(), StoreError> {
        let found = query("SELECT 1 FROM agent WHERE name = ?")
            .bind(name)
            .fetch_optional(self.connection())
            .await;
        match found.map_err(|error| self.fault(&error))? {
            Some(_) => Ok(()),
            None => Err(not_found("agent", name)),
        }
    }

    async fn insert_token(&mut self, agent: &str, token: &StoredToken) -> Result<(), StoreError> {
        let insert = query(
            "INSERT INTO agent_token (hash, agent, expires_at, created_at) VALUES (?, ?, ?, ?)",
        )
        .bind(token.hash.to_vec())
        .bind(agent)
        .bind(token.expires_at)
        .bind(&token.created_at);
        self.run(insert, "token", &abridged(&token.hash))
            .await
            .map(|_| ())
    }

    async fn prune_tokens(&mut self, now: SystemTime) -> Result<(), StoreError> {
        let delete = query("DELETE FROM agent_token WHERE expires_at <= ?").bind(seconds(now));
        self.run(delete, "token", "expired").await.map(|_| ())
    }
}

/// Reads the joined token; an agent without one has NULL there.
fn token(row: &Reader<'_>) -> Result<Option<StoredToken>, StoreError> {
    if row.is_null("hash") {
        return Ok(None);
    }
    Ok(Some(StoredToken {
        hash: row.hash("hash")?,
        expires_at: row.optional_integer("expires_at")?,
        created_at: row.optional_text("token_created_at")?,
        used_at: row.optional_integer("used_at")?,
    }))
}
