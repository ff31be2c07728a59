//! Coded answers are read as they come, whatever their pieces, and expand in pieces of bounded size.

use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, HeaderValue};
use proptest::prelude::{any, prop, prop_assert_eq};
use tollgate::mask::{Coding, Decoder, StreamMask, Undecodable};
use tollgate::model::on_reflect::OnReflect;

use super::{KEY, pieces, set, sizes};
use crate::support::property::{self, Cases, Claim};

pub(crate) const CODINGS: [&str; 6] = ["identity", "gzip", "deflate", "raw", "br", "zstd"];

/// Codes a text, and flushes it in between.
pub(crate) fn code(coding: &str, parts: &[&[u8]]) -> Vec<u8> {
    let level = flate2::Compression::fast();
    match coding {
        "gzip" => written(
            flate2::write::GzEncoder::new(Vec::new(), level),
            parts,
            |encoder| encoder.finish().unwrap(),
        ),
        "deflate" => written(
            flate2::write::ZlibEncoder::new(Vec::new(), level),
            parts,
            |encoder| encoder.finish().unwrap(),
        ),
        "raw" => written(
            flate2::write::DeflateEncoder::new(Vec::new(), level),
            parts,
            |encoder| encoder.finish().unwrap(),
        ),
        "br" => written(
            brotli::CompressorWriter::new(Vec::new(), 4096, 5, 18),
            parts,
            |encoder| encoder.into_inner(),
        ),
        "zstd" => written(
            zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap(),
            parts,
            |encoder| encoder.finish().unwrap(),
        ),
        _ => parts.concat(),
    }
}

fn written<W: std::io::Write>(
    mut encoder: W,
    parts: &[&[u8]],
    finish: impl FnOnce(W) -> Vec<u8>,
) -> Vec<u8> {
    for part in parts {
        encoder.write_all(part).unwrap();
        encoder.flush().unwrap();
    }
    finish(encoder)
}

fn named(coding: &str) -> Coding {
    let name = if coding == "raw" { "deflate" } else { coding };
    let headers = HeaderMap::from_iter([(CONTENT_ENCODING, HeaderValue::from_str(name).unwrap())]);
    Coding::of(&headers).unwrap()
}

fn decode(coding: &str, pieces: &[Bytes]) -> Result<Vec<Bytes>, Undecodable> {
    let Some(mut decoder) = Decoder::new(named(coding))? else {
        return Ok(pieces.to_vec());
    };
    let mut out = Vec::new();
    for piece in pieces {
        decoder.feed(piece.clone());
        while let Some(decoded) = decoder.next_piece()? {
            out.push(decoded);
        }
    }
    decoder.end();
    while let Some(decoded) = decoder.next_piece()? {
        out.push(decoded);
    }
    Ok(out)
}

#[test]
fn a_coded_answer_is_decoded_and_masked_in_pieces_of_any_size() {
    let inputs = (
        prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..5),
        sizes(),
    );
    property::holds(Cases::given(60), &inputs, |(noise, sizes)| {
        let mut parts: Vec<&[u8]> = noise.iter().map(Vec::as_slice).collect();
        parts.push(KEY.as_bytes());
        parts.extend(noise.iter().rev().map(Vec::as_slice));
        let hidden = "*".repeat(KEY.len());
        let expected: Vec<u8> = parts
            .iter()
            .flat_map(|part| {
                if *part == KEY.as_bytes() {
                    hidden.as_bytes()
                } else {
                    part
                }
            })
            .copied()
            .collect();
        for coding in CODINGS {
            let mut mask = StreamMask::new(set(&[KEY], OnReflect::Mask));
            let decoded = decode(coding, &pieces(&code(coding, &parts), &sizes)).unwrap();
            let mut out: Vec<u8> = decoded
                .into_iter()
                .flat_map(|piece| mask.take(piece))
                .collect();
            out.extend_from_slice(&mask.finish());
            prop_assert_eq!(&out, &expected, "{}", coding);
        }
        Ok(Claim::Made)
    });
}

#[test]
fn what_was_flushed_is_decoded_at_once() {
    let event: &[u8] = b"data: {\"text\": \"hello\"}\n\n";
    for coding in CODINGS.into_iter().filter(|coding| *coding != "identity") {
        let whole = code(coding, &[event, event]);
        let first = written_until_flush(coding, event);
        let mut decoder = Decoder::new(named(coding)).unwrap().unwrap();
        decoder.feed(Bytes::copy_from_slice(&whole[..first]));
        let mut out = Vec::new();
        while let Some(decoded) = decoder.next_piece().unwrap() {
            out.extend_from_slice(&decoded);
        }
        assert_eq!(
            String::from_utf8_lossy(&out),
            String::from_utf8_lossy(event),
            "{coding}"
        );
    }
}

/// Returns how many bytes the first event takes: what two codings that go on differently share.
fn written_until_flush(coding: &str, event: &[u8]) -> usize {
    let one = code(coding, &[event, b"1111"]);
    let other = code(coding, &[event, b"another text"]);
    // The flush ends on a byte, so the next block begins on one, whose first bytes may be the same as well.
    one.iter()
        .zip(&other)
        .take_while(|(one, other)| one == other)
        .count()
}

#[test]
fn a_bomb_expands_in_small_pieces() {
    let zeros = vec![0; 16 * 1024 * 1024];
    for coding in CODINGS.into_iter().filter(|coding| *coding != "identity") {
        let coded = Bytes::from(code(coding, &[&zeros]));
        assert!(coded.len() < zeros.len() / 50, "{coding}");
        let decoded = decode(coding, &[coded]).unwrap();
        assert!(
            decoded.iter().all(|piece| piece.len() <= 32 * 1024),
            "{coding}"
        );
        assert_eq!(
            decoded.iter().map(Bytes::len).sum::<usize>(),
            zeros.len(),
            "{coding}"
        );
    }
}

#[test]
fn what_is_cut_off_or_not_in_the_coding_is_an_error() {
    let text = KEY.repeat(50);
    for coding in CODINGS.into_iter().filter(|coding| *coding != "identity") {
        let coded = code(coding, &[text.as_bytes()]);
        let cut = Bytes::copy_from_slice(&coded[..coded.len() / 2]);
        assert_eq!(decode(coding, &[cut]), Err(Undecodable), "{coding}");
        assert_eq!(decode(coding, &[Bytes::new()]), Ok(Vec::new()), "{coding}");
    }
    for coding in ["gzip", "br", "zstd"] {
        assert_eq!(
            decode(coding, &[text.clone().into()]),
            Err(Undecodable),
            "{coding}"
        );
    }
    for unknown in ["compress", "dcb", "gzip, br", "aws-chunked"] {
        let value = HeaderValue::from_static(unknown);
        let headers = HeaderMap::from_iter([(CONTENT_ENCODING, value)]);
        assert_eq!(Coding::of(&headers), Err(Undecodable), "{unknown}");
    }
}
