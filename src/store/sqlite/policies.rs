//! Stores policies as manifests, without knowing what they mean.

use sqlx::query;

use super::row::Reader;
use super::{Database, not_found};
use crate::store::{StoreError, StoredPolicy};

type Object = serde_json::Map<String, serde_json::Value>;

impl Database {
    pub(in crate::store) async fn policies(&self) -> Result<Vec<StoredPolicy>, StoreError> {
        let rows = query("SELECT id, manifest FROM policy ORDER BY id")
            .fetch_all(&self.pool)
            .await
            .map_err(|error| self.fault(&error))?;
        let read = |row| {
            let row = Reader::new(row, "policy", "id");
            let manifest = row.text("manifest")?;
            serde_json::from_str::<Object>(&manifest)
                .map_err(|error| row.bad(format!("`manifest`: {error}")))?;
            Ok(StoredPolicy {
                id: row.text("id")?,
                manifest,
            })
        };
        rows.iter().map(read).collect()
    }

    pub(in crate::store) async fn set_policy(
        &self,
        policy: &StoredPolicy,
    ) -> Result<(), StoreError> {
        serde_json::from_str::<Object>(&policy.manifest).map_err(|error| {
            StoreError::Unstorable {
                what: "policy",
                reason: error.to_string(),
            }
        })?;
        let mut change = self.change().await?;
        let upsert = query(
            "INSERT INTO policy (id, manifest) VALUES (?, ?)
             ON CONFLICT (id) DO UPDATE SET manifest = excluded.manifest",
        )
        .bind(&policy.id)
        .bind(&policy.manifest);
        change.run(upsert, "policy", &policy.id).await?;
        change.commit().await
    }

    pub(in crate::store) async fn remove_policy(&self, id: &str) -> Result<(), StoreError> {
        let mut change = self.change().await?;
        let delete = query("DELETE FROM policy WHERE id = ?").bind(id);
        if change.run(delete, "policy", id).await? == 0 {
            return Err(not_found("policy", id));
        }
        change.commit().await
    }
}
