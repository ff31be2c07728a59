//! Seals what builds before have sealed under the master key itself under the data key, before another master key takes its place.
//!
//! INVARIANT: each row is replaced only as it was read, so nothing that is written meanwhile is lost.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::CryptoRng;

use super::cipher::Cipher;
use super::key::{MasterKey, UNDER_DATA};
use super::key_error::KeyError;
use super::{own, rebinder};
use crate::model::credential::{CredentialId, SealedCredential};
use crate::store::{MetaSwap, Store};

/// Seals all rows of older builds again: credentials, pins, and the gateway's own secrets.
pub(super) async fn reseal_older(
    store: &Store,
    data: &MasterKey,
    random: &mut dyn CryptoRng,
) -> Result<(), KeyError> {
    let cipher = Cipher::new(data);
    for row in store.credentials().await? {
        if row.key_version < UNDER_DATA {
            let fresh = resealed(&cipher, &row, random)?;
            if !store.replace_credential(&row, &fresh).await? {
                return Err(KeyError::Changed);
            }
        }
    }
    for (id, sealed) in store.pins().await? {
        // A pin that opens under no key was edited, which a start tells.
        if let Ok(parsed) = CredentialId::parse(&id)
            && let Some(fresh) =
                cipher.resealed_from_older(&sealed, &rebinder::purpose(&parsed), random)
        {
            store.put_pin(&id, &fresh).await?;
        }
    }
    for name in own::NAMES {
        let Some(row) = store.meta(name).await? else {
            continue;
        };
        let sealed = STANDARD.decode(&row).unwrap_or_default();
        if let Some(fresh) = cipher.resealed_from_older(&sealed, &own::purpose(name), random) {
            let swap = MetaSwap::of(name, Some(row), Some(STANDARD.encode(fresh)));
            if !store.swap_meta(&[swap]).await? {
                return Err(KeyError::Changed);
            }
        }
    }
    Ok(())
}

fn resealed(
    cipher: &Cipher,
    row: &SealedCredential,
    random: &mut dyn CryptoRng,
) -> Result<SealedCredential, KeyError> {
    if row.placement.is_empty() {
        return Err(KeyError::Older(row.id.to_string()));
    }
    let secrets = cipher.open_to_reseal(row);
    let secrets = secrets.ok_or_else(|| KeyError::Tampered(format!("credential `{}`", row.id)))?;
    let mut fresh = SealedCredential {
        key_version: cipher.version(),
        ..row.clone()
    };
    let sealed = cipher.seal(&fresh, &secrets, random);
    fresh.sealed = sealed.map_err(|_| KeyError::Unsealable)?;
    Ok(fresh)
}
