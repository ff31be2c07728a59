//! Canonicalises paths: unreserved escapes are decoded, other escapes upper-cased, and everything that servers read differently
//! is noted.

mod oddity;

use std::fmt;
use std::sync::Arc;

pub use oddity::{Oddities, Oddity};

/// A canonical path, always starting with `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// The path as it is sent.
    text: Arc<str>,
    /// Text that routes are compared with, if it differs from `text`.
    matching: Option<Arc<str>>,
    oddities: Oddities,
}

/// Reasons why a path has more than one reading. No connector can allow these.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Not in origin form.
    #[error("the path does not start with `/`")]
    NotAbsolute,
    /// RFC 3986 section 2.1.
    #[error("the path has a `%` that two hexadecimal digits do not follow")]
    BadEscape,
    /// Raw or escaped, C0 controls and DEL.
    #[error("the path has a control character")]
    Control,
    /// A raw byte outside ASCII, or a space.
    #[error("the path has a character that must be escaped")]
    Unescaped,
    /// The decoded path is not UTF-8.
    #[error("the path is not UTF-8")]
    NotUtf8,
}

impl Path {
    /// Returns the canonical form of a path (without its query).
    ///
    /// # Errors
    /// Says what no server reads in one way only.
    pub fn parse(raw: &str) -> Result<Self, PathError> {
        if !raw.starts_with('/') {
            return Err(PathError::NotAbsolute);
        }
        let reads_as_itself = |byte: &u8| READS_AS_ITSELF.get(usize::from(*byte)) == Some(&true);
        let plain = raw.bytes().take_while(reads_as_itself);
        let (plain, rest) = raw.split_at_checked(plain.count()).unwrap_or((raw, ""));
        if rest.is_empty() {
            let mut oddities = Oddities::default();
            let bytes = plain.as_bytes();
            let ends = |pair: &[u8]| matches!(pair, [b'.' | b'/', b'/']);
            if bytes.windows(2).any(ends) || bytes.ends_with(b".") {
                oddities.look_at_segments(bytes);
            }
            return Ok(Self {
                text: plain.into(),
                matching: None,
                oddities,
            });
        }
        let mut reader = Reader::new(plain, rest.len());
        let mut rest = rest.as_bytes();
        while let [byte, tail @ ..] = rest {
            rest = tail;
            if *byte == b'%' {
                let (value, tail) = escape(tail).ok_or(PathError::BadEscape)?;
                if value == b'%' && escape_digits(tail) {
                    reader.oddities.insert(Oddity::DoubleEncoding);
                }
                reader.escaped(value)?;
                rest = tail;
            } else {
                reader.raw(*byte)?;
            }
        }
        reader.finish()
    }

    /// Returns the path as it is judged and sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the path as routes are compared with it. Escapes of characters that are also legal raw in a segment (`%3A` for
    /// `:`) are decoded, since servers do not tell the two apart. Escaped slashes stay escaped.
    #[must_use]
    pub fn matching(&self) -> &str {
        self.matching.as_deref().unwrap_or(&self.text)
    }

    /// Returns the path with every escape decoded, as conditions and records read it; it is not sent.
    #[must_use]
    pub fn decoded(&self) -> std::borrow::Cow<'_, str> {
        decode(&self.text)
    }

    /// Returns what servers disagree on in this path.
    #[must_use]
    pub fn oddities(&self) -> Oddities {
        self.oddities
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Returns the text with every escape decoded; malformed escapes and those that are not UTF-8 stay.
#[must_use]
pub fn decode(segment: &str) -> std::borrow::Cow<'_, str> {
    percent_encoding::percent_decode_str(segment)
        .decode_utf8()
        .unwrap_or(std::borrow::Cow::Borrowed(segment))
}

/// Builds the three readings of a path side by side.
struct Reader {
    text: String,
    matching: String,
    decoded: Vec<u8>,
    oddities: Oddities,
}

impl Reader {
    /// Begins with what reads as itself; `rest` bytes are still to come.
    fn new(plain: &str, rest: usize) -> Self {
        let begun = || {
            let mut text = String::with_capacity(plain.len() + rest);
            text.push_str(plain);
            text
        };
        Self {
            text: begun(),
            matching: begun(),
            decoded: begun().into_bytes(),
            oddities: Oddities::default(),
        }
    }

    fn raw(&mut self, byte: u8) -> Result<(), PathError> {
        match byte {
            0..=0x1f | 0x7f => return Err(PathError::Control),
            b' ' | 0x80.. => return Err(PathError::Unescaped),
            b';' => self.oddities.insert(Oddity::Semicolon),
            b'\\' => self.oddities.insert(Oddity::Backslash),
            _ => {}
        }
        self.decoded.push(byte);
        if byte == b'/' || is_pchar(byte) {
            self.text.push(char::from(byte));
            self.matching.push(char::from(byte));
        } else {
            self.push_escape(byte);
        }
        Ok(())
    }

    fn escaped(&mut self, value: u8) -> Result<(), PathError> {
        match value {
            0..=0x1f | 0x7f => return Err(PathError::Control),
            b'/' => self.oddities.insert(Oddity::EncodedSlash),
            b';' => self.oddities.insert(Oddity::Semicolon),
            b'\\' => self.oddities.insert(Oddity::Backslash),
            _ => {}
        }
        self.decoded.push(value);
        if is_unreserved(value) {
            self.text.push(char::from(value));
            self.matching.push(char::from(value));
        } else if is_pchar(value) {
            push_hex(&mut self.text, value);
            self.matching.push(char::from(value));
        } else {
            self.push_escape(value);
        }
        Ok(())
    }

    fn push_escape(&mut self, byte: u8) {
        push_hex(&mut self.text, byte);
        push_hex(&mut self.matching, byte);
    }

    fn finish(mut self) -> Result<Path, PathError> {
        let decoded = std::str::from_utf8(&self.decoded).map_err(|_| PathError::NotUtf8)?;
        // C1 controls and the like are as invisible as C0 ones, which no reading has by now.
        if !decoded.is_ascii() && decoded.chars().any(char::is_control) {
            return Err(PathError::Control);
        }
        self.oddities.look_at_segments(&self.decoded);
        let matching = (self.matching != self.text).then(|| self.matching.into());
        Ok(Path {
            text: self.text.into(),
            matching,
            oddities: self.oddities,
        })
    }
}

/// Splits the two digits of an escape off.
fn escape(rest: &[u8]) -> Option<(u8, &[u8])> {
    let [high, low, tail @ ..] = rest else {
        return None;
    };
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    Some((digit(*high)? << 4 | digit(*low)?, tail))
}

fn escape_digits(rest: &[u8]) -> bool {
    escape(rest).is_some()
}

fn push_hex(out: &mut String, byte: u8) {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F',
    ];
    out.push('%');
    out.extend(DIGITS.get(usize::from(byte >> 4)));
    out.extend(DIGITS.get(usize::from(byte & 15)));
}

/// By byte: slashes and what may stand between them, but for `;`, which is noted.
#[expect(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler, which would refuse it"
)]
const READS_AS_ITSELF: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        table[byte as usize] = byte == b'/' || (is_pchar(byte) && byte != b';');
        byte += 1;
    }
    table
};

/// RFC 3986 section 2.3.
const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// RFC 3986 section 3.3, without escapes.
const fn is_pchar(byte: u8) -> bool {
    let sub_delimiter = matches!(
        byte,
        b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'='
    );
    is_unreserved(byte) || sub_delimiter || matches!(byte, b':' | b'@')
}
