//! Seals credentials for another place, with the vault's key: the running gateway's, or that of the configuration.

use crate::admin::service::rebinding::Placing;
use crate::model::credential::{CredentialId, SealedCredential};
use crate::vault::{Pin, Rebinder};

/// Seals a credential of the store for another place, or says why it cannot be.
pub(in crate::cli) fn rebind(
    rebinder: &Rebinder,
    placing: &Placing,
) -> Result<SealedCredential, String> {
    let place = (placing.scheme.as_str(), placing.placement.as_str());
    let fields = placing.fields.iter().map(String::as_str);
    let random = &mut rand::rng();
    let bound = rebinder.rebind(&placing.credential, place, fields, random);
    let bound = bound.map_err(|error| error.to_string())?;
    if bound.binding.urls == placing.urls {
        return Ok(bound);
    }
    let again = rebinder.with_urls(&bound, placing.urls.clone(), random);
    again.map_err(|error| error.to_string())
}

/// Seals where a declared credential is bound to, or says why it cannot be.
pub(in crate::cli) fn seal_pin(
    rebinder: &Rebinder,
    id: &CredentialId,
    pin: &Pin,
) -> Result<Vec<u8>, String> {
    let sealed = rebinder.seal_pin(id, pin, &mut rand::rng());
    sealed.ok_or_else(|| "the binding cannot be sealed".to_owned())
}
