//! Mints tokens from credentials: says what to ask whom, and reads the answers. `Minter` lists the ways; each has a file in `mint/`.
//!
//! Nothing here sends anything, so a caller must: only to what the credential is bound to.

mod answer;
mod body;
pub(super) mod exchange;
pub(super) mod github_app;
mod json_path;
pub(super) mod jwt;
mod key;
pub(super) mod oauth2;
pub(super) mod sign_in;
mod url;

use std::collections::BTreeMap;
use std::fmt;
use std::time::SystemTime;

use http::{HeaderMap, Method};
use serde::Serialize;
use zeroize::Zeroizing;

use super::{ApplyError, Fields};
use crate::model::credential::MintedToken;

pub(super) use exchange::Exchange;
pub(super) use github_app::GithubApp;
pub(super) use json_path::{JsonPath, Place};
pub(super) use jwt::Jwt;
pub(super) use key::Algorithm;
pub(super) use oauth2::{ClientAuth, Grant, OAuth2};
pub use sign_in::{AuthorizationRequest, DeviceCode, SignIn, SignInKind, Signed};
pub(super) use url::UrlText;

/// One way of minting. THE list of schemes with state; its serialised form is part of what credentials are bound to.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Minter {
    /// Asks a token endpoint (RFC 6749 and its extensions).
    Oauth2(Box<OAuth2>),
    /// Asks an endpoint of the API's own.
    Exchange(Box<Exchange>),
    /// Signs the token itself (RFC 7519).
    Jwt(Box<Jwt>),
    /// Asks GitHub for a token of one installation.
    GithubApp(Box<GithubApp>),
}

/// What a token is minted from.
#[derive(Debug, Clone, Copy)]
pub struct MintInput<'a> {
    /// The opened fields of the credential.
    pub fields: &'a Fields,
    /// What the request names, where tokens differ by it; else empty.
    pub slot: &'a str,
    /// The moment that counts as now.
    pub now: SystemTime,
    /// Fresh for each token.
    pub nonce: [u8; 16],
}

/// What must be done next.
#[derive(Debug)]
pub enum MintStep {
    /// This must be sent; the answer goes to [`super::Scheme::mint_next`].
    Ask(TokenRequest, Stage),
    /// The token is there.
    Minted(Minted),
}

/// A token, and what changes with it.
#[derive(Debug)]
pub struct Minted {
    /// What requests carry from now on.
    pub token: MintedToken,
    /// Fields of the credential that the endpoint has replaced: they must be sealed before the token is used.
    pub rotated: Fields,
}

/// A request to a token endpoint. `Debug` shows where it goes, and nothing of what it carries.
pub struct TokenRequest {
    /// Method of the request.
    pub method: Method,
    /// URL with its query.
    pub url: String,
    /// Headers; those with secrets are marked.
    pub headers: HeaderMap,
    /// Body, which may hold secrets.
    pub body: Zeroizing<Vec<u8>>,
}

/// The answer of a token endpoint. `Debug` shows the status only.
pub struct TokenAnswer {
    /// Status of the answer.
    pub status: u16,
    /// Headers of the answer.
    pub headers: HeaderMap,
    /// Body of the answer, whole.
    pub body: Zeroizing<Vec<u8>>,
}

/// Which answer is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// The answer that holds the token.
    Token,
    /// The installation of a GitHub App; says whether users or organisations were asked.
    Installation(github_app::Owner),
}

/// Reasons why nothing is minted; none holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// A field is missing or cannot be written.
    #[error(transparent)]
    Field(#[from] ApplyError),
    /// A public field makes no URL.
    #[error("field `{0}` cannot be part of a URL")]
    Url(String),
    /// The endpoint says no; `code` is one of RFC 6749 section 5.2, or empty.
    #[error("the token endpoint answers {status} {code}")]
    Refused {
        /// Status of the answer.
        status: u16,
        /// What the endpoint calls the error.
        code: String,
    },
    /// The answer is none that the scheme knows.
    #[error("the token endpoint's answer {0}")]
    Malformed(&'static str),
    /// The key cannot sign.
    #[error("the private key {0}")]
    Key(&'static str),
    /// The App is not installed there, or in several places.
    #[error("{0}")]
    Installation(&'static str),
}

// === impl Minter ===

impl Minter {
    pub(super) fn begin(&self, input: MintInput<'_>) -> Result<MintStep, MintError> {
        match self {
            Self::Oauth2(way) => way.begin(input),
            Self::Exchange(way) => way.begin(input),
            Self::Jwt(way) => way.begin(input),
            Self::GithubApp(way) => way.begin(input),
        }
    }

    pub(super) fn next(
        &self,
        input: MintInput<'_>,
        stage: &Stage,
        answer: &TokenAnswer,
    ) -> Result<MintStep, MintError> {
        match self {
            Self::Oauth2(way) => way.finish(input, answer),
            Self::Exchange(way) => way.finish(input, answer),
            Self::GithubApp(way) => way.next(input, stage, answer),
            Self::Jwt(_) => Err(MintError::Malformed("was not asked for")),
        }
    }

    /// Returns the fields that a token has.
    pub(super) fn minted(&self) -> &'static [&'static str] {
        match self {
            Self::Oauth2(_) => &["access_token"],
            Self::Exchange(_) | Self::Jwt(_) | Self::GithubApp(_) => &["token"],
        }
    }

    /// Returns the URLs that the credential's bytes go to; one that ends in `/` stands for all below it.
    pub(super) fn urls(&self, public: &BTreeMap<String, String>) -> Result<Vec<String>, MintError> {
        match self {
            Self::Oauth2(way) => way.urls(public),
            Self::Exchange(way) => Ok(vec![way.url.filled(public)?]),
            Self::Jwt(_) => Ok(Vec::new()),
            Self::GithubApp(way) => Ok(vec![format!("{}/", way.api.filled(public)?)]),
        }
    }

    pub(super) fn sign_in(&self) -> Option<SignIn<'_>> {
        match self {
            Self::Oauth2(way) => SignIn::of(way),
            Self::Exchange(_) | Self::Jwt(_) | Self::GithubApp(_) => None,
        }
    }

    /// Returns the parameter of requests by which tokens differ.
    pub(super) fn slot(&self) -> Option<&'static str> {
        match self {
            Self::GithubApp(way) => way.slot(),
            Self::Oauth2(_) | Self::Exchange(_) | Self::Jwt(_) => None,
        }
    }
}

impl fmt::Debug for TokenRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenRequest")
            .field("method", &self.method)
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for TokenAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenAnswer")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}
