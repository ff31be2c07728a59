//! Writes pairs of `Cookie` (RFC 6265 section 4.2). The agent's cookies of the same name are removed; others stay where they pass.

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use zeroize::Zeroizing;

use super::text::Text;
use super::{ApplyError, Fields};

#[derive(Debug, Clone)]
pub(super) struct Cookie {
    pub(super) pairs: Vec<(String, Text)>,
}

impl Cookie {
    pub(super) fn apply(&self, fields: &Fields, headers: &mut HeaderMap) -> Result<(), ApplyError> {
        let mut line = Zeroizing::new(Vec::new());
        for value in headers.get_all(COOKIE) {
            let kept = value.as_bytes().split(|byte| *byte == b';');
            for pair in kept.map(<[u8]>::trim_ascii).filter(|pair| !pair.is_empty()) {
                if !self.writes(pair) {
                    separate(&mut line);
                    line.extend_from_slice(pair);
                }
            }
        }
        for (name, text) in &self.pairs {
            let size = text.measure(fields)?;
            separate(&mut line);
            line.reserve_exact(name.len() + 1 + size);
            line.extend_from_slice(name.as_bytes());
            line.push(b'=');
            let from = line.len();
            text.append(fields, &mut line);
            let written = line.get(from..).unwrap_or_default();
            if !written.iter().all(|byte| is_value(*byte)) {
                let field = text.fields().next().unwrap_or_default().to_owned();
                return Err(ApplyError::NotAHeaderValue(field));
            }
        }
        let refused = || {
            let (_, text) = self.pairs.first()?;
            text.fields().next().map(str::to_owned)
        };
        let mut value = HeaderValue::from_bytes(&line)
            .map_err(|_| ApplyError::NotAHeaderValue(refused().unwrap_or_default()))?;
        value.set_sensitive(true);
        headers.insert(COOKIE, value);
        Ok(())
    }

    fn writes(&self, pair: &[u8]) -> bool {
        let name = pair.split(|byte| *byte == b'=').next().unwrap_or(pair);
        let name = name.trim_ascii();
        self.pairs.iter().any(|(own, _)| own.as_bytes() == name)
    }
}

/// RFC 6265 section 4.1.1, `cookie-octet`: a `;` would begin a cookie of the credential's own.
fn is_value(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b',' | b';' | b'\\')
}

/// Returns whether a text is the name of a cookie: a token of RFC 9110 section 5.6.2.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

fn separate(line: &mut Vec<u8>) {
    if !line.is_empty() {
        line.extend_from_slice(b"; ");
    }
}
