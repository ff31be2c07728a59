//! Reads where the secrets of a credential lie that the vault does not keep itself: `--source FIELD=ORIGIN`.

use std::collections::BTreeMap;

use crate::auth::Scheme;
use crate::cli::failure::Failure;
use crate::model::credential::SecretOrigin;
use crate::model::show::escape;

/// Reads `FIELD=ORIGIN` of each secret that the vault does not keep itself.
pub(super) fn read(
    scheme: &Scheme,
    written: &[String],
) -> Result<BTreeMap<String, SecretOrigin>, Failure> {
    let mut origins = BTreeMap::new();
    for text in written {
        let (name, origin) = text.split_once('=').ok_or_else(|| {
            Failure::usage("a source is `FIELD=file:/path`, `FIELD=env:NAME`, `FIELD=command:…` or `FIELD=vault_kv:…`")
        })?;
        let mut fields = scheme.fields().iter();
        if !fields.any(|field| field.secret && field.name == name) {
            let detail = format!(
                "scheme `{}` has no secret field `{}`",
                scheme.id,
                escape(name)
            );
            return Err(Failure::usage(detail));
        }
        let origin =
            SecretOrigin::parse(origin).map_err(|error| Failure::usage(error.to_string()))?;
        origins.insert(name.to_owned(), origin);
    }
    Ok(origins)
}
