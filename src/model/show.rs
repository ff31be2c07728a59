//! Escapes text that agents or upstreams control for a terminal, an approval, a file or a log.

use std::borrow::Cow;
use std::fmt::Write;
use std::net::SocketAddr;

/// Returns the text with control, bidirectional and invisible characters as `\u{…}`; borrowed when there are none.
#[must_use]
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_deceptive) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_deceptive(character) {
            // Writing to a string cannot fail.
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(character));
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

/// Returns whether a character changes what surrounds it, or cannot be seen.
#[must_use]
pub fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{3164}'
                | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
                | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
        )
}

/// Returns a recorded parameter as people read it: a text without quotes, a secret one as `(secret)`, a long one as its length.
///
/// The text is not escaped.
#[must_use]
pub fn parameter(value: &serde_json::Value) -> String {
    if value.get("hmac").is_some() {
        return "(secret)".to_owned();
    }
    match value.get("bytes") {
        Some(bytes) => format!("({bytes} bytes)"),
        None => value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned),
    }
}

/// Returns an address and its port, as they are written: `127.0.0.1:443`, `[::1]:443`.
#[must_use]
pub fn address(address: SocketAddr) -> String {
    let SocketAddr::V4(address) = address else {
        return address.to_string();
    };
    // By hand: every record has one, and the formatter of numbers takes ten times as long.
    let mut text = String::with_capacity("255.255.255.255:65535".len());
    let octets = address.ip().octets().map(u16::from).into_iter();
    for (number, end) in octets.zip("...:".chars()) {
        push_number(&mut text, number);
        text.push(end);
    }
    push_number(&mut text, address.port());
    text
}

/// Appends a number in decimal digits.
pub(crate) fn push_number(text: &mut String, number: u16) {
    let mut unit = 10_000;
    while unit > 1 && unit > number {
        unit /= 10;
    }
    while unit > 0 {
        text.push(char::from_digit(u32::from(number / unit % 10), 10).unwrap_or_default());
        unit /= 10;
    }
}

/// Characters of a text that a message quotes.
const QUOTED: usize = 80;

/// Returns the beginning of a text for a message: on one line, escaped, and short however long the text is.
#[must_use]
pub fn brief(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(QUOTED)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(QUOTED).is_some() {
        shown.push('…');
    }
    shown
}

/// Quotes what a shell would split or expand.
#[must_use]
pub fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// Returns a number and what it counts, by its plural: `1 route`, `2 routes`.
#[must_use]
pub fn counted(number: u64, plural: &str) -> String {
    let word = match number {
        1 => plural.strip_suffix('s').unwrap_or(plural),
        _ => plural,
    };
    format!("{number} {word}")
}

#[cfg(test)]
mod tests {
    #[test]
    fn addresses_are_shown_as_they_are_written() {
        for text in [
            "0.0.0.0:0",
            "127.0.0.1:1",
            "10.20.99.100:9",
            "192.168.255.254:10",
            "1.2.3.4:99",
            "255.255.255.255:65535",
            "100.101.109.200:10000",
            "[::1]:443",
        ] {
            assert_eq!(super::address(text.parse().unwrap()), text);
        }
    }
}
