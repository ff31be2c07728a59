//! Forms: an urlencoded body in, its pairs out, each decoded once.
//!
//! INVARIANT: what servers split or decode differently is refused: a raw `;`, malformed escapes, control characters.

use std::borrow::Cow;

use super::super::Unreadable;
use super::UNREADABLE_BODY;
use super::names::{Held, may_be};

/// The pairs of a form, urlencoded or multipart.
#[derive(Debug, Default)]
pub(in crate::connector) struct Form<'b> {
    pub(super) pairs: Vec<(Cow<'b, str>, Content<'b>)>,
}

/// The value of one pair.
#[derive(Debug)]
pub(super) enum Content<'b> {
    Text(Cow<'b, str>),
    File,
}

impl<'b> Form<'b> {
    /// Reads an urlencoded body of at most `limit` pairs.
    pub(in crate::connector) fn urlencoded(
        bytes: &'b [u8],
        limit: usize,
    ) -> Result<Self, Unreadable> {
        let text = std::str::from_utf8(bytes).map_err(|_| refuse("the form is not UTF-8"))?;
        let mut form = Self::default();
        for byte in text.bytes() {
            match byte {
                // Perl, older Rack and older Python split on it.
                b';' => return Err(refuse("the form has a raw `;`; write `%3B`")),
                0..=0x1f | 0x7f => return Err(refuse("the form has a raw control character")),
                _ => {}
            }
        }
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            if form.pairs.len() == limit {
                return Err(refuse("the form has more values than the gateway reads"));
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            form.pairs
                .push((decode(name)?, Content::Text(decode(value)?)));
        }
        Ok(form)
    }

    /// Iterates over the decoded pairs in order.
    pub(in crate::connector) fn pairs(&self) -> impl Iterator<Item = (&str, Held<'_>)> {
        self.pairs.iter().map(|(name, content)| {
            let held = match content {
                Content::Text(text) => Held::Text(text),
                Content::File => Held::File,
            };
            (&**name, held)
        })
    }

    /// Returns the text of a name that is there once, or not at all.
    pub(in crate::connector) fn text(&self, name: &str) -> Result<Option<&str>, Unreadable> {
        let named = super::NamePath::plain(name).read("form", self.pairs())?;
        match (named.misfit, named.values.first()) {
            (false, value) => Ok(value.copied()),
            (true, _) => Err(refuse(format!("`{name}` of the form is not a text"))),
        }
    }

    /// Returns all pairs, none of which may be a file.
    pub(in crate::connector) fn texts(&self) -> Result<Vec<(&str, &str)>, Unreadable> {
        let texts = self.pairs().map(|(name, held)| match held {
            Held::Text(text) => Ok((name, text)),
            Held::File => Err(refuse("the form has a file where a text is read")),
        });
        texts.collect()
    }

    /// Returns whether every name lies in one of these roots.
    pub(in crate::connector) fn lies_in(&self, roots: &[&str]) -> bool {
        self.pairs.iter().all(|(name, _)| {
            let root = name.split('[').next().unwrap_or(name);
            roots.contains(&root)
        })
    }

    /// Returns a name that some server may take for this one.
    pub(in crate::connector) fn like(&self, root: &str) -> Option<&str> {
        let names = self.pairs.iter().map(|(name, _)| &**name);
        names.into_iter().find(|name| may_be(root, name))
    }
}

pub(super) fn refuse(detail: impl Into<String>) -> Unreadable {
    Unreadable {
        code: UNREADABLE_BODY,
        detail: detail.into(),
    }
}

fn decode(text: &str) -> Result<Cow<'_, str>, Unreadable> {
    if !text.contains(['%', '+']) {
        return Ok(Cow::Borrowed(text));
    }
    crate::model::target::decode_form(text)
        .map(Cow::Owned)
        .map_err(|_| refuse("the form has an escape that cannot be read"))
}
