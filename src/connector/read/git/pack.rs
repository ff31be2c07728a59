//! Reads the parents of the commits at the head of a pack (`gitformat-pack(5)`), as far as they can be read.
//!
//! INVARIANT: a commit is known by the hash of its content, so a pack cannot claim parents that a commit does not have.

use std::collections::HashMap;
use std::io::Read as _;

use sha1::{Digest as _, Sha1};
use sha2::Sha256;

use crate::model::hex::hex;

/// By object id in lower-case hex.
pub(crate) type Parents = HashMap<String, Vec<String>>;

/// Bytes of all commits that are read, inflated. Git writes commits before everything else.
const MAX_COMMITS: usize = 4 * 1024 * 1024;

/// What is kept of a commit beside its content, in bytes: one of no bytes at all costs that too.
const COMMIT_COST: usize = 256;

const COMMIT: u8 = 1;
const OFFSET_DELTA: u8 = 6;

/// Reads the commits that a pack begins with; `id_length` is 40 for SHA-1 and 64 for SHA-256.
///
/// Whatever cannot be read ends it: less is known then, and nothing wrong.
pub(crate) fn parents(pack: &[u8], id_length: usize) -> Parents {
    let mut parents = Parents::new();
    let mut contents: HashMap<usize, Vec<u8>> = HashMap::new();
    let mut left = MAX_COMMITS;
    // `PACK`, version and number of objects.
    let mut at = 12;
    while let Some((content, next)) = commit(pack, at, &contents, left) {
        left = left.saturating_sub(content.len().saturating_add(COMMIT_COST));
        let own = own_parents(&content, id_length).unwrap_or_default();
        parents.insert(id(&content, id_length), own);
        contents.insert(at, content);
        at = next;
    }
    parents
}

/// Reads a commit's parents as git itself does: `tree`, then `parent` lines, up to the first other line. Whatever stands behind
/// it is no parent, whatever it looks like.
fn own_parents(commit: &[u8], id_length: usize) -> Option<Vec<String>> {
    let (_, mut rest) = header(commit, b"tree ", id_length)?;
    let mut parents = Vec::new();
    while rest.starts_with(b"parent ") {
        let (parent, after) = header(rest, b"parent ", id_length)?;
        parents.push(parent);
        rest = after;
    }
    Some(parents)
}

/// Splits a line of a word and an id off.
fn header<'c>(text: &'c [u8], word: &[u8], id_length: usize) -> Option<(String, &'c [u8])> {
    let (id, rest) = text.strip_prefix(word)?.split_at_checked(id_length)?;
    let rest = rest.strip_prefix(b"\n")?;
    let id = std::str::from_utf8(id).ok()?;
    let hex = id.bytes().all(|byte| byte.is_ascii_hexdigit());
    hex.then(|| (id.to_ascii_lowercase(), rest))
}

/// Returns the commit at an offset, and where the next object begins.
fn commit(
    pack: &[u8],
    at: usize,
    contents: &HashMap<usize, Vec<u8>>,
    left: usize,
) -> Option<(Vec<u8>, usize)> {
    let mut rest = pack.get(at..)?;
    let (kind, size) = head(&mut rest)?;
    let base = match kind {
        COMMIT => None,
        OFFSET_DELTA => Some(contents.get(&at.checked_sub(offset(&mut rest)?)?)?),
        _ => return None,
    };
    if size > left || left < COMMIT_COST {
        return None;
    }
    let mut inflated = Vec::new();
    let mut decoder = flate2::bufread::ZlibDecoder::new(rest);
    let bound = u64::try_from(size).ok()?.checked_add(1)?;
    decoder
        .by_ref()
        .take(bound)
        .read_to_end(&mut inflated)
        .ok()?;
    if inflated.len() != size {
        return None;
    }
    let next = pack.len() - decoder.into_inner().len();
    let content = match base {
        None => inflated,
        Some(base) => apply(base, &inflated, left)?,
    };
    Some((content, next))
}

/// The type and the size of an object: 3 bits and 4 bits of the first byte, then 7 bits a byte, the least first.
fn head(rest: &mut &[u8]) -> Option<(u8, usize)> {
    let first = byte(rest)?;
    let size = usize::from(first & 0x0f);
    let size = if first & 0x80 == 0 {
        size
    } else {
        more(rest, size, 4)?
    };
    Some(((first >> 4) & 7, size))
}

fn more(rest: &mut &[u8], mut size: usize, mut shift: u32) -> Option<usize> {
    loop {
        let next = byte(rest)?;
        size |= usize::from(next & 0x7f).checked_shl(shift)?;
        shift += 7;
        if next & 0x80 == 0 {
            return Some(size);
        }
    }
}

/// How far before an object its base begins: 7 bits a byte, the most significant first, each further byte adding one.
fn offset(rest: &mut &[u8]) -> Option<usize> {
    let mut next = byte(rest)?;
    let mut offset = usize::from(next & 0x7f);
    while next & 0x80 != 0 {
        next = byte(rest)?;
        offset = offset.checked_add(1)?.checked_mul(128)? | usize::from(next & 0x7f);
    }
    Some(offset)
}

/// Makes an object of its base and a delta.
fn apply(base: &[u8], delta: &[u8], left: usize) -> Option<Vec<u8>> {
    let mut rest = delta;
    let from = more(&mut rest, 0, 0)?;
    let size = more(&mut rest, 0, 0)?;
    if from != base.len() || size > left {
        return None;
    }
    let mut made = Vec::new();
    while !rest.is_empty() {
        let instruction = byte(&mut rest)?;
        if instruction & 0x80 == 0 {
            let (text, after) = rest.split_at_checked(usize::from(instruction))?;
            if text.is_empty() {
                return None;
            }
            made.extend_from_slice(text);
            rest = after;
        } else {
            let mut number = |bits: std::ops::Range<u8>| {
                let mut number = 0;
                for (shift, bit) in (0_u32..).step_by(8).zip(bits) {
                    if instruction & (1 << bit) != 0 {
                        number |= usize::from(byte(&mut rest)?) << shift;
                    }
                }
                Some(number)
            };
            let start = number(0..4)?;
            let length = match number(4..7)? {
                0 => 0x10000,
                length => length,
            };
            made.extend_from_slice(base.get(start..start.checked_add(length)?)?);
        }
        if made.len() > size {
            return None;
        }
    }
    (made.len() == size).then_some(made)
}

fn byte(rest: &mut &[u8]) -> Option<u8> {
    let (first, after) = rest.split_first()?;
    *rest = after;
    Some(*first)
}

fn id(content: &[u8], id_length: usize) -> String {
    let head = format!("commit {}\0", content.len());
    let bytes = if id_length == 64 {
        let hash = Sha256::new().chain_update(&head).chain_update(content);
        hash.finalize().to_vec()
    } else {
        let hash = Sha1::new().chain_update(&head).chain_update(content);
        hash.finalize().to_vec()
    };
    hex(&bytes)
}
