//! Says why no token was minted; for the log, never for the agent.

use crate::auth::MintError;
use crate::connector::Unbound;
use crate::outbound::{HttpsUrlError, OutboundError};
use crate::vault::{OpenError, RotatedError};

/// Reasons why no token was minted.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotMinted {
    #[error(transparent)]
    Sealed(#[from] OpenError),
    #[error(transparent)]
    Moved(#[from] Unbound),
    #[error(transparent)]
    Mint(#[from] MintError),
    #[error(transparent)]
    Url(#[from] HttpsUrlError),
    #[error("the credential is not bound to `{0}`")]
    NotBound(String),
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    #[error(transparent)]
    Rotated(#[from] RotatedError),
    #[error("the endpoint asks for too many requests")]
    TooManySteps,
    #[error("the scheme mints nothing")]
    Nothing,
}

impl NotMinted {
    /// Returns whether the reason is what a request names, not the credential: an owner without the App, or one that has locked
    /// it out.
    pub(super) fn is_of_slot(&self, slot: &str) -> bool {
        match self {
            Self::Mint(MintError::Installation(_)) => true,
            Self::Mint(MintError::Refused { status, .. }) => {
                !slot.is_empty() && matches!(status, 403 | 404)
            }
            _ => false,
        }
    }
}
