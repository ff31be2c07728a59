//! Gets the first refresh token where a person must sign in: by a code that a browser brings back (RFC 6749 section 4.1, with
//! RFC 7636 and RFC 8252), or by a code that the person types elsewhere (RFC 8628).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

use super::answer::OAuthAnswer;
use super::body::{FormBody, form_headers};
use super::oauth2::{CLIENT_ID, REFRESH_TOKEN, field};
use super::{Grant, MintError, MintStep, OAuth2, TokenAnswer, TokenRequest};
use crate::auth::Fields;
use crate::model::secret::Secret;

/// Pause between two questions unless the server says another one (RFC 8628 section 3.2).
const INTERVAL: Duration = Duration::from_secs(5);

/// How a scheme lets a person sign in.
#[derive(Debug, Clone, Copy)]
pub struct SignIn<'a>(&'a OAuth2);

/// Which of the two ways it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInKind {
    /// In a browser on this machine.
    Browser,
    /// By a code, on any device.
    Code,
}

/// What a browser is sent away with, and must bring back.
#[derive(Debug)]
pub struct AuthorizationRequest<'a> {
    /// Where the browser comes back: `http://127.0.0.1:PORT/callback`.
    pub redirect: &'a str,
    /// Says that an answer belongs to this question.
    pub state: &'a str,
    /// Proves that who redeems the code has asked for it; 43 to 128 characters.
    pub verifier: &'a Secret,
}

/// What a person needs to sign in on another device.
pub struct DeviceCode {
    /// Names the question in further requests.
    pub device_code: Secret,
    /// What the person types.
    pub user_code: String,
    /// URL where the person types it.
    pub verification_uri: String,
    /// How long the code is good.
    pub expires_in: Duration,
    /// Pause between two questions.
    pub interval: Duration,
}

/// What came of a question for the token.
#[derive(Debug)]
pub enum Signed {
    /// The person has signed in: the refresh token.
    In(Secret),
    /// The person has not signed in yet.
    Pending,
    /// Not yet, and the questions come too fast.
    SlowDown,
}

#[derive(Deserialize)]
struct WrittenDeviceCode {
    device_code: String,
    user_code: String,
    verification_uri: Option<String>,
    verification_url: Option<String>,
    expires_in: Json,
    interval: Option<u64>,
}

#[derive(Deserialize)]
struct WrittenError {
    error: String,
}

impl<'a> SignIn<'a> {
    /// Returns how a scheme lets a person sign in; `None` where nobody does.
    pub(in crate::auth) fn of(way: &'a OAuth2) -> Option<Self> {
        matches!(way.grant, Grant::AuthorizationCode | Grant::DeviceCode).then_some(Self(way))
    }

    /// Returns which way it is.
    #[must_use]
    pub fn kind(&self) -> SignInKind {
        if self.0.grant == Grant::DeviceCode {
            SignInKind::Code
        } else {
            SignInKind::Browser
        }
    }

