//! Writes `Authorization: Basic …` (RFC 7617), UTF-8.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use zeroize::Zeroizing;

use super::text::Text;
use super::{ApplyError, Fields};

#[derive(Debug, Clone)]
pub(super) struct Basic {
    pub(super) username: Text,
    pub(super) password: Text,
}

const PREFIX: &[u8] = b"Basic ";

impl Basic {
    pub(super) fn apply(&self, fields: &Fields, headers: &mut HeaderMap) -> Result<(), ApplyError> {
        let size = self.username.measure(fields)? + 1 + self.password.measure(fields)?;
        let mut pair = Zeroizing::new(Vec::with_capacity(size));
        self.username.append(fields, &mut pair);
        // RFC 7617 section 2: the first colon ends the user name, so a colon in it would move the border.
        if pair.contains(&b':') {
            let name = self.username.fields().next().unwrap_or_default();
            return Err(ApplyError::NotAHeaderValue(name.to_owned()));
        }
        pair.push(b':');
        self.password.append(fields, &mut pair);

        let size = PREFIX.len() + size.div_ceil(3) * 4;
        let mut value = Zeroizing::new(Vec::with_capacity(size));
        value.extend_from_slice(PREFIX);
        value.resize(size, 0);
        if let Some(encoded) = value.get_mut(PREFIX.len()..) {
            STANDARD
                .encode_slice(pair.as_slice(), encoded)
                .map_err(|_| {
                    ApplyError::NotAHeaderValue(
                        self.password.fields().next().unwrap_or_default().to_owned(),
                    )
                })?;
        }
        headers.insert(AUTHORIZATION, self.password.finish(value)?);
        Ok(())
    }
}
