//! Fills public fields into URLs: `https://{tenant}.example/token`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::MintError;
use crate::auth::Fields;
use crate::auth::text::Text;

/// A URL of literal text and public fields.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub(in crate::auth) struct UrlText(pub(in crate::auth) Text);

impl UrlText {
    /// Returns the URL with public fields as they are shown.
    pub(in crate::auth) fn filled(
        &self,
        public: &BTreeMap<String, String>,
    ) -> Result<String, MintError> {
        self.with(|name| public.get(name).map(String::as_str))
    }

    /// Returns the URL with opened fields.
    pub(in crate::auth) fn of(&self, fields: &Fields) -> Result<String, MintError> {
        self.with(|name| {
            let value = fields.get(name)?;
            std::str::from_utf8(value.expose()).ok()
        })
    }

    /// A value is a label, a segment, or labels with dots between them: it cannot move the URL elsewhere.
    fn with<'a>(&self, value: impl Fn(&str) -> Option<&'a str>) -> Result<String, MintError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        self.0.joined(|name| {
            let value = value(name).unwrap_or_default();
            let good = value.bytes().all(plain) && !value.split('.').any(str::is_empty);
            good.then_some(value)
                .ok_or_else(|| MintError::Url(name.to_owned()))
        })
    }
}
