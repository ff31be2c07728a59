//! Stores agents, operators, permissions, credentials and halts in SQL. `open` and `create` are the only list of backends.
//!
//! INVARIANT: every change of what the gateway decides by raises `revision` in the same transaction.

mod credentials;
mod error;
mod meta_swap;
mod options;
mod place;
mod policies;
mod sqlite;
mod stored;
mod unrecorded;
mod view;

use std::collections::BTreeMap;
use std::time::SystemTime;

use crate::model::halt::{Halt, Scope};
use sqlite::Database;

pub use credentials::ImportedCredential;
pub use error::StoreError;
pub use meta_swap::MetaSwap;
pub use options::StoreOptions;
pub use stored::{
    Cascade, OldEvent, StoredAgent, StoredOperator, StoredPermission, StoredPolicy, StoredToken,
    UnrecordedChange,
};
pub use view::StoreView;

/// A connection pool to one database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    database: Database,
}

// === impl Store: the backends ===

impl Store {
    /// Opens an existing store; never creates one.
    ///
    /// # Errors
    /// `Missing` where there is none; else says what is wrong with it.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        Self::open_with(url, StoreOptions::default()).await
    }

    /// Opens an existing store with options.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn open_with(url: &str, options: StoreOptions) -> Result<Self, StoreError> {
        let place = place::of(url)?;
        Ok(Self {
            database: Database::open(&place, options).await?,
        })
    }

    /// Opens a store, creating directory (0700), file (0600) and tables where they are missing, and checks that it can
    /// be written. A creation that is cut off leaves no store, never half of one.
    ///
    /// # Errors
    /// Says why it cannot be made, opened or written.
    pub async fn create(url: &str) -> Result<Self, StoreError> {
        Self::create_with(url, StoreOptions::default()).await
    }

    /// Opens or creates a store with options.
    ///
    /// # Errors
    /// As [`Store::create`].
    pub async fn create_with(url: &str, options: StoreOptions) -> Result<Self, StoreError> {
        let place = place::of(url)?;
        Ok(Self {
            database: Database::create(&place, options).await?,
        })
    }

    /// Closes all connections; later calls fail.
    pub async fn close(&self) {
        self.database.close().await;
    }

    /// Returns a number that grows with every change of agents, permissions, credentials, operators or halts.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn revision(&self) -> Result<i64, StoreError> {
        self.database.revision().await
    }

    /// Returns a free-standing value.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn meta(&self, key: &str) -> Result<Option<String>, StoreError> {
        self.database.meta(key).await
    }

    /// Writes a free-standing value, replacing the one that is there.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn put_meta(&self, key: &str, value: &str) -> Result<(), StoreError> {
        self.database.put_meta(key, value).await
    }

    /// Writes a free-standing value unless there is one, and returns the one that is there: the first writer wins.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn claim_meta(&self, key: &str, value: &str) -> Result<String, StoreError> {
        self.database.claim_meta(key, value).await
    }
}

// === impl Store: agents and operators ===

impl Store {
    /// Lists agents by name, with all tokens that were not pruned yet, expired ones included.
    ///
    /// # Errors
    /// `BadRow` names a row that does not read.
    pub async fn agents(&self) -> Result<Vec<StoredAgent>, StoreError> {
        self.database.agents().await
    }

    /// Adds an agent with its tokens.
    ///
    /// # Errors
    /// `Exists` when the name or a token is taken.
    pub async fn add_agent(&self, agent: &StoredAgent) -> Result<(), StoreError> {
        self.database.add_agent(agent).await
    }

    /// Replaces the labels of an agent.
    ///
    /// # Errors
    /// `NotFound` when there is none.
    pub async fn set_labels(
        &self,
        name: &str,
        labels: &BTreeMap<String, String>,
    ) -> Result<(), StoreError> {
        self.database.set_labels(name, labels).await
    }

