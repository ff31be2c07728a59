//! Tells whether two names are one for some server, although they are written differently.
//!
//! Case never counts (Go's JSON, ASP.NET, and every case-insensitive map), nor do `_` and `-`. Protobuf reads `page_size` and
//! `pageSize` as one key; PHP reads dots and blanks in names as `_`. Neither side is copied unless it is not ASCII.

use unicase::UniCase;

/// The key of a query or a body from which Rails, Symfony, Laravel and others take another method than the one sent.
pub const METHOD_KEY: &str = "_method";

/// Returns whether two JSON keys are one key for some server; equal ones are.
#[must_use]
pub fn same_key(read: &str, given: &str) -> bool {
    same(read.bytes(), given.bytes(), |byte| {
        !matches!(byte, b'_' | b'-')
    })
    .unwrap_or_else(|| {
        let bare = |text: &str| text.replace(['_', '-'], "");
        same_folded(&bare(read), &bare(given))
    })
}

/// Returns whether some server may take `given`, a name of a query or form, for `root` or something in it: up to a bracket or,
/// where names are split at dots, up to a dot.
#[must_use]
pub fn may_be(root: &str, given: &str) -> bool {
    // Most names are told apart by the first byte that counts, wherever they end.
    let first = |text: &str| text.bytes().find(|byte| counts(*byte));
    if let (Some(one), Some(two)) = (first(root), first(given))
        && one.is_ascii()
        && two.is_ascii()
        && !one.eq_ignore_ascii_case(&two)
    {
        return false;
    }
    ends(root, given).any(|end| {
        let front = given.get(..end).unwrap_or(given);
        same(root.bytes(), front.bytes(), counts).unwrap_or_else(|| {
            let bare = |text: &str| text.replace(|c: char| c.is_ascii() && !counts(c as u8), "");
            same_folded(&bare(root), &bare(front))
        })
    })
}

/// Returns whether some server may take `given` for the key that overrides the method.
///
/// The `_` counts: `method` is a usual name.
#[must_use]
pub fn overrides_method(given: &str) -> bool {
    // Most keys are told apart by their first byte; no other character folds to `_`.
    let first = given.bytes().next();
    if !first.is_some_and(|byte| matches!(byte, b'_' | b'.' | b' ')) {
        return false;
    }
    let front = given.split('[').next().unwrap_or(given);
    let is_key = |text: &str| same_folded(METHOD_KEY, text);
    is_key(front)
        || (front.contains(['.', ' '])
            && (front.split('.').next().is_some_and(is_key)
                || is_key(&front.trim_start().replace(['.', ' '], "_"))))
}

/// Compares as the most tolerant server would.
fn same_folded(one: &str, two: &str) -> bool {
    if one.is_ascii() && two.is_ascii() {
        return one.eq_ignore_ascii_case(two);
    }
    // Simple mappings to upper case take these for an `i`, as Java's `equalsIgnoreCase` does; case folding does not.
    let plain = |text: &str| text.replace(['\u{131}', '\u{130}'], "i");
    UniCase::unicode(plain(one)) == UniCase::unicode(plain(two))
}

/// Compares the bytes that count; `None` where one that is not ASCII is met before a difference, and folding has to tell.
fn same(
    one: impl Iterator<Item = u8>,
    two: impl Iterator<Item = u8>,
    counts: impl Fn(u8) -> bool,
) -> Option<bool> {
    let mut one = one.filter(|byte| counts(*byte));
    let mut two = two.filter(|byte| counts(*byte));
    loop {
        match (one.next(), two.next()) {
            (None, None) => return Some(true),
            (Some(one), Some(two)) if one.is_ascii() && two.is_ascii() => {
                if !one.eq_ignore_ascii_case(&two) {
                    return Some(false);
                }
            }
            // Nothing folds to nothing, so the longer one is another one.
            (None, Some(_)) | (Some(_), None) => return Some(false),
            (Some(_), Some(_)) => return None,
        }
    }
}

/// Returns whether a byte tells names apart: dots and blanks are `_` for PHP, and brackets are dots where names are split at them.
fn counts(byte: u8) -> bool {
    !matches!(byte, b'_' | b'-' | b'.' | b' ' | b'[' | b']')
}

/// Iterates over the places where a name may end for some server: before a bracket, before a dot, at its end. Behind the first
/// bracket they count only for a root that has dots itself.
fn ends(root: &str, given: &str) -> impl Iterator<Item = usize> {
    let mut open = true;
    let flat = !root.contains('.');
    let ends = given.bytes().enumerate().filter_map(move |(at, byte)| {
        let ends = open && matches!(byte, b'[' | b'.');
        open &= !(flat && byte == b'[');
        ends.then_some(at)
    });
    let whole = (!flat || !given.contains('[')).then_some(given.len());
    ends.chain(whole)
}
