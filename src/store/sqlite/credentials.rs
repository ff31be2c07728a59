//! Stores sealed credentials and the pins of those that the configuration declares. Whether a row is genuine is for the vault to
//! say.

use std::collections::BTreeMap;

use sqlx::query;

use super::row::{Reader, json};
use super::{Database, not_found, unrecorded};
use crate::model::credential::{CredentialId, MintedTokens, PreparedHeaders, SealedCredential};
use crate::store::{Cascade, ImportedCredential, StoreError};

impl Database {
    pub(in crate::store) async fn credentials(&self) -> Result<Vec<SealedCredential>, StoreError> {
        let rows = query(
            "SELECT id, connector, scheme, public_fields, placement, binding, key_version, sealed, agent_owned, created_at
             FROM credential ORDER BY id",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(|error| self.fault(&error))?;
        rows.iter()
            .map(|row| read(&Reader::new(row, "credential", "id")))
            .collect()
    }

    pub(in crate::store) async fn put_credential(
        &self,
        credential: &SealedCredential,
    ) -> Result<(), StoreError> {
        let mut change = self.change().await?;
        let row = insert(credential)?;
        change
            .run(row, "credential", credential.id.as_str())
            .await?;
        change.commit().await
    }

    pub(in crate::store) async fn import_credentials(
        &self,
        imported: &[ImportedCredential],
    ) -> Result<(), StoreError> {
        let mut change = self.change().await?;
        for ImportedCredential {
            credential,
            replaced,
            note,
        } in imported
        {
            let id = credential.id.as_str();
            change.run(insert(credential)?, "credential", id).await?;
            if let Some(replaced) = replaced {
                // One that was left behind belongs to no credential.
                let keep = query("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)")
                    .bind(format!("rotated.{id}"))
                    .bind(replaced);
                change.run(keep, "credential", id).await?;
            }
            change.run(unrecorded::insert(note), "change", id).await?;
        }
        change.commit().await
    }

    pub(in crate::store) async fn replace_credential(
        &self,
        old: &SealedCredential,
        new: &SealedCredential,
    ) -> Result<bool, StoreError> {
        let id = old.id.as_str();
        let update = query(
            "UPDATE credential SET scheme = ?, public_fields = ?, placement = ?, binding = ?, key_version = ?, sealed = ?
             WHERE id = ? AND sealed = ?",
        )
        .bind(&new.scheme)
        .bind(json("credential", &new.public_fields)?)
        .bind(&new.placement)
        .bind(json("credential", &new.binding)?)
        .bind(i64::from(new.key_version))
        .bind(&new.sealed)
        .bind(id)
        .bind(&old.sealed);
        let mut change = self.change().await?;
        let replaced = change.run(update, "credential", id).await? > 0;
        change.commit().await?;
        Ok(replaced)
    }

    pub(in crate::store) async fn pins(&self) -> Result<BTreeMap<String, Vec<u8>>, StoreError> {
        let rows = query("SELECT credential, sealed FROM pin ORDER BY credential")
            .fetch_all(&self.pool)
            .await
            .map_err(|error| self.fault(&error))?;
        let read = |row| {
            let row = Reader::new(row, "pin", "credential");
            Ok((row.text("credential")?, row.bytes("sealed")?))
        };
        rows.iter().map(read).collect()
    }

    pub(in crate::store) async fn put_pin(
        &self,
        credential: &str,
        sealed: &[u8],
    ) -> Result<(), StoreError> {
        let upsert = query(
            "INSERT INTO pin (credential, sealed) VALUES (?, ?)
             ON CONFLICT (credential) DO UPDATE SET sealed = excluded.sealed",
        )
        .bind(credential)
        .bind(sealed);
        let mut change = self.change().await?;
        change.run(upsert, "pin", credential).await?;
        change.commit().await
    }

    pub(in crate::store) async fn remove_credential(
        &self,
        id: &str,
        cascade: &Cascade,
    ) -> Result<(), StoreError> {
        let mut change = self.change().await?;
        if change
            .run(
                query("DELETE FROM credential WHERE id = ?").bind(id),
                "credential",
                id,
            )
            .await?
            == 0
        {
            return Err(not_found("credential", id));
        }
        // What its token endpoint has replaced goes with it.
        let rotated = format!("rotated.{id}");
        let forget = query("DELETE FROM meta WHERE key = ?").bind(rotated);
        change.run(forget, "credential", id).await?;
        change.cascade(cascade).await?;
        change.commit().await
    }
}

type Insert<'q> = sqlx::query::Query<'q, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>;

/// Returns the statement that adds a row.
fn insert(credential: &SealedCredential) -> Result<Insert<'_>, StoreError> {
    Ok(query(
        "INSERT INTO credential
         (id, connector, scheme, public_fields, placement, binding, key_version, sealed, agent_owned, created_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(credential.id.as_str())
    .bind(&credential.connector)
    .bind(&credential.scheme)
    .bind(json("credential", &credential.public_fields)?)
    .bind(&credential.placement)
    .bind(json("credential", &credential.binding)?)
    .bind(i64::from(credential.key_version))
    .bind(&credential.sealed)
    .bind(i64::from(credential.agent_owned))
    .bind(&credential.created_at))
}

fn read(row: &Reader<'_>) -> Result<SealedCredential, StoreError> {
    Ok(SealedCredential {
        id: CredentialId::parse(&row.text("id")?)
            .map_err(|reason| row.bad(format!("`id`: {reason}")))?,
        connector: row.text("connector")?,
        scheme: row.text("scheme")?,
        public_fields: row.json("public_fields")?,
        placement: row.text("placement")?,
        binding: row.json("binding")?,
        key_version: u32::try_from(row.integer("key_version")?)
            .map_err(|_| row.bad("`key_version` is out of range"))?,
        sealed: row.bytes("sealed")?,
        agent_owned: match row.integer("agent_owned")? {
            0 => false,
            1 => true,
            _ => return Err(row.bad("`agent_owned` is neither 0 nor 1")),
        },
        created_at: row.text("created_at")?,
        prepared: PreparedHeaders::default(),
        minted: MintedTokens::default(),
    })
}
