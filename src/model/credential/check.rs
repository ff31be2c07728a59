//! Says what a credential's last check has found.

use serde::{Deserialize, Serialize};

/// What a check of a credential shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckState {
    /// The API accepts it.
    Valid,
    /// The API does not know it: it has expired, was revoked, or is wrong.
    Expired,
    /// The API knows it and does not let it ask who it is.
    Forbidden,
    /// The API could not be asked, so nothing is known.
    Unreachable,
    /// The API's answer says nothing of the credential.
    Unclear,
    /// The gateway cannot put it on a request.
    Unusable,
    /// It was not checked, or its connector says no request for that.
    #[default]
    Unchecked,
}

/// A check of a credential.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialCheck {
    /// What the API's answer shows.
    pub state: CheckState,
    /// Why, in one line; never anything of the credential.
    pub detail: Option<String>,
    /// Who the API says that the credential belongs to.
    pub identity: Option<String>,
    /// When it was checked, RFC 3339, UTC.
    pub checked_at: Option<String>,
    /// When the API last accepted it, RFC 3339, UTC.
    pub last_success: Option<String>,
    /// When the API says that it expires, RFC 3339, UTC.
    pub expires_at: Option<String>,
}

impl CheckState {
    /// Every state, for metrics and tables.
    pub const ALL: [Self; 7] = [
        Self::Valid,
        Self::Expired,
        Self::Forbidden,
        Self::Unreachable,
        Self::Unclear,
        Self::Unusable,
        Self::Unchecked,
    ];

    /// Returns the state as it is shown and recorded.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Expired => "expired",
            Self::Forbidden => "forbidden",
            Self::Unreachable => "unreachable",
            Self::Unclear => "unclear",
            Self::Unusable => "unusable",
            Self::Unchecked => "unchecked",
        }
    }

    /// Returns whether requests with it would surely fail.
    #[must_use]
    pub fn is_bad(self) -> bool {
        matches!(self, Self::Expired | Self::Forbidden | Self::Unusable)
    }
}

impl CredentialCheck {
    /// Returns a check that found this.
    #[must_use]
    pub fn of(state: CheckState, detail: impl Into<String>) -> Self {
        Self {
            state,
            detail: Some(detail.into()),
            ..Self::default()
        }
    }

    /// Keeps what an earlier check of the same credential knew and this one could not learn.
    #[must_use]
    pub fn after(mut self, before: &Self) -> Self {
        if self.last_success.is_none() {
            self.last_success.clone_from(&before.last_success);
        }
        if self.state == CheckState::Unreachable {
            self.identity = self.identity.or_else(|| before.identity.clone());
            self.expires_at = self.expires_at.or_else(|| before.expires_at.clone());
        }
        self
    }

    /// Returns it in a few words: `valid (octocat)`, `expired: the API answers 401`.
    #[must_use]
    pub fn in_words(&self) -> String {
        let mut words = self.state.as_str().to_owned();
        if let Some(identity) = &self.identity {
            words.push_str(&format!(" ({identity})"));
        }
        if let (true, Some(detail)) = (self.state != CheckState::Valid, &self.detail) {
            words.push_str(": ");
            words.push_str(detail);
        }
        words
    }
}
