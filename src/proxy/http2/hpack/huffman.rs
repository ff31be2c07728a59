//! Decodes the Huffman code of HPACK (RFC 7541 section 5.2) four bits at a time, with a table that the compiler builds.

use super::Corrupt;
use super::codes::CODES;

/// Inner nodes of the code's tree: one fewer than its leaves.
const NODES: usize = CODES.len() - 1;

/// The end of a string may not be spelled out.
const EOS: usize = CODES.len() - 1;

/// Set in a child of a node that is a leaf.
const LEAF: u16 = 1 << 15;

/// What four bits lead to.
#[derive(Debug, Clone, Copy)]
struct Step {
    next: u8,
    symbol: u8,
    effect: Effect,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    None,
    /// A byte is complete.
    Emit,
    /// The code is that of `EOS`, which no string contains.
    Fail,
}

/// By node, then by the four bits.
static STEPS: [[Step; 16]; NODES] = steps();

/// Whether a string may end within the code of a byte here: fewer than eight bits, all of them ones.
static ENDS: [bool; NODES] = ends();

/// Appends the decoded string.
///
/// # Errors
/// When the code has the end of a string in it, or ends in anything but its first bits.
pub(super) fn decode(coded: &[u8], text: &mut Vec<u8>) -> Result<(), Corrupt> {
    // The shortest code has five bits.
    text.reserve(coded.len() * 8 / 5);
    let mut node = 0;
    for byte in coded {
        for bits in [byte >> 4, byte & 0xf] {
            let steps = STEPS.get(usize::from(node)).ok_or(Corrupt)?;
            let step = steps.get(usize::from(bits)).ok_or(Corrupt)?;
            match step.effect {
                Effect::None => {}
                Effect::Emit => text.push(step.symbol),
                Effect::Fail => return Err(Corrupt),
            }
            node = step.next;
        }
    }
    match ENDS.get(usize::from(node)) {
        Some(true) => Ok(()),
        _ => Err(Corrupt),
    }
}

/// Returns the code of a text.
pub(super) fn encode(text: &[u8]) -> Vec<u8> {
    let mut coded = Vec::with_capacity(text.len());
    let (mut held, mut count) = (0_u64, 0_u32);
    for byte in text {
        let Some((code, bits)) = CODES.get(usize::from(*byte)) else {
            continue;
        };
        held = held << bits | u64::from(*code);
        count += u32::from(*bits);
        while count >= 8 {
            count -= 8;
            coded.extend((held >> count).to_le_bytes().first());
        }
    }
    if count > 0 {
        let padded = held << (8 - count) | 0xff >> count;
        coded.extend(padded.to_le_bytes().first());
    }
    coded
}

#[expect(
    clippy::indexing_slicing,
    reason = "runs in the compiler, which reports an index that is out of bounds"
)]
const fn tree() -> [[u16; 2]; NODES] {
    let mut tree = [[0_u16; 2]; NODES];
    let mut nodes = 1;
    let mut symbol = 0;
    while symbol < CODES.len() {
        let (code, bits) = CODES[symbol];
        let (mut node, mut left) = (0, bits);
        while left > 0 {
            left -= 1;
            let bit = (code >> left & 1) as usize;
            if left == 0 {
                tree[node][bit] = LEAF | symbol as u16;
            } else {
                if tree[node][bit] == 0 {
                    tree[node][bit] = nodes;
                    nodes += 1;
                }
                node = tree[node][bit] as usize;
            }
        }
        symbol += 1;
    }
    tree
}

#[expect(
    clippy::indexing_slicing,
    reason = "runs in the compiler, which reports an index that is out of bounds"
)]
const fn steps() -> [[Step; 16]; NODES] {
    const NOTHING: Step = Step {
        next: 0,
        symbol: 0,
        effect: Effect::None,
    };
    let tree = tree();
    let mut steps = [[NOTHING; 16]; NODES];
    let mut start = 0;
    while start < NODES {
        let mut bits = 0;
        while bits < 16 {
            let mut step = NOTHING;
            let (mut node, mut left) = (start, 4);
            while left > 0 {
                left -= 1;
                let child = tree[node][bits >> left & 1];
                node = child as usize;
                if child & LEAF != 0 {
                    let symbol = (child & !LEAF) as usize;
                    if symbol == EOS {
                        step.effect = Effect::Fail;
                        break;
                    }
                    step.symbol = symbol as u8;
                    step.effect = Effect::Emit;
                    node = 0;
                }
            }
            step.next = if matches!(step.effect, Effect::Fail) {
                0
            } else {
                node as u8
            };
            steps[start][bits] = step;
            bits += 1;
        }
        start += 1;
    }
    steps
}

#[expect(
    clippy::indexing_slicing,
    reason = "runs in the compiler, which reports an index that is out of bounds"
)]
const fn ends() -> [bool; NODES] {
    let tree = tree();
    let mut ends = [false; NODES];
    let (mut node, mut ones) = (0, 0);
    while ones < 8 {
        ends[node] = true;
        node = tree[node][1] as usize;
        ones += 1;
    }
    ends
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives() {
        for byte in 0..=u8::MAX {
            for count in 1..20 {
                let text = vec![byte; count];
                let mut decoded = Vec::new();
                decode(&encode(&text), &mut decoded).unwrap();
                assert_eq!(decoded, text);
            }
        }
    }

    #[test]
    fn the_examples_of_the_specification_are_read() {
        // RFC 7541 appendix C.4 and C.6.
        for (coded, text) in [
            (&b"\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff"[..], "www.example.com"),
            (b"\xa8\xeb\x10\x64\x9c\xbf", "no-cache"),
            (b"\x25\xa8\x49\xe9\x5b\xb8\xe8\xb4\xbf", "custom-value"),
            (b"\xd0\x7a\xbe\x94\x10\x54\xd4\x44\xa8\x20\x05\x95\x04\x0b\x81\x66\xe0\x82\xa6\x2d\x1b\xff", "Mon, 21 Oct 2013 20:13:21 GMT"),
        ] {
            let mut decoded = Vec::new();
            decode(coded, &mut decoded).unwrap();
            assert_eq!(decoded, text.as_bytes());
            assert_eq!(encode(text.as_bytes()), coded);
        }
    }

    #[test]
    fn an_end_that_is_not_padding_is_corrupt() {
        // `0` is five zeros; then padding that is not of ones, padding of a whole byte, and the spelled-out end of a string.
        for coded in [&b"\x00"[..], b"\x07\xff", b"\x06", b"\xff\xff\xff\xff"] {
            assert!(decode(coded, &mut Vec::new()).is_err(), "{coded:?}");
        }
        assert!(decode(b"\x07", &mut Vec::new()).is_ok());
    }
}
