//! Fills names of actions from what a request says: `mcp.tool.{rpc.params.name}`.
//!
//! INVARIANT: what fills a hole is `[a-z0-9_-]+`: a made name has as many segments as its template.

use std::fmt;
use std::sync::Arc;

use super::glob::Glob;

/// A name with holes in braces, the connector's id in front.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NameTemplate(Arc<str>);

/// One step of a template that is compared byte by byte.
#[derive(Debug, Clone, Copy)]
enum Token {
    Literal(u8),
    /// One byte of a hole.
    One,
    /// Any more of them.
    More,
}

impl NameTemplate {
    /// Takes a text whose braces are in order and whose literal text is that of an action's name.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// Returns the template as written, with the connector's id in front.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the first segment.
    #[must_use]
    pub fn connector(&self) -> &str {
        self.0.split_once('.').map_or(&*self.0, |(first, _)| first)
    }

    /// Returns whether a name can be made by it.
    #[must_use]
    pub fn accepts(&self, name: &str) -> bool {
        !name.contains('*') && self.overlaps(&Glob::new(name))
    }

    /// Returns whether some name that it can make is matched.
    #[must_use]
    pub fn overlaps(&self, glob: &Glob) -> bool {
        let tokens = self.tokens();
        let glob = glob.as_str().as_bytes();
        // Places in glob and template that are reached together.
        let mut seen = vec![false; (glob.len() + 1) * (tokens.len() + 1)];
        let mut open = vec![(0, 0)];
        while let Some((at, token)) = open.pop() {
            let Some(seen) = seen.get_mut(at * (tokens.len() + 1) + token) else {
                continue;
            };
            if std::mem::replace(seen, true) {
                continue;
            }
            match (glob.get(at), tokens.get(token)) {
                (None, None) => return true,
                (Some(b'*'), next) => {
                    open.push((at + 1, token));
                    open.extend(next.map(|_| (at, token + 1)));
                }
                (_, Some(Token::More)) => {
                    open.push((at, token + 1));
                    if glob.get(at).copied().is_some_and(in_hole) {
                        open.push((at + 1, token));
                    }
                }
                (Some(byte), Some(Token::One)) if in_hole(*byte) => open.push((at + 1, token + 1)),
                (Some(byte), Some(Token::Literal(own))) if byte == own => {
                    open.push((at + 1, token + 1));
                }
                (Some(_), Some(_)) | (Some(_), None) | (None, Some(_)) => {}
            }
        }
        false
    }

    fn tokens(&self) -> Vec<Token> {
        let mut tokens = Vec::with_capacity(self.0.len());
        let mut in_braces = false;
        for byte in self.0.bytes() {
            match byte {
                b'{' => {
                    in_braces = true;
                    tokens.extend([Token::One, Token::More]);
                }
                b'}' => in_braces = false,
                _ if in_braces => {}
                byte => tokens.push(Token::Literal(byte)),
            }
        }
        tokens
    }
}

fn in_hole(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-'
}

impl fmt::Display for NameTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
