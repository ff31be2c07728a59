//! Reads the answers of token endpoints (RFC 6749 sections 5.1 and 5.2). What is not read as it must be mints nothing.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value as Json;

use super::{MintError, TokenAnswer};
use crate::model::secret::Secret;

/// Shortest token, in bytes: a shorter one would be masked all over innocent answers.
const MIN_TOKEN: usize = 8;

/// Longest token, in bytes: a longer one fits no header.
const MAX_TOKEN: usize = 16 * 1024;

/// Longest lifetime that is believed.
const MAX_LIFETIME: u64 = 10 * 365 * 24 * 60 * 60;

/// What an OAuth token may be called: RFC 6750, Slack's two, and RFC 8693 for what is no access token.
const TYPES: [&str; 4] = ["bearer", "bot", "user", "n_a"];

/// The answer of an OAuth token endpoint.
pub(super) struct OAuthAnswer {
    pub(super) access_token: Secret,
    pub(super) refresh_token: Option<Secret>,
    pub(super) lifetime: Option<Duration>,
}

#[derive(Deserialize)]
struct Written {
    access_token: Option<String>,
    token_type: Option<String>,
    expires_in: Option<Json>,
    refresh_token: Option<String>,
    error: Option<Json>,
}

impl OAuthAnswer {
    pub(super) fn read(answer: &TokenAnswer) -> Result<Self, MintError> {
        let written: Result<Written, _> = serde_json::from_slice(&answer.body);
        let is_success = (200..300).contains(&answer.status);
        let Ok(written) = written else {
            return Err(if is_success {
                MintError::Malformed("is not the JSON of RFC 6749")
            } else {
                refused(answer.status, None)
            });
        };
        let access_token = written.access_token.map(Secret::from);
        let refresh_token = written.refresh_token.map(Secret::from);
        if !is_success || written.error.is_some() {
            return Err(refused(answer.status, written.error.as_ref()));
        }
        let known = |name: &String| TYPES.iter().any(|known| name.eq_ignore_ascii_case(known));
        if !written.token_type.as_ref().is_none_or(known) {
            return Err(MintError::Malformed("has a token of an unknown type"));
        }
        let access_token = access_token.ok_or(MintError::Malformed("has no access token"))?;
        Ok(Self {
            access_token: checked(access_token)?,
            refresh_token: refresh_token.map(checked).transpose()?,
            lifetime: written
                .expires_in
                .as_ref()
                .map(lifetime)
                .transpose()?
                .flatten(),
        })
    }
}

/// Returns the error of an answer without success. Its code passes only in the form of RFC 6749, so that no text of the endpoint
/// comes into the log.
pub(super) fn refused(status: u16, code: Option<&Json>) -> MintError {
    let is_code = |code: &&str| {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        (1..=64).contains(&code.len()) && code.bytes().all(good)
    };
    let code = code.and_then(Json::as_str).filter(is_code);
    MintError::Refused {
        status,
        code: code.unwrap_or_default().to_owned(),
    }
}

/// Checks that a token can be put on, and hidden in answers.
pub(super) fn checked(token: Secret) -> Result<Secret, MintError> {
    if token.len() < MIN_TOKEN {
        return Err(MintError::Malformed(
            "has a token that is too short to be hidden",
        ));
    }
    if token.len() > MAX_TOKEN {
        return Err(MintError::Malformed("has a token that is too long"));
    }
    if !token.expose().iter().all(u8::is_ascii_graphic) {
        return Err(MintError::Malformed("has a token that fits no header"));
    }
    Ok(token)
}

/// Reads a number of seconds, also one that is written as text; `None` for `null`.
pub(super) fn lifetime(written: &Json) -> Result<Option<Duration>, MintError> {
    let bad = MintError::Malformed("has a lifetime that is none");
    let seconds = match written {
        Json::Null => return Ok(None),
        Json::Number(number) => number.as_u64().or_else(|| whole(number.as_f64()?)),
        Json::String(text) => text.parse().ok(),
        Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
    };
    match seconds {
        Some(seconds @ 1..=MAX_LIFETIME) => Ok(Some(Duration::from_secs(seconds))),
        _ => Err(bad),
    }
}

/// Some servers write `3600.0`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the range is checked"
)]
fn whole(seconds: f64) -> Option<u64> {
    let fits = seconds.fract() == 0.0 && (0.0..=1e12).contains(&seconds);
    fits.then_some(seconds as u64)
}
