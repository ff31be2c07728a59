//! Asks an OAuth token endpoint: client credentials and refresh (RFC 6749), JWT bearer (RFC 7523), token exchange (RFC 8693).

use std::collections::BTreeMap;

use http::Method;
use http::header::AUTHORIZATION;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::answer::OAuthAnswer;
use super::body::{FormBody, basic, escape, form_headers};
use super::{
    Jwt, MintError, MintInput, MintStep, Minted, Stage, TokenAnswer, TokenRequest, UrlText,
};
use crate::auth::text::Text;
use crate::auth::{ApplyError, Fields};
use crate::model::credential::MintedToken;

pub(super) const CLIENT_ID: &str = "client_id";
const CLIENT_SECRET: &str = "client_secret";
pub(super) const REFRESH_TOKEN: &str = "refresh_token";
const SUBJECT_TOKEN: &str = "subject_token";

/// What a token is asked for with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Grant {
    /// The client's own name and secret (RFC 6749 section 4.4).
    ClientCredentials,
    /// A refresh token (RFC 6749 section 6).
    RefreshToken,
    /// As `refresh_token`; `credential add --oauth` gets it in a browser (RFC 6749 section 4.1, RFC 7636, RFC 8252).
    AuthorizationCode,
    /// As `refresh_token`; `credential add --oauth` gets it by a code that is typed elsewhere (RFC 8628).
    DeviceCode,
    /// A signed assertion (RFC 7523), as service accounts of Google have it.
    JwtBearer,
    /// Another token (RFC 8693).
    TokenExchange,
}

/// How the client proves itself (RFC 6749 section 2.3.1).
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// By `Authorization: Basic`, both escaped.
    #[default]
    Basic,
    /// `client_id` and `client_secret` in the body.
    Post,
    /// `client_id` alone, or nothing where there is no such field.
    None,
}

/// A compiled `oauth2` entry.
#[derive(Debug, Clone, Serialize)]
pub(in crate::auth) struct OAuth2 {
    pub(in crate::auth) grant: Grant,
    pub(in crate::auth) token_url: UrlText,
    pub(in crate::auth) authorize_url: Option<UrlText>,
    pub(in crate::auth) device_url: Option<UrlText>,
    pub(in crate::auth) scopes: Vec<String>,
    pub(in crate::auth) client_auth: ClientAuth,
    /// Further parameters of the request, sorted.
    pub(in crate::auth) params: BTreeMap<String, Text>,
    pub(in crate::auth) jwt: Option<Jwt>,
}

impl Grant {
    /// Returns the fields that it needs beside those that prove the client.
    pub(in crate::auth) fn needs(self) -> &'static [&'static str] {
        match self {
            Self::ClientCredentials | Self::JwtBearer => &[],
            Self::RefreshToken | Self::AuthorizationCode | Self::DeviceCode => &[REFRESH_TOKEN],
            Self::TokenExchange => &[SUBJECT_TOKEN],
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::ClientCredentials => "client_credentials",
            Self::RefreshToken | Self::AuthorizationCode | Self::DeviceCode => "refresh_token",
            Self::JwtBearer => "urn:ietf:params:oauth:grant-type:jwt-bearer",
            Self::TokenExchange => "urn:ietf:params:oauth:grant-type:token-exchange",
        }
    }
}

impl ClientAuth {
    /// Returns the fields that prove the client; a `jwt_bearer` proves itself, so it may have none.
    pub(in crate::auth) fn needs(self) -> &'static [&'static str] {
        match self {
            Self::Basic | Self::Post => &[CLIENT_ID, CLIENT_SECRET],
            Self::None => &[],
        }
    }
}