    /// Keeps when tokens, by their hashes, were last used, in seconds since 1970. The revision stays.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn note_used(&self, used: &[([u8; 32], i64)]) -> Result<(), StoreError> {
        self.database.note_used(used).await
    }

    /// Removes an agent and its tokens.
    ///
    /// # Errors
    /// `NotFound` when there is none.
    pub async fn remove_agent(&self, name: &str) -> Result<(), StoreError> {
        self.remove_agent_with(name, &Cascade::default()).await
    }

    /// Removes an agent, its tokens, and what it is named by.
    ///
    /// # Errors
    /// `NotFound` when there is none; then nothing is changed.
    pub async fn remove_agent_with(&self, name: &str, cascade: &Cascade) -> Result<(), StoreError> {
        self.database.remove_agent(name, cascade).await
    }

    /// Adds a token to an agent and prunes those that have expired.
    ///
    /// # Errors
    /// `NotFound` without the agent, `Exists` when the token is taken.
    pub async fn add_token(
        &self,
        agent: &str,
        token: &StoredToken,
        now: SystemTime,
    ) -> Result<(), StoreError> {
        self.database.add_token(agent, token, now).await
    }

    /// Replaces all tokens of an agent by one.
    ///
    /// # Errors
    /// `NotFound` without the agent, `Exists` when the token is taken.
    pub async fn rotate_token(&self, agent: &str, token: &StoredToken) -> Result<(), StoreError> {
        self.database.rotate_token(agent, token).await
    }

    /// Moves the end of a living token (seconds since 1970) and prunes those that have expired.
    ///
    /// # Errors
    /// `NotFound` when it is gone or has expired.
    pub async fn renew_token(
        &self,
        hash: &[u8; 32],
        expires_at: i64,
        now: SystemTime,
    ) -> Result<(), StoreError> {
        self.database.renew_token(hash, expires_at, now).await
    }

    /// Removes one token.
    ///
    /// # Errors
    /// `NotFound` when there is none.
    pub async fn remove_token(&self, hash: &[u8; 32]) -> Result<(), StoreError> {
        self.database.remove_token(hash).await
    }

    /// Lists operators by name.
    ///
    /// # Errors
    /// `BadRow` names a row that does not read.
    pub async fn operators(&self) -> Result<Vec<StoredOperator>, StoreError> {
        self.database.operators().await
    }

    /// Adds an operator, or replaces the one of that name.
    ///
    /// # Errors
    /// `Exists` when another operator has the token.
    pub async fn put_operator(&self, operator: &StoredOperator) -> Result<(), StoreError> {
        self.database.put_operator(operator).await
    }

    /// Removes an operator.
    ///
    /// # Errors
    /// `NotFound` when there is none.
    pub async fn remove_operator(&self, name: &str) -> Result<(), StoreError> {
        self.database.remove_operator(name).await
    }
}

// === impl Store: permissions and halts ===

impl Store {
    /// Lists permissions by id.
    ///
    /// # Errors
    /// `BadRow` names a row that does not read.
    pub async fn permissions(&self) -> Result<Vec<StoredPermission>, StoreError> {
        self.database.permissions().await
    }

    /// Sets the permission of a key, replacing the one it has, and returns its id. The manifest is a JSON object.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn set_permission(&self, key: &str, manifest: &str) -> Result<i64, StoreError> {
        self.database.set_permission(key, manifest).await
    }

    /// Changes the permission of an id, and its key.
    ///
    /// # Errors
    /// `NotFound` when there is none, `Exists` when another has the key.
    pub async fn change_permission(&self, permission: &StoredPermission) -> Result<(), StoreError> {
        self.database.change_permission(permission).await
    }

    /// Removes the permission of a key.
    ///
    /// # Errors
    /// `NotFound` when there is none.
    pub async fn remove_permission(&self, key: &str) -> Result<(), StoreError> {
        self.database.remove_permission(key).await
    }

    /// Lists halts by scope and name.
    ///
    /// # Errors
    /// `BadRow` names a row that does not read.
    pub async fn halts(&self) -> Result<Vec<Halt>, StoreError> {
        self.database.halts().await
    }

    /// Keeps a halt; one of the same scope is replaced.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn put_halt(&self, halt: &Halt) -> Result<(), StoreError> {
        self.database.put_halt(halt).await
    }

    /// Removes the halt of a scope; returns whether there was one.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn remove_halt(&self, scope: &Scope) -> Result<bool, StoreError> {
        self.database.remove_halt(scope).await
    }
}
