//! Writes query pairs, `?key=…`. The agent's pairs of the same name are removed; all others stay byte for byte.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use zeroize::Zeroizing;

use super::text::Text;
use super::{ApplyError, Fields};

/// All but RFC 3986 section 2.3: the one spelling that forms, URLs and signatures agree on.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

#[derive(Debug, Clone)]
pub(super) struct Query {
    pub(super) pairs: Vec<(String, Text)>,
}

impl Query {
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.pairs.iter().map(|(name, _)| name.as_str())
    }

    pub(super) fn apply(
        &self,
        fields: &Fields,
        query: &mut Option<String>,
    ) -> Result<(), ApplyError> {
        let mut values = Vec::with_capacity(self.pairs.len());
        // An escape has three bytes; the rest is `&`, `=`. Nothing is copied again, so no half of a secret stays behind.
        let mut size = query.as_ref().map_or(0, String::len);
        for (name, text) in &self.pairs {
            let mut value = Zeroizing::new(Vec::with_capacity(text.measure(fields)?));
            text.append(fields, &mut value);
            size += (name.len() + value.len()) * 3 + 2;
            values.push((name, value));
        }

        let mut written = String::with_capacity(size);
        let kept = query
            .as_deref()
            .unwrap_or_default()
            .split('&')
            .filter(|pair| !pair.is_empty() && !self.writes(pair));
        for pair in kept {
            separate(&mut written);
            written.push_str(pair);
        }
        for (name, value) in values {
            separate(&mut written);
            written.extend(percent_encode(name.as_bytes(), RESERVED));
            written.push('=');
            written.extend(percent_encode(&value, RESERVED));
        }
        *query = Some(written);
        Ok(())
    }

    /// Returns a query without the pairs that this writes.
    pub(super) fn removed_from(&self, query: Option<&str>) -> Option<String> {
        let kept = query?.split('&').filter(|pair| !self.writes(pair));
        let kept: Vec<&str> = kept.collect();
        (!kept.is_empty()).then(|| kept.join("&"))
    }

    fn writes(&self, pair: &str) -> bool {
        let name = pair.split_once('=').map_or(pair, |(name, _)| name);
        let name = if name.contains('+') {
            Cow::Owned(name.replace('+', " "))
        } else {
            Cow::Borrowed(name)
        };
        let decoded = percent_decode_str(&name).decode_utf8_lossy();
        self.names().any(|own| own == decoded)
    }
}

fn separate(query: &mut String) {
    if !query.is_empty() {
        query.push('&');
    }
}
