//! Writes a prefix of the path, as Slack's webhooks and Telegram's bots have their secret there.
//!
//! What the agent sends in its place has as many segments, so the rest of the path stays the one that was judged.

use zeroize::Zeroizing;

use super::text::Text;
use super::{ApplyError, Fields};

#[derive(Debug, Clone)]
pub(super) struct Path {
    /// Begins with a slash, and ends with none.
    pub(super) prefix: Text,
}

impl Path {
    pub(super) fn apply(&self, fields: &Fields, path: &mut String) -> Result<(), ApplyError> {
        let mut written = Zeroizing::new(Vec::with_capacity(self.prefix.measure(fields)?));
        self.prefix.append(fields, &mut written);
        let field = || {
            let name = self.prefix.fields().next().unwrap_or_default();
            ApplyError::NotAPath(name.to_owned())
        };
        let prefix = std::str::from_utf8(&written).map_err(|_| field())?;
        let segments = || prefix.split('/').skip(1);
        if !segments().all(is_segment) {
            return Err(field());
        }
        let count = segments().count();
        let own: Vec<&str> = path.split('/').skip(1).collect();
        let (Some(front), rest) = (own.get(..count), own.get(count..).unwrap_or_default()) else {
            return Err(ApplyError::NoPlace(
                "the path is shorter than its credential",
            ));
        };
        if !self.stands(front) {
            return Err(ApplyError::NoPlace(
                "the path does not begin as its credential does",
            ));
        }
        let mut whole = String::with_capacity(prefix.len() + path.len());
        whole.push_str(prefix);
        for segment in rest {
            whole.push('/');
            whole.push_str(segment);
        }
        *path = whole;
        Ok(())
    }

    /// Returns whether these segments begin with what the template says before its first field.
    fn stands(&self, front: &[&str]) -> bool {
        let joined: String = front.iter().flat_map(|segment| ["/", segment]).collect();
        let literal = self.prefix.leading_literal();
        joined.starts_with(literal) && joined.len() > literal.len()
    }
}

/// RFC 3986 section 3.3, without dot segments: a secret must not lead out of its place.
fn is_segment(segment: &str) -> bool {
    !segment.is_empty()
        && segment != "."
        && segment != ".."
        && segment
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte))
}
