//! Rotates the key that signs checkpoints: one record, signed by the old key and the new one.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::chain::Head;
use super::record::{Changed, Covers};
use super::sign::{Signer, is_rotation_signed};

/// Written as `what` of a rotation.
pub(super) const ROTATED: &str = "journal.key_rotated";

/// What the record of a rotation holds. Keys and signatures are hexadecimal.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Rotation {
    pub(super) old: String,
    pub(super) new: String,
    /// A line before it, so that the signatures hold for no other place.
    pub(super) covers: Covers,
    by_old: String,
    by_new: String,
}

impl Rotation {
    /// Signs a rotation behind a line.
    pub(super) fn between(old: &Signer, new: &Signer, head: &Head) -> Self {
        let covers = head.covers();
        let keys = (old.public_key(), new.public_key());
        let shown = (keys.0.as_str(), keys.1.as_str());
        Self {
            by_old: old.sign_rotation(shown, &covers),
            by_new: new.sign_rotation(shown, &covers),
            covers,
            old: keys.0,
            new: keys.1,
        }
    }

    /// Returns the record of this rotation.
    pub(super) fn record(&self) -> Changed<'static> {
        let detail = match serde_json::to_value(self) {
            Ok(Json::Object(detail)) => detail,
            // It is a struct of texts.
            Ok(_) | Err(_) => serde_json::Map::new(),
        };
        Changed {
            what: ROTATED.into(),
            detail,
            ..Changed::default()
        }
    }

    /// Reads it out of its record.
    pub(super) fn read(changed: &Changed<'_>) -> Option<Self> {
        serde_json::from_value(Json::Object(changed.detail.clone())).ok()
    }

    /// Returns whether both keys have signed it.
    pub(super) fn is_signed(&self) -> bool {
        let keys = (self.old.as_str(), self.new.as_str());
        is_rotation_signed(&self.old, keys, (&self.covers, &self.by_old))
            && is_rotation_signed(&self.new, keys, (&self.covers, &self.by_new))
    }
}
