//! Frames of a WebSocket keep their lengths and their order, whatever they hold and in whatever pieces they come.

use bytes::Bytes;
use proptest::prelude::{Strategy, any, prop, prop_assert_eq, prop_oneof};
use tollgate::mask::{FrameFault, WebSocketMask};
use tollgate::model::on_reflect::OnReflect;

use super::{KEY, pieces, set, sizes};
use crate::support::property::{self, Cases, Claim};

const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;

/// Writes a frame as a server does.
fn frame(is_final: bool, opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![u8::from(is_final) << 7 | opcode];
    match payload.len() {
        length @ 0..126 => out.push(length as u8),
        length @ 126..65536 => {
            out.push(126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            out.push(127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
    out
}

/// Writes a message in frames of these sizes, with pings in between.
fn message(payload: &[u8], sizes: &[usize], pings: bool) -> Vec<u8> {
    let pieces = pieces(payload, sizes);
    let mut out = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        let opcode = if index == 0 { BINARY } else { 0 };
        out.extend(frame(index + 1 == pieces.len(), opcode, piece));
        if pings {
            out.extend(frame(true, PING, b"still there?"));
        }
    }
    out
}

fn masked(wire: &[u8], sizes: &[usize]) -> Result<Vec<u8>, FrameFault> {
    let mut mask = WebSocketMask::new(set(&[KEY], OnReflect::Mask));
    let mut out = Vec::new();
    for piece in pieces(wire, sizes) {
        out.extend_from_slice(&mask.take(piece)?);
    }
    out.extend_from_slice(&mask.finish());
    Ok(out)
}

#[test]
fn messages_are_masked_across_frames_and_frames_stay_where_they_are() {
    let noise = || {
        prop_oneof![
            "[a-z\\\\%]{0,40}".prop_map(String::into_bytes),
            prop::collection::vec(any::<u8>(), 0..200)
        ]
    };
    let inputs = (
        prop::collection::vec((noise(), noise()), 1..4),
        sizes(),
        sizes(),
        any::<bool>(),
    );
    property::holds(
        Cases::given(200),
        &inputs,
        |(messages, frames, sizes, pings)| {
            let (mut wire, mut expected) = (Vec::new(), Vec::new());
            for (before, behind) in messages {
                let with = |secret: &str| {
                    message(
                        &[&before, secret.as_bytes(), &behind].concat(),
                        &frames,
                        pings,
                    )
                };
                wire.extend(with(KEY));
                expected.extend(with(&"*".repeat(KEY.len())));
            }
            prop_assert_eq!(masked(&wire, &sizes).unwrap(), expected);
            Ok(Claim::Made)
        },
    );
}

#[test]
fn a_close_reason_is_masked_and_a_message_is_not_held_back() {
    let reason = [b"\x03\xe8bad key ", KEY.as_bytes()].concat();
    let out = masked(&frame(true, CLOSE, &reason), &[3]).unwrap();
    assert_eq!(
        out,
        frame(
            true,
            CLOSE,
            &[b"\x03\xe8bad key ", &[b'*'; KEY.len()][..]].concat()
        )
    );
    let mut mask = WebSocketMask::new(set(&[KEY], OnReflect::Mask));
    // It ends with what a key begins with.
    let begin = Bytes::from(frame(true, TEXT, b"echo ghp_"));
    assert_eq!(mask.take(begin.clone()).unwrap(), begin);
}

#[test]
fn frames_that_cannot_be_searched_do_not_pass() {
    for (first, second) in [
        (0xc1, 5),
        (0xa1, 5),
        (0x91, 5),
        (0x81, 0x85),
        (0x83, 5),
        (0x8b, 5),
        (0x89, 126),
        (0x09, 5),
    ] {
        let wire = [&[first, second, 0, 126][..], b"hello"].concat();
        assert_eq!(
            masked(&wire, &[1]),
            Err(FrameFault),
            "{first:02x} {second:02x}"
        );
    }
}
