//! Stores permissions as manifests, without knowing what they mean.

use sqlx::{Row as _, query};

use super::row::Reader;
use super::{Change, Database, not_found};
use crate::store::{Cascade, StoreError, StoredPermission};

type Object = serde_json::Map<String, serde_json::Value>;

impl Database {
    pub(in crate::store) async fn permissions(&self) -> Result<Vec<StoredPermission>, StoreError> {
        let rows = query("SELECT id, key, manifest FROM permission ORDER BY id")
            .fetch_all(&self.pool)
            .await
            .map_err(|error| self.fault(&error))?;
        let read = |row| {
            let row = Reader::new(row, "permission", "key");
            let manifest = row.text("manifest")?;
            serde_json::from_str::<Object>(&manifest)
                .map_err(|error| row.bad(format!("`manifest`: {error}")))?;
            Ok(StoredPermission {
                id: row.integer("id")?,
                key: row.text("key")?,
                manifest,
            })
        };
        rows.iter().map(read).collect()
    }

    pub(in crate::store) async fn set_permission(
        &self,
        key: &str,
        manifest: &str,
    ) -> Result<i64, StoreError> {
        serde_json::from_str::<Object>(manifest).map_err(|error| StoreError::Unstorable {
            what: "permission",
            reason: error.to_string(),
        })?;
        let mut change = self.change().await?;
        let row = query(
            "INSERT INTO permission (key, manifest) VALUES (?, ?)
             ON CONFLICT (key) DO UPDATE SET manifest = excluded.manifest RETURNING id",
        )
        .bind(key)
        .bind(manifest)
        .fetch_one(change.connection())
        .await;
        let id = row
            .and_then(|row| row.try_get("id"))
            .map_err(|error| change.fault(&error))?;
        change.commit().await?;
        Ok(id)
    }

    pub(in crate::store) async fn change_permission(
        &self,
        permission: &StoredPermission,
    ) -> Result<(), StoreError> {
        let mut change = self.change().await?;
        let update = query("UPDATE permission SET key = ?, manifest = ? WHERE id = ?")
            .bind(&permission.key)
            .bind(&permission.manifest)
            .bind(permission.id);
        let name = permission.id.to_string();
        if change.run(update, "permission", &name).await? == 0 {
            return Err(not_found("permission", &name));
        }
        change.commit().await
    }

    pub(in crate::store) async fn remove_permission(&self, key: &str) -> Result<(), StoreError> {
        let mut change = self.change().await?;
        if change
            .run(
                query("DELETE FROM permission WHERE key = ?").bind(key),
                "permission",
                key,
            )
            .await?
            == 0
        {
            return Err(not_found("permission", key));
        }
        change.commit().await
    }
}

impl Change<'_> {
    /// Removes and changes rules that name what is being removed.
    pub(super) async fn cascade(&mut self, cascade: &Cascade) -> Result<(), StoreError> {
        for id in &cascade.removed {
            let delete = query("DELETE FROM permission WHERE id = ?").bind(id);
            self.run(delete, "permission", &id.to_string()).await?;
        }
        for permission in &cascade.changed {
            let update = query("UPDATE permission SET key = ?, manifest = ? WHERE id = ?")
                .bind(&permission.key)
                .bind(&permission.manifest)
                .bind(permission.id);
            self.run(update, "permission", &permission.key).await?;
        }
        for id in &cascade.removed_policies {
            let delete = query("DELETE FROM policy WHERE id = ?").bind(id);
            self.run(delete, "policy", id).await?;
        }
        for policy in &cascade.changed_policies {
            let update = query("UPDATE policy SET manifest = ? WHERE id = ?")
                .bind(&policy.manifest)
                .bind(&policy.id);
            self.run(update, "policy", &policy.id).await?;
        }
        Ok(())
    }
}
