//! Checks what an operator gave for a credential before it is sealed.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use crate::model::agent::AgentName;
use crate::model::credential::{
    AGENT_OWNED, Binding, CredentialId, MintedTokens, PreparedHeaders, SealedCredential,
    SecretOrigin,
};
use crate::model::secret::Secret;
use crate::model::target::{Authority, Path};

/// Shortest secret field in bytes. A shorter one would be masked all over innocent answers.
pub const MIN_SECRET: usize = 8;

/// A credential as an operator gave it.
#[derive(Debug, Clone)]
pub struct CredentialDraft {
    /// Id, unique in the vault.
    pub id: CredentialId,
    /// The connector it is for.
    pub connector: String,
    /// The id of the connector's auth scheme.
    pub scheme: String,
    /// Placement of that scheme; irrelevant where the agent has its own credential.
    pub placement: String,
    /// Fields that may be shown.
    pub public_fields: BTreeMap<String, String>,
    /// Fields that may not.
    pub secret_fields: BTreeMap<String, Secret>,
    /// Where secret fields are read from that the vault does not keep itself.
    pub origins: BTreeMap<String, SecretOrigin>,
    /// Targets it may go to; a host without a port means 443.
    pub binding: Binding,
    /// The agent's own credential is left in place; then there are no secret fields.
    pub agent_owned: bool,
    /// Moment in RFC 3339, UTC.
    pub created_at: String,
}

/// Reasons why a credential cannot be sealed; none holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Too easy to guess, and it would be masked all over innocent answers.
    #[error("field `{field}` is shorter than {MIN_SECRET} bytes")]
    TooShort {
        /// Name of the field.
        field: String,
    },
    /// A slip of copy and paste, which the upstream would refuse.
    #[error("field `{field}` begins or ends with white space")]
    Padded {
        /// Name of the field.
        field: String,
    },
    /// Nothing but line breaks and tabs, as keys in PEM have them.
    #[error("field `{field}` holds a control character")]
    Control {
        /// Name of the field.
        field: String,
    },
    /// It could not be put on a request.
    #[error("field `{field}` is not UTF-8")]
    NotText {
        /// Name of the field.
        field: String,
    },
    /// One name, two values.
    #[error("field `{field}` is given both as secret and as public")]
    Twice {
        /// Name of the field.
        field: String,
    },
    /// The agent brings it, so there is nothing to keep.
    #[error("an agent-owned credential keeps no secret, but field `{field}` was given")]
    NotOurs {
        /// Name of the field.
        field: String,
    },
    /// It could be sent nowhere.
    #[error("the credential is bound to no host")]
    Unbound,
    /// Nothing says where a request would hold it.
    #[error("the credential has no placement")]
    NoPlacement,
    /// Not exact, or not a host.
    #[error("the binding's {0}")]
    BadBinding(String),
    /// The cipher or the serialiser refused.
    #[error("the credential cannot be sealed")]
    Unsealable,
}

type Secrets = BTreeMap<String, Zeroizing<String>>;

impl CredentialDraft {
    /// Returns the columns as they would be kept, with nothing in them to open: to list them, or to ask where they would go.
    ///
    /// # Errors
    /// As when it is sealed.
    pub fn unsealed(self) -> Result<SealedCredential, SealError> {
        self.checked().map(|(credential, _)| credential)
    }

    /// Returns the columns, still without ciphertext, and the secrets as text.
    pub(super) fn checked(self) -> Result<(SealedCredential, Secrets), SealError> {
        let mut secrets = Secrets::new();
        for (field, secret) in self.secret_fields {
            if self.agent_owned {
                return Err(SealError::NotOurs { field });
            }
            if self.public_fields.contains_key(&field) {
                return Err(SealError::Twice { field });
            }
            let text = secret_text(&field, &secret)?;
            secrets.insert(field, text);
        }
        for (field, origin) in self.origins {
            if self.agent_owned {
                return Err(SealError::NotOurs { field });
            }
            if self.public_fields.contains_key(&field) || secrets.contains_key(&field) {
                return Err(SealError::Twice { field });
            }
            secrets.insert(field, Zeroizing::new(origin.sealed_text()));
        }
        for (field, text) in &self.public_fields {
            check_text(field, text)?;
        }
        let binding = canonical(self.binding)?;
        if binding.hosts.is_empty() && !self.agent_owned {
            return Err(SealError::Unbound);
        }
        if self.placement.is_empty() && !self.agent_owned {
            return Err(SealError::NoPlacement);
        }
        let credential = SealedCredential {
            id: self.id,
            connector: self.connector,
            scheme: self.scheme,
            public_fields: self.public_fields,
            placement: if self.agent_owned {
                AGENT_OWNED.to_owned()
            } else {
                self.placement
            },
            binding,
            key_version: 0,
            sealed: Vec::new(),
            agent_owned: self.agent_owned,
            created_at: self.created_at,
            prepared: PreparedHeaders::default(),
            minted: MintedTokens::default(),
        };
        Ok((credential, secrets))
    }
}

fn secret_text(field: &str, secret: &Secret) -> Result<Zeroizing<String>, SealError> {
    let field_name = || field.to_owned();
    let text = std::str::from_utf8(secret.expose()).map_err(|_| SealError::NotText {
        field: field_name(),
    })?;
    if text.len() < MIN_SECRET {
        return Err(SealError::TooShort {
            field: field_name(),
        });
    }
    check_text(field, text)?;
    Ok(Zeroizing::new(text.to_owned()))
}

fn check_text(field: &str, text: &str) -> Result<(), SealError> {
    if text.trim() != text {
        return Err(SealError::Padded {
            field: field.to_owned(),
        });
    }
    if text
        .chars()
        .any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
    {
        return Err(SealError::Control {
            field: field.to_owned(),
        });
    }
    Ok(())
}

/// Brings a binding into the one spelling that requests are compared with.
fn canonical(binding: Binding) -> Result<Binding, SealError> {
    let bad = |what: &str, text: &str, why: &dyn std::fmt::Display| {
        SealError::BadBinding(format!(
            "{what} `{}` is not one: {why}",
            text.escape_debug()
        ))
    };
    let mut hosts = Vec::with_capacity(binding.hosts.len());
    for text in binding.hosts {
        let authority = Authority::parse(&text, 443)
            .map_err(|error| SealError::BadBinding(error.to_string()))?;
        hosts.push(authority.to_string());
    }
    let text = if binding.path.is_empty() {
        "/"
    } else {
        &binding.path
    };
    let path = Path::parse(text).map_err(|why| bad("path", text, &why))?;
    if !path.oddities().is_empty() {
        return Err(bad("path", text, &"servers read it in several ways"));
    }
    for agent in &binding.agents {
        AgentName::parse(agent).map_err(|error| SealError::BadBinding(error.to_string()))?;
    }
    let sorted = |mut texts: Vec<String>| {
        texts.sort_unstable();
        texts.dedup();
        texts
    };
    Ok(Binding {
        hosts: sorted(hosts),
        path: path.as_str().to_owned(),
        urls: sorted(binding.urls),
        agents: sorted(binding.agents),
    })
}
