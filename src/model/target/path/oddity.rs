//! Names the spellings of paths that servers read differently.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Spellings that servers read differently. Refused unless the connector lists them under `paths.allow`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Oddities(u16);

/// One entry of `paths.allow`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Oddity {
    /// `.` or `..` as a segment, also escaped.
    DotSegments,
    /// An empty segment that is not the last.
    DoubleSlash,
    /// An encoded slash, `%2F`, in a segment.
    EncodedSlash,
    /// `;`, raw or escaped.
    Semicolon,
    /// `\`, raw or escaped.
    Backslash,
    /// `%25` followed by two hexadecimal digits: an escape for servers that decode twice.
    DoubleEncoding,
    /// A segment that ends in `.`.
    TrailingDot,
    /// A segment that ends in a space.
    TrailingSpace,
    /// A path that matches a route only if ASCII case is ignored, although the API distinguishes case.
    Case,
    /// A path that matches a route only with, or only without, a trailing slash, although the API distinguishes the two.
    TrailingSlash,
    /// A path that matches a route only with, or only without, a trailing `.json`, although the API distinguishes the two.
    JsonSuffix,
}

impl Oddity {
    /// Every oddity, in the order of declaration.
    pub const ALL: [Self; 11] = [
        Self::DotSegments,
        Self::DoubleSlash,
        Self::EncodedSlash,
        Self::Semicolon,
        Self::Backslash,
        Self::DoubleEncoding,
        Self::TrailingDot,
        Self::TrailingSpace,
        Self::Case,
        Self::TrailingSlash,
        Self::JsonSuffix,
    ];

    /// Returns the name as written in `paths.allow`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DotSegments => "dot_segments",
            Self::DoubleSlash => "double_slash",
            Self::EncodedSlash => "encoded_slash",
            Self::Semicolon => "semicolon",
            Self::Backslash => "backslash",
            Self::DoubleEncoding => "double_encoding",
            Self::TrailingDot => "trailing_dot",
            Self::TrailingSpace => "trailing_space",
            Self::Case => "case",
            Self::TrailingSlash => "trailing_slash",
            Self::JsonSuffix => "json_suffix",
        }
    }
}

impl Oddities {
    /// Adds an oddity to the set.
    pub fn insert(&mut self, oddity: Oddity) {
        self.0 |= 1 << oddity as u8;
    }

    /// Adds those of the segments of a decoded path.
    pub(super) fn look_at_segments(&mut self, decoded: &[u8]) {
        let slash = |byte: &u8| matches!(byte, b'/' | b'\\');
        let mut segments = decoded.split(slash).skip(1).peekable();
        while let Some(segment) = segments.next() {
            match segment {
                b"." | b".." => self.insert(Oddity::DotSegments),
                [.., b'.'] => self.insert(Oddity::TrailingDot),
                [.., b' '] => self.insert(Oddity::TrailingSpace),
                [] if segments.peek().is_some() => self.insert(Oddity::DoubleSlash),
                _ => {}
            }
        }
    }

    /// Returns those of `self` that are not in `allowed`.
    #[must_use]
    pub fn without(self, allowed: Self) -> Self {
        Self(self.0 & !allowed.0)
    }

    /// Returns whether there are none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Iterates over those that are set.
    pub fn iter(self) -> impl Iterator<Item = Oddity> {
        Oddity::ALL
            .into_iter()
            .filter(move |oddity| self.0 & (1 << *oddity as u8) != 0)
    }
}

impl fmt::Display for Oddities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.iter().map(Oddity::as_str).collect();
        f.write_str(&names.join(", "))
    }
}
