//! Signs JSON Web Tokens (RFC 7519): the token that a request carries, or the assertion that another token is asked for with.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::{Map, Value as Json, json};
use zeroize::Zeroizing;

use super::key::{Algorithm, sign};
use super::{MintError, MintInput, MintStep, Minted};
use crate::auth::Fields;
use crate::auth::text::Text;
use crate::model::credential::MintedToken;
use crate::model::secret::Secret;

/// How long ago a token says that it was made: the server's clock may be behind ours.
const BEHIND: Duration = Duration::from_secs(30);

/// A compiled `jwt` entry.
#[derive(Debug, Clone, Serialize)]
pub(in crate::auth) struct Jwt {
    pub(in crate::auth) alg: Algorithm,
    pub(in crate::auth) key: Text,
    pub(in crate::auth) key_id: Option<Text>,
    /// Claims beside `iat`, `exp` and `jti`.
    pub(in crate::auth) claims: BTreeMap<String, Text>,
    /// From `iat` to `exp`, in seconds.
    pub(in crate::auth) lifetime: u64,
}

impl Jwt {
    pub(super) fn begin(&self, input: MintInput<'_>) -> Result<MintStep, MintError> {
        let mut signed = self.signed(input)?;
        let token = Secret::new(std::mem::take(&mut *signed));
        let fields = Fields::from([("token".to_owned(), token)]);
        let lifetime = Duration::from_secs(self.lifetime).saturating_sub(BEHIND);
        Ok(MintStep::Minted(Minted {
            token: MintedToken::new(fields, input.now, Some(lifetime)),
            rotated: Fields::new(),
        }))
    }

    /// Returns the token in compact form (RFC 7515 section 7.1).
    pub(super) fn signed(&self, input: MintInput<'_>) -> Result<Zeroizing<Vec<u8>>, MintError> {
        let mut header = json!({ "alg": self.alg, "typ": "JWT" });
        if let (Some(key_id), Some(header)) = (&self.key_id, header.as_object_mut()) {
            header.insert("kid".to_owned(), text(key_id, input.fields)?);
        }
        let claims = Json::Object(self.claims(input)?);
        let message = format!("{}.{}", part(&header), part(&claims));
        let key = self.key.filled(input.fields)?;
        let signature = sign(self.alg, &key, message.as_bytes())?;
        let signature = URL_SAFE_NO_PAD.encode(signature);
        Ok(Zeroizing::new(
            format!("{message}.{signature}").into_bytes(),
        ))
    }

    fn claims(&self, input: MintInput<'_>) -> Result<Map<String, Json>, MintError> {
        let now = input.now.duration_since(SystemTime::UNIX_EPOCH);
        let made = now.unwrap_or_default().saturating_sub(BEHIND).as_secs();
        let mut claims = Map::new();
        claims.insert("iat".to_owned(), json!(made));
        claims.insert("exp".to_owned(), json!(made.saturating_add(self.lifetime)));
        let nonce = URL_SAFE_NO_PAD.encode(input.nonce);
        claims.insert("jti".to_owned(), json!(nonce));
        for (name, value) in &self.claims {
            claims.insert(name.clone(), text(value, input.fields)?);
        }
        Ok(claims)
    }
}

fn text(template: &Text, fields: &Fields) -> Result<Json, MintError> {
    let filled = template.filled(fields)?;
    let text = std::str::from_utf8(&filled).map_err(|_| MintError::Key("has claims of no text"))?;
    Ok(Json::String(text.to_owned()))
}

fn part(json: &Json) -> String {
    URL_SAFE_NO_PAD.encode(json.to_string())
}
