//! Parses names in queries and forms by one grammar, `root([key])*`, that every name passes before anything is looked up.
//!
//! INVARIANT: a name that passes has one reading in Rack, qs, PHP, Django and Go: no bracket out of order, no blank at an
//! edge, and no character at which one of them ends, splits or decodes a name.

/// Names, empty ones included, of one query or form: Express and PHP drop the 1,001st without a word.
pub const MAX_NAMES: usize = 900;

/// Keys of one name: Rack refuses a 33rd, PHP drops a 65th.
const MAX_KEYS: usize = 16;

/// Keys by which JavaScript reaches what all objects share.
const SHARED: [&str; 3] = ["__proto__", "constructor", "prototype"];

/// The field whose value says in which charset some servers decode the others.
const CHARSET: &str = "_charset_";

/// Splits a raw pair at its first `=`, or into itself and nothing; `None` where qs cuts it elsewhere: behind the first `]=`.
#[must_use]
pub fn split_pair(pair: &str) -> Option<(&str, &str)> {
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    (!value.contains("]=")).then_some((name, value))
}

/// Splits `a[b][]` into `a` and its keys, `b` and the empty one; `None` where servers could read the name differently.
#[must_use]
pub fn split_name(name: &str) -> Option<(&str, impl Iterator<Item = &str>)> {
    let end = name.bytes().position(|byte| byte == b'[');
    let (root, rest) = name.split_at_checked(end.unwrap_or(name.len()))?;
    // Where names are split at dots, what stands behind the first one would be the root.
    let good = !root.is_empty()
        && !root.starts_with('.')
        && !root.eq_ignore_ascii_case(CHARSET)
        && is_plain(root)
        && (rest.is_empty() || are_keys(rest));
    good.then(|| (root, keys(rest)))
}

/// Returns whether a key, in a form or in JSON, is one by which JavaScript reaches what all objects share.
#[must_use]
pub fn is_shared_key(key: &str) -> bool {
    // Keys of nearly all bodies differ in their length.
    matches!(key.len(), 9 | 11) && SHARED.contains(&key)
}

fn are_keys(rest: &str) -> bool {
    let mut count = 0;
    rest.ends_with(']')
        && rest.split_inclusive(']').all(|part| {
            count += 1;
            let key = part
                .strip_prefix('[')
                .and_then(|part| part.strip_suffix(']'));
            count <= MAX_KEYS && key.is_some_and(is_plain)
        })
}

fn keys(rest: &str) -> impl Iterator<Item = &str> {
    rest.split_inclusive(']')
        .filter_map(|part| part.strip_prefix('[')?.strip_suffix(']'))
}

/// Returns whether a root or a key has only characters of the grammar, and no blank at an edge.
fn is_plain(text: &str) -> bool {
    let good = if text.is_ascii() {
        text.bytes().all(is_plain_byte)
    } else {
        text.chars().all(|character| match u8::try_from(character) {
            Ok(byte) if byte.is_ascii() => is_plain_byte(byte),
            // Letters and digits of all scripts: no white space, nothing invisible, no mark that joins what stands before.
            _ => character.is_alphanumeric(),
        })
    };
    good && !text.starts_with(' ')
        && !text.ends_with(' ')
        // Where names are split at dots, each piece is a key.
        && !text.split('.').any(is_shared_key)
}

/// Printable ASCII without what quotes, ends, splits or escapes: `" & ' ; = [ \ ] %` and the backtick.
fn is_plain_byte(byte: u8) -> bool {
    matches!(
        byte,
        b'0'..=b'9'
            | b'A'..=b'Z'
            | b'a'..=b'z'
            | b' '
            | b'!'
            | b'#'
            | b'$'
            | b'('..=b'/'
            | b':'
            | b'<'
            | b'>'..=b'@'
            | b'^'
            | b'_'
            | b'{'..=b'~'
    )
}
