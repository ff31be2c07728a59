//! Sealed credentials. Whether a row is genuine is for the vault to say; here it only has to read.

use sqlx::query;

use super::row::{Reader, json};
use super::{Database, not_found};
use crate::model::credential::{CredentialId, SealedCredential};
use crate::store::{Cascade, StoreError};

impl Database {
    pub(in crate::store) async fn credentials(&self) -> Result<Vec<SealedCredential>, StoreError> {
        let rows = query(
            "SELECT id, connector, scheme, public_fields, binding, key_version, sealed, agent_owned, created_at
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
        let insert = query(
            "INSERT INTO credential
             (id, connector, scheme, public_fields, binding, key_version, sealed, agent_owned, created_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(credential.id.as_str())
        .bind(&credential.connector)
        .bind(&credential.scheme)
        .bind(json("credential", &credential.public_fields)?)
        .bind(json("credential", &credential.binding)?)
        .bind(i64::from(credential.key_version))
        .bind(&credential.sealed)
        .bind(i64::from(credential.agent_owned))
        .bind(&credential.created_at);
        let mut change = self.change().await?;
        change
            .run(insert, "credential", credential.id.as_str())
            .await?;
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
        change.cascade(cascade).await?;
        change.commit().await
    }
}

fn read(row: &Reader<'_>) -> Result<SealedCredential, StoreError> {
    Ok(SealedCredential {
        id: CredentialId::parse(&row.text("id")?)
            .map_err(|reason| row.bad(format!("`id`: {reason}")))?,
        connector: row.text("connector")?,
        scheme: row.text("scheme")?,
        public_fields: row.json("public_fields")?,
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
    })
}
