//! Says whether a connector still puts a credential where it was bound to be put: the one check that stands before every use.

use std::fmt;

use crate::auth::Scheme;
use crate::connector::model::connector::Connector;
use crate::model::credential::{AGENT_OWNED, SealedCredential};

/// Why a connector cannot use a credential: its files have changed since the credential was bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unbound {
    /// The scheme is gone.
    NoScheme(String),
    /// The scheme now puts it into another place, or into another text.
    Moved,
}

impl Connector {
    /// Returns the scheme that puts a credential on, as it was when the credential was bound; `None` where the agent brings its
    /// own.
    ///
    /// # Errors
    /// `Unbound` when the scheme would now send it in any other way.
    pub fn put_on(&self, credential: &SealedCredential) -> Result<Option<&Scheme>, Unbound> {
        if credential.agent_owned {
            return if credential.placement == AGENT_OWNED {
                Ok(None)
            } else {
                Err(Unbound::Moved)
            };
        }
        let scheme = self
            .schemes
            .iter()
            .find(|scheme| scheme.id == credential.scheme)
            .ok_or_else(|| Unbound::NoScheme(credential.scheme.clone()))?;
        if !scheme.placement().is_empty() && scheme.placement() == credential.placement {
            Ok(Some(scheme))
        } else {
            Err(Unbound::Moved)
        }
    }
}

impl fmt::Display for Unbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoScheme(scheme) => {
                write!(
                    f,
                    "unbound: the connector has no auth scheme `{}`",
                    scheme.escape_debug()
                )
            }
            Self::Moved => f.write_str("unbound: the connector's file now puts it elsewhere"),
        }
    }
}

impl std::error::Error for Unbound {}