    /// Returns the field that signing in fills.
    #[must_use]
    pub fn field(&self) -> &'static str {
        REFRESH_TOKEN
    }

    /// Returns the URL that a person opens (RFC 6749 section 4.1.1). The verifier goes as its hash only.
    ///
    /// # Errors
    /// If a field is missing or makes no URL.
    pub fn url(
        &self,
        fields: &Fields,
        request_for_code: &AuthorizationRequest<'_>,
    ) -> Result<String, MintError> {
        let url = self.0.authorize_url.as_ref();
        let url = url.ok_or(MintError::Malformed("cannot be asked for"))?;
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(request_for_code.verifier.expose()));
        let mut query = FormBody::default();
        query.push("response_type", b"code");
        query.push(CLIENT_ID, field(fields, CLIENT_ID)?);
        query.push("redirect_uri", request_for_code.redirect.as_bytes());
        query.push("state", request_for_code.state.as_bytes());
        query.push("code_challenge", challenge.as_bytes());
        query.push("code_challenge_method", b"S256");
        self.push_scopes(&mut query);
        for (name, text) in &self.0.params {
            query.push(name, &text.filled(fields)?);
        }
        let url = url.of(fields)?;
        let joint = if url.contains('?') { '&' } else { '?' };
        let query = query.finish();
        Ok(format!("{url}{joint}{}", String::from_utf8_lossy(&query)))
    }

    /// Returns the request that redeems the code (RFC 6749 section 4.1.3).
    ///
    /// # Errors
    /// If a field is missing.
    pub fn redeem(
        &self,
        fields: &Fields,
        code: &Secret,
        request_for_code: &AuthorizationRequest<'_>,
    ) -> Result<TokenRequest, MintError> {
        let mut form = FormBody::default();
        form.push("grant_type", b"authorization_code");
        form.push("code", code.expose());
        form.push("redirect_uri", request_for_code.redirect.as_bytes());
        form.push("code_verifier", request_for_code.verifier.expose());
        self.token_request(fields, form)
    }

    /// Returns the request for a code that a person types (RFC 8628 section 3.1).
    ///
    /// # Errors
    /// If a field is missing or makes no URL.
    pub fn ask_for_code(&self, fields: &Fields) -> Result<TokenRequest, MintError> {
        let url = self.0.device_url.as_ref();
        let url = url.ok_or(MintError::Malformed("cannot be asked for"))?;
        let mut form = FormBody::default();
        form.push(CLIENT_ID, field(fields, CLIENT_ID)?);
        self.push_scopes(&mut form);
        Ok(TokenRequest {
            method: http::Method::POST,
            url: url.of(fields)?,
            headers: form_headers(),
            body: form.finish(),
        })
    }

    /// Reads the code that a person types (RFC 8628 section 3.2).
    ///
    /// # Errors
    /// If the answer has none.
    pub fn read_code(&self, answer: &TokenAnswer) -> Result<DeviceCode, MintError> {
        let Ok(written) = serde_json::from_slice::<WrittenDeviceCode>(&answer.body) else {
            return Err(super::answer::refused(answer.status, None));
        };
        let expires_in = super::answer::lifetime(&written.expires_in)?;
        let uri = written.verification_uri.or(written.verification_url);
        Ok(DeviceCode {
            device_code: Secret::from(written.device_code),
            user_code: written.user_code,
            verification_uri: uri.ok_or(MintError::Malformed("does not say where to sign in"))?,
            expires_in: expires_in.unwrap_or(Duration::from_secs(600)),
            interval: written.interval.map_or(INTERVAL, Duration::from_secs),
        })
    }

    /// Returns the question whether the person has signed in (RFC 8628 section 3.4).
    ///
    /// # Errors
    /// If a field is missing.
    pub fn ask(&self, fields: &Fields, device_code: &Secret) -> Result<TokenRequest, MintError> {
        let mut form = FormBody::default();
        let grant = b"urn:ietf:params:oauth:grant-type:device_code";
        form.push("grant_type", grant);
        form.push("device_code", device_code.expose());
        // RFC 8628 section 3.4 wants the name where the client proves itself by nothing else, and allows it elsewhere.
        if self.0.client_auth != super::ClientAuth::Post
            && self.0.client_auth != super::ClientAuth::None
        {
            form.push(CLIENT_ID, field(fields, CLIENT_ID)?);
        }
        self.token_request(fields, form)
    }

    /// Reads the refresh token (RFC 6749 section 5.1), or that the person has not signed in yet (RFC 8628 section 3.5).
    ///
    /// # Errors
    /// If the answer has none, and will not.
    pub fn read(&self, answer: &TokenAnswer) -> Result<Signed, MintError> {
        if let Ok(WrittenError { error }) = serde_json::from_slice(&answer.body) {
            match error.as_str() {
                "authorization_pending" => return Ok(Signed::Pending),
                "slow_down" => return Ok(Signed::SlowDown),
                _ => {}
            }
        }
        let answer = OAuthAnswer::read(answer)?;
        let token = answer.refresh_token;
        token.map(Signed::In).ok_or(MintError::Malformed(
            "has no refresh token, so there is nothing to keep",
        ))
    }

    fn push_scopes(&self, form: &mut FormBody) {
        if !self.0.scopes.is_empty() {
            form.push("scope", self.0.scopes.join(" ").as_bytes());
        }
    }

    fn token_request(&self, fields: &Fields, form: FormBody) -> Result<TokenRequest, MintError> {
        match self.0.request(fields, form)? {
            MintStep::Ask(request, _) => Ok(request),
            MintStep::Minted(_) => Err(MintError::Malformed("was not asked for")),
        }
    }
}

impl std::fmt::Debug for DeviceCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DeviceCode(..)")
    }
}
