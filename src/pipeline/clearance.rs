//! Defines whether a request may go, and with what: the credential, a human's approval, and what happens to credentials in the
//! answer.

use std::sync::Arc;

use super::refuse::{Code, Refusal};
use crate::model::credential::{CredentialId, SealedCredential};
use crate::policy::Ruling;

/// What a request may go out with.
#[derive(Debug, Clone)]
pub enum Injection {
    /// The gateway's credential is put on; what the agent sent in its places is stripped.
    Credential(Arc<SealedCredential>),
    /// The agent's own credential stays (`credential add --agent-owned`).
    AgentOwned(Arc<SealedCredential>),
    /// Nothing is put on, and what the agent sent is stripped.
    Bare,
}

impl Injection {
    /// Returns the credential's id.
    #[must_use]
    pub fn credential(&self) -> Option<&CredentialId> {
        match self {
            Self::Credential(credential) | Self::AgentOwned(credential) => Some(&credential.id),
            Self::Bare => None,
        }
    }

    /// Returns whether the same goes out, by id: a credential that was rotated is still the same one.
    #[must_use]
    pub fn is_as(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
            && self.credential() == other.credential()
    }
}

/// What comes of a request, with what it would go out with.
#[derive(Debug)]
pub enum Clearance {
    /// The request may go, with this injection.
    Allowed(Injection),
    /// It may go once a human has said yes.
    NeedsApproval(Injection),
    /// It may not go. Nobody is asked about what has no credential to go out with.
    Refused(Refusal),
}

impl Clearance {
    /// Returns what it would go out with.
    #[must_use]
    pub fn injection(&self) -> Option<&Injection> {
        match self {
            Self::Allowed(injection) | Self::NeedsApproval(injection) => Some(injection),
            Self::Refused(_) => None,
        }
    }

    /// Returns what goes out with this consent.
    ///
    /// # Errors
    /// Why the request may not go; `approval_required` where no operator was asked.
    pub(super) fn granted(self, consent: Consent) -> Result<Injection, Refusal> {
        match (self, consent) {
            (Self::Allowed(injection), _) | (Self::NeedsApproval(injection), Consent::Given) => {
                Ok(injection)
            }
            (Self::NeedsApproval(_), Consent::NotNeeded) => Err(Code::ApprovalRequired.into()),
            (Self::Refused(refusal), _) => Err(refusal),
        }
    }
}

/// What becomes of a credential that the answer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseSecrets {
    /// No action issues one, or a permission lets the agent have it.
    Passes,
    /// The agent gets a placeholder.
    Masked,
}

impl ResponseSecrets {
    /// Returns what a ruling says.
    pub(super) fn of(ruling: &Ruling) -> Self {
        if ruling.passes_response_secrets {
            Self::Passes
        } else {
            Self::Masked
        }
    }
}

/// Whether a human's yes is behind a permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// Nobody had to be asked.
    NotNeeded,
    /// An operator has said yes, or is being asked.
    Given,
}
