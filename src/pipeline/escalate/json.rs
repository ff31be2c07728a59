//! Splits JSON text into tokens, to lay it out for a person or to hash it without white space. Numbers stay as written.

use std::borrow::Cow;

/// What stands where a secret is.
pub(super) const HIDDEN: &str = "(secret)";

/// Deeper than this lines are indented no further.
const MAX_INDENT: usize = 32;

/// One token of a JSON text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// `{`, `}`, `[`, `]`, `,` or `:`.
    Mark(char),
    /// A string, its escapes resolved.
    Text(Cow<'a, str>),
    /// A number, `true`, `false` or `null`, as written.
    Word(&'a str),
}

/// Iterates over the tokens of a text that was parsed as JSON before; `None` at its end and at what is no JSON.
#[derive(Debug)]
pub(super) struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Tokens<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Self { rest: text }
    }

    /// Returns whether nothing is left: the whole text was tokens.
    pub(super) fn is_done(&self) -> bool {
        self.rest.trim_ascii_start().is_empty()
    }

    fn take(&mut self, length: usize) -> Option<&'a str> {
        let (token, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(token)
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        self.rest = self.rest.trim_ascii_start();
        let first = self.rest.chars().next()?;
        if "{}[],:".contains(first) {
            self.take(1)?;
            return Some(Token::Mark(first));
        }
        if first == '"' {
            // What cannot be read stays, so that its end is not taken for the text's.
            let token = self.rest.get(..string_length(self.rest)?)?;
            let inner = token.get(1..token.len() - 1)?;
            // Most strings have no escape.
            let text = if inner.contains('\\') {
                Cow::Owned(serde_json::from_str(token).ok()?)
            } else {
                Cow::Borrowed(inner)
            };
            self.take(token.len())?;
            return Some(Token::Text(text));
        }
        let end = |c: char| c.is_ascii_whitespace() || "{}[],:\"".contains(c);
        let length = self.rest.find(end).unwrap_or(self.rest.len());
        self.take(length).map(Token::Word)
    }
}

/// Returns the length of the string that a text begins with, quotes included.
fn string_length(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// Lays a text out over lines of at most `limit` bytes in all, with what `hides` says left out; `None` where it is no JSON.
/// Returns too whether all of it is there.
pub(super) fn pretty(
    text: &str,
    limit: usize,
    hides: impl Fn(&str) -> bool,
) -> Option<(String, bool)> {
    let mut tokens = Tokens::of(text);
    let mut shown = String::new();
    let mut depth = 0_usize;
    let mut fresh = false;
    for token in tokens.by_ref() {
        if shown.len() > limit {
            return Some((shown, false));
        }
        let closes = matches!(token, Token::Mark('}' | ']'));
        if closes {
            depth = depth.saturating_sub(1);
        }
        if (fresh && !closes) || (closes && !fresh) {
            shown.push('\n');
            shown.extend(std::iter::repeat_n("  ", depth.min(MAX_INDENT)));
        }
        fresh = matches!(token, Token::Mark('{' | '[' | ','));
        match token {
            Token::Mark(':') => shown.push_str(": "),
            Token::Mark(mark) => {
                shown.push(mark);
                depth += usize::from(matches!(mark, '{' | '['));
            }
            Token::Text(text) if hides(&text) => shown.push_str(HIDDEN),
            Token::Text(text) => shown.push_str(&serde_json::to_string(&text).ok()?),
            Token::Word(word) if hides(word) => shown.push_str(HIDDEN),
            Token::Word(word) => shown.push_str(word),
        }
    }
    tokens.is_done().then_some((shown, true))
}

#[cfg(test)]
mod tests {
    use super::pretty;

    #[test]
    fn json_is_laid_out_and_nothing_of_it_is_changed_but_blanks_and_escapes() {
        let text = r#" {"a":[1.0000000000000000001, 1e400,{},[] ,"\u0065vil\n"],"b" : {"c":null}}"#;
        let (shown, whole) = pretty(text, 1000, |_| false).unwrap_or_default();
        assert!(whole);
        assert_eq!(
            shown,
            "{\n  \"a\": [\n    1.0000000000000000001,\n    1e400,\n    {},\n    [],\n    \"evil\\n\"\n  ],\n  \"b\": {\n    \"c\": null\n  }\n}"
        );
    }

    #[test]
    fn what_is_no_json_is_none() {
        for text in ["\"a", "\"\\x\""] {
            assert_eq!(pretty(text, 1000, |_| false), None, "{text}");
        }
    }
}
