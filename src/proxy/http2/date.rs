//! Keeps the `Date` of an upstream. Pingora writes its own into every head of an answer, so the upstream's passes it under another
//! name. It then takes the place of Pingora's in the block that the `h2` crate has written.

use std::sync::LazyLock;

use http::header::DATE;
use pingora::Result;
use pingora::http::ResponseHeader;

use super::hpack::{self, Corrupt};

/// The upstream's `Date` on its way past Pingora. No agent sees it.
const KEPT: &str = "tollgate-date";

/// The same, as the `h2` crate writes it.
static CODED: LazyLock<Vec<u8>> = LazyLock::new(|| hpack::huffman(KEPT.as_bytes()));

/// A field of a block.
struct Field<'a> {
    name: Name<'a>,
    /// As it is in the block, with its name.
    whole: &'a [u8],
    /// The same from its value on.
    value: &'a [u8],
}

enum Name<'a> {
    Index(usize),
    /// As a string, and whether it is in Huffman's code.
    Coded(&'a [u8], bool),
    /// A size of the table.
    None,
}

impl Name<'_> {
    fn is_kept(&self) -> bool {
        match self {
            Self::Coded(name, true) => *name == *CODED,
            Self::Coded(name, false) => *name == KEPT.as_bytes(),
            Self::Index(_) | Self::None => false,
        }
    }
}

/// Puts the upstream's `Date` where Pingora leaves it.
///
/// # Errors
/// Never; the names are good.
pub(in crate::proxy) fn keep(response: &mut ResponseHeader) -> Result<()> {
    response.remove_header(KEPT);
    if let Some(date) = response.headers.get(DATE).cloned() {
        response.insert_header(KEPT, date)?;
    }
    Ok(())
}

/// Writes a header block with the upstream's `Date` in it, if there is one. The block refers to no table but the static one.
pub(super) fn restore(block: &[u8], out: &mut Vec<u8>) {
    if !has_kept(block) {
        return out.extend_from_slice(block);
    }
    let mut rest = block;
    while let Ok(Some(field)) = next(&mut rest) {
        match field.name {
            Name::Index(hpack::DATE) => {}
            name if name.is_kept() => {
                hpack::put_integer(out, 0, 4, hpack::DATE);
                out.extend_from_slice(field.value);
            }
            _ => out.extend_from_slice(field.whole),
        }
    }
}

/// Returns whether the upstream's `Date` is in a block that can be read.
fn has_kept(mut block: &[u8]) -> bool {
    let mut kept = false;
    loop {
        match next(&mut block) {
            Ok(Some(field)) => kept |= field.name.is_kept(),
            Ok(None) => return kept,
            Err(Corrupt) => return false,
        }
    }
}

/// Takes the next field off a block; `None` at its end.
fn next<'a>(block: &mut &'a [u8]) -> std::result::Result<Option<Field<'a>>, Corrupt> {
    let start = *block;
    let Some(first) = block.first().copied() else {
        return Ok(None);
    };
    let taken = |rest: &[u8]| start.get(..start.len() - rest.len()).unwrap_or_default();
    let (name, value) = match first {
        0x80.. => (Name::Index(hpack::integer(block, 7)?), *block),
        0x20..0x40 => {
            hpack::integer(block, 5)?;
            (Name::None, *block)
        }
        _ => {
            let bits = if first & 0x40 == 0 { 4 } else { 6 };
            let name = match hpack::integer(block, bits)? {
                0 => {
                    let (name, huffman) = hpack::coded(block)?;
                    Name::Coded(name, huffman)
                }
                index => Name::Index(index),
            };
            let value = *block;
            hpack::coded(block)?;
            let length = value.len() - block.len();
            (name, value.get(..length).unwrap_or_default())
        }
    };
    Ok(Some(Field {
        name,
        whole: taken(block),
        value,
    }))
}
