//! Writes `Authorization: Bearer …` (RFC 6750 section 2.1).

use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::text::Text;
use super::{ApplyError, Fields};

#[derive(Debug, Clone)]
pub(super) struct Bearer {
    pub(super) token: Text,
}

impl Bearer {
    pub(super) fn apply(&self, fields: &Fields, headers: &mut HeaderMap) -> Result<(), ApplyError> {
        headers.insert(AUTHORIZATION, self.token.header_value("Bearer ", fields)?);
        Ok(())
    }
}
