//! Defines the white space that may surround a header value, and the characters that no judged value may hold.
//!
//! Servers trim values by rules of their own (Java all controls, JavaScript U+FEFF, Python and Go every Unicode space). A value
//! that some of them read as another text is refused, and the rest of the gateway never trims.

/// Returns whether a byte is optional white space (RFC 9110 section 5.6.3): the only one that any reader may leave out.
#[must_use]
pub fn is_ows(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Removes optional white space from both ends of a text.
#[must_use]
pub fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// Removes optional white space from both ends.
#[must_use]
pub fn trim_bytes(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes
        && is_ows(*first)
    {
        bytes = rest;
    }
    while let [rest @ .., last] = bytes
        && is_ows(*last)
    {
        bytes = rest;
    }
    bytes
}

/// Iterates over the entries of a list (RFC 9110 section 5.6.1), without the white space around them.
pub fn entries(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(trim_bytes)
}

/// Returns whether every server reads the value as the same text, but for its charset.
///
/// There is no control character in it, no space but SP and HTAB, nothing that some readers trim although it is not a space.
/// Takes the bytes of an `http::HeaderValue`.
#[must_use]
pub fn is_clean(value: &[u8]) -> bool {
    // Nearly every value. `http::HeaderValue` holds no ASCII control but HTAB, so there is nothing left to look for.
    if value.is_ascii() {
        return true;
    }
    match std::str::from_utf8(value) {
        Ok(text) => text.chars().all(is_clean_char),
        // Latin-1, as Python's clients write it: C1 controls and the space that does not break.
        Err(_) => value.iter().all(|byte| !matches!(byte, 0x80..=0xa0)),
    }
}

/// Returns the text of a value that readers of UTF-8 and readers of Latin-1 trim alike; `None` where they would not.
#[must_use]
pub fn text(value: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(value).ok()?;
    // In Latin-1 the last byte of `à` is a space, and that of `Å` a control: a reader that trims would see another value.
    let trimmed = value.last().is_some_and(|last| matches!(last, 0x80..=0xa0));
    (!trimmed && !text.contains('\t')).then_some(text)
}

fn is_clean_char(c: char) -> bool {
    match c {
        ' ' | '\t' => true,
        // Not white space in Unicode, but to JavaScript, to older Java and to people.
        '\u{180e}' | '\u{200b}' | '\u{2060}' | '\u{feff}' => false,
        c => !c.is_control() && !c.is_whitespace(),
    }
}
