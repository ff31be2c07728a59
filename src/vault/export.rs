//! Takes credentials out of one vault and into another, in a text that only a passphrase opens.
//!
//! INVARIANT: an export that does not authenticate as a whole gives nothing, and no opened secret leaves this file but in a draft.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::CryptoRng;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::cipher::Cipher;
use super::draft::CredentialDraft;
use super::key::MasterKey;
use super::key_error::KeyError;
use super::rotated::Replaced;
use crate::model::credential::{Binding, CredentialId, SealedCredential, SecretOrigin};
use crate::model::secret::{Secret, SecretText};

/// Names the form; authenticated with the rest.
const FORM: &str = "tollgate vault export 1";

/// Reasons why nothing is exported or imported; none holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A row of the vault was changed, or the master key is another one.
    #[error(
        "credential `{0}` does not authenticate: the master key is another one, or its row was changed"
    )]
    Tampered(CredentialId),
    /// Something else than an export, or one of a later form.
    #[error("this is not an export of a vault")]
    Form,
    /// One flipped bit is enough.
    #[error("the export does not open: the passphrase is another one, or the file was changed")]
    Closed,
    /// The passphrase gives no key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The cipher or the serialiser refused.
    #[error("the credentials cannot be sealed")]
    Unsealable,
}

/// The file as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    form: String,
    salt: String,
    sealed: String,
}

/// A credential in it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exported {
    id: CredentialId,
    connector: String,
    scheme: String,
    placement: String,
    public: BTreeMap<String, String>,
    /// As sealed: a secret, or where it lies.
    secret: BTreeMap<String, SecretText>,
    binding: Binding,
    agent_owned: bool,
    created_at: String,
    /// What its token endpoint has put in place of fields: those are used up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replaced: Option<Replaced>,
}

/// A credential of an export.
#[derive(Debug)]
pub struct Imported {
    /// What the other vault seals.
    pub draft: CredentialDraft,
    /// What its token endpoint has put in place of fields.
    pub replaced: Option<Replaced>,
}

/// Opens the credentials of a vault, and seals them in a text under a passphrase.
pub(super) fn export(
    cipher: &Cipher,
    credentials: Vec<(SealedCredential, Option<Replaced>)>,
    passphrase: &Secret,
    random: &mut dyn CryptoRng,
) -> Result<String, ExportError> {
    let mut exported = Vec::with_capacity(credentials.len());
    for (credential, replaced) in credentials {
        let secret = cipher
            .open_to_reseal(&credential)
            .ok_or_else(|| ExportError::Tampered(credential.id.clone()))?;
        exported.push(Exported {
            id: credential.id,
            connector: credential.connector,
            scheme: credential.scheme,
            placement: credential.placement,
            public: credential.public_fields,
            secret: secret
                .into_iter()
                .map(|(name, text)| (name, SecretText(Secret::new(text.as_bytes().to_vec()))))
                .collect(),
            binding: credential.binding,
            agent_owned: credential.agent_owned,
            created_at: credential.created_at,
            replaced,
        });
    }
    let text = serde_json::to_vec(&exported).map_err(|_| ExportError::Unsealable)?;
    let text = Zeroizing::new(text);
    let mut salt = [0_u8; 16];
    random.fill_bytes(&mut salt);
    let key = MasterKey::from_passphrase(passphrase, &salt)?;
    let sealed = Cipher::new(&key)
        .encrypt(&text, FORM.as_bytes(), random)
        .ok_or(ExportError::Unsealable)?;
    let envelope = Envelope {
        form: FORM.to_owned(),
        salt: STANDARD.encode(salt),
        sealed: STANDARD.encode(sealed),
    };
    serde_json::to_string_pretty(&envelope).map_err(|_| ExportError::Unsealable)
}

/// Opens an export, whole or not at all.
///
/// # Errors
/// `Form` for anything else than an export, `Closed` under another passphrase or after a change.
pub fn import(text: &str, passphrase: &Secret) -> Result<Vec<Imported>, ExportError> {
    let envelope: Envelope = serde_json::from_str(text).map_err(|_| ExportError::Form)?;
    if envelope.form != FORM {
        return Err(ExportError::Form);
    }
    let decoded = |text: &str| STANDARD.decode(text).map_err(|_| ExportError::Closed);
    let salt: [u8; 16] = decoded(&envelope.salt)?
        .try_into()
        .map_err(|_| ExportError::Closed)?;
    let key = MasterKey::from_passphrase(passphrase, &salt)?;
    let opened = Cipher::new(&key).decrypt(&decoded(&envelope.sealed)?, FORM.as_bytes());
    let opened = opened.ok_or(ExportError::Closed)?;
    let exported: Vec<Exported> = serde_json::from_slice(&opened).map_err(|_| ExportError::Form)?;
    let imported = exported.into_iter().map(|mut exported| Imported {
        replaced: exported.replaced.take(),
        draft: draft(exported),
    });
    Ok(imported.collect())
}

fn draft(exported: Exported) -> CredentialDraft {
    let mut origins = BTreeMap::new();
    let mut secrets = BTreeMap::new();
    for (name, SecretText(secret)) in exported.secret {
        match SecretOrigin::of_sealed(secret.expose()) {
            Some(origin) => drop(origins.insert(name, origin)),
            None => drop(secrets.insert(name, secret)),
        }
    }
    CredentialDraft {
        id: exported.id,
        connector: exported.connector,
        scheme: exported.scheme,
        placement: exported.placement,
        public_fields: exported.public,
        secret_fields: secrets,
        origins,
        binding: exported.binding,
        agent_owned: exported.agent_owned,
        created_at: exported.created_at,
    }
}