impl OAuth2 {
    pub(super) fn begin(&self, input: MintInput<'_>) -> Result<MintStep, MintError> {
        let mut form = FormBody::default();
        form.push("grant_type", self.grant.name().as_bytes());
        match self.grant {
            Grant::ClientCredentials => {}
            Grant::RefreshToken | Grant::AuthorizationCode | Grant::DeviceCode => {
                form.push(REFRESH_TOKEN, field(input.fields, REFRESH_TOKEN)?);
            }
            Grant::JwtBearer => {
                let jwt = self.jwt.as_ref().ok_or(MintError::Key("is not named"))?;
                form.push("assertion", &jwt.signed(input)?);
            }
            Grant::TokenExchange => {
                form.push(SUBJECT_TOKEN, field(input.fields, SUBJECT_TOKEN)?);
                if !self.params.contains_key("subject_token_type") {
                    let access_token = b"urn:ietf:params:oauth:token-type:access_token";
                    form.push("subject_token_type", access_token);
                }
            }
        }
        // RFC 6749 section 6: a refresh without a scope keeps what was granted.
        let is_refresh = self.grant.needs() == [REFRESH_TOKEN];
        if !self.scopes.is_empty() && !is_refresh {
            form.push("scope", self.scopes.join(" ").as_bytes());
        }
        for (name, text) in &self.params {
            form.push(name, &text.filled(input.fields)?);
        }
        self.request(input.fields, form)
    }

    /// Adds what proves the client.
    pub(super) fn request(
        &self,
        fields: &Fields,
        mut form: FormBody,
    ) -> Result<MintStep, MintError> {
        let mut headers = form_headers();
        match self.client_auth {
            ClientAuth::Basic => {
                // RFC 6749 section 2.3.1: both are escaped as in forms first.
                let escaped = |name| {
                    let value = field(fields, name)?;
                    let mut escaped = Zeroizing::new(Vec::with_capacity(value.len() * 3));
                    escape(value, &mut escaped);
                    Ok::<_, ApplyError>(escaped)
                };
                let value = basic(&escaped(CLIENT_ID)?, &escaped(CLIENT_SECRET)?)?;
                headers.insert(AUTHORIZATION, value);
            }
            ClientAuth::Post => {
                for name in [CLIENT_ID, CLIENT_SECRET] {
                    form.push(name, field(fields, name)?);
                }
            }
            ClientAuth::None => {
                if let Some(id) = fields.get(CLIENT_ID) {
                    form.push(CLIENT_ID, id.expose());
                }
            }
        }
        let request = TokenRequest {
            method: Method::POST,
            url: self.token_url.of(fields)?,
            headers,
            body: form.finish(),
        };
        Ok(MintStep::Ask(request, Stage::Token))
    }

    pub(super) fn finish(
        &self,
        input: MintInput<'_>,
        answer: &TokenAnswer,
    ) -> Result<MintStep, MintError> {
        let OAuthAnswer {
            access_token,
            refresh_token,
            lifetime,
        } = OAuthAnswer::read(answer)?;
        let mut rotated = Fields::new();
        if self.grant.needs() == [REFRESH_TOKEN]
            && let Some(new) = refresh_token
            && input
                .fields
                .get(REFRESH_TOKEN)
                .is_none_or(|old| old.expose() != new.expose())
        {
            rotated.insert(REFRESH_TOKEN.to_owned(), new);
        }
        let fields = Fields::from([("access_token".to_owned(), access_token)]);
        Ok(MintStep::Minted(Minted {
            token: MintedToken::new(fields, input.now, lifetime),
            rotated,
        }))
    }

    pub(super) fn urls(&self, public: &BTreeMap<String, String>) -> Result<Vec<String>, MintError> {
        let others = self.authorize_url.iter().chain(&self.device_url);
        let all = std::iter::once(&self.token_url).chain(others);
        all.map(|url| url.filled(public)).collect()
    }
}

pub(super) fn field<'a>(fields: &'a Fields, name: &str) -> Result<&'a [u8], ApplyError> {
    let found = fields.get(name);
    found
        .map(|value| value.expose())
        .ok_or_else(|| ApplyError::MissingField(name.to_owned()))
}
