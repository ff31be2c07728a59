//! Reads the pairs of an urlencoded body, each decoded once.
//!
//! INVARIANT: what servers split or decode differently is refused: a raw `;`, malformed escapes, control characters, and names
//! that are not of the one grammar (`model/target/name.rs`), whether anything reads them or not.

use std::borrow::Cow;

use crate::connector::model::name_path::NamePath;
use crate::connector::read::names::PairValue;
use crate::connector::read::unreadable::{UNREADABLE_BODY, Unreadable, ambiguous};
use crate::model::target::{MAX_NAMES, may_be, overrides_method, split_name, split_pair};

/// The pairs of a form, urlencoded or multipart.
#[derive(Debug, Default)]
pub(crate) struct Form<'b> {
    pairs: Vec<(Cow<'b, str>, Content<'b>)>,
}

/// The value of one pair.
#[derive(Debug)]
pub(crate) enum Content<'b> {
    Text(Cow<'b, str>),
    File,
}

impl<'b> Form<'b> {
    /// Reads an urlencoded body of at most `limit` pairs.
    pub(crate) fn urlencoded(bytes: &'b [u8], limit: usize) -> Result<Self, Unreadable> {
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
        for (count, pair) in text.split('&').enumerate() {
            // Express counts empty ones too.
            if count == limit.min(MAX_NAMES) {
                return Err(refuse("the form has more values than the gateway reads"));
            }
            if !pair.is_empty() {
                let (name, value) = split_pair(pair).ok_or_else(|| odd(pair))?;
                form.push(decode(name)?, Content::Text(decode(value)?))?;
            }
        }
        Ok(form)
    }

    /// Adds a pair; the only way into a form.
    pub(crate) fn push(
        &mut self,
        name: Cow<'b, str>,
        value: Content<'b>,
    ) -> Result<(), Unreadable> {
        if split_name(&name).is_none() {
            return Err(odd(&name));
        }
        self.pairs.push((name, value));
        Ok(())
    }

    /// Iterates over the decoded pairs in order.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, PairValue<'_>)> {
        self.pairs.iter().map(|(name, content)| {
            let held = match content {
                Content::Text(text) => PairValue::Text(text),
                Content::File => PairValue::File,
            };
            (&**name, held)
        })
    }

    /// Returns the text of a name that is there once, or not at all.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&str>, Unreadable> {
        let named = NamePath::plain(name).read(("form", &[]), self.pairs())?;
        match (named.misfit, named.values.first()) {
            (false, value) => Ok(value.copied()),
            (true, _) => Err(refuse(format!("`{name}` of the form is not a text"))),
        }
    }

    /// Returns all pairs, none of which may be a file.
    pub(crate) fn texts(&self) -> Result<Vec<(&str, &str)>, Unreadable> {
        let texts = self.pairs().map(|(name, held)| match held {
            PairValue::Text(text) => Ok((name, text)),
            PairValue::File => Err(refuse("the form has a file where a text is read")),
        });
        texts.collect()
    }

    /// Returns whether every name lies in one of these roots.
    pub(crate) fn lies_in(&self, roots: &[&str]) -> bool {
        self.pairs.iter().all(|(name, _)| {
            let root = name.split('[').next().unwrap_or(name);
            roots.contains(&root)
        })
    }

    /// Returns a name that some server may take for this one.
    pub(crate) fn like(&self, root: &str) -> Option<&str> {
        let names = self.pairs.iter().map(|(name, _)| &**name);
        names.into_iter().find(|name| may_be(root, name))
    }

    /// Returns whether servers may take another method than the one sent from one of its names.
    pub(crate) fn overrides_method(&self) -> bool {
        self.pairs.iter().any(|(name, _)| overrides_method(name))
    }
}

fn odd(name: &str) -> Unreadable {
    let shown = name.chars().take(64).flat_map(char::escape_debug);
    let shown: String = shown.collect();
    ambiguous(format!(
        "the form has the name `{shown}`, which servers read in different ways; write `name` or `name[key]`"
    ))
}

pub(crate) fn refuse(detail: impl Into<String>) -> Unreadable {
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
