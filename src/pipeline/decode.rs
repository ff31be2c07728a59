//! Decodes request bodies: one coding, one member, bounded in size and in window.

use std::io::Read;

use brotli_decompressor::{BrotliDecoderParameter as Parameter, Decompressor};
use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;

use super::refuse::{Code, Refusal};
use crate::connector::UnreadableCode;

/// Largest window, as a power of two, that a zstd frame may ask for: 8 MiB (RFC 8878 section 3.1.1.1.2).
const ZSTD_WINDOW_LOG: u32 = 23;

/// Decodes a body by its `Content-Encoding`, to at most `limit` bytes.
///
/// # Errors
/// `unsupported_media` for an unknown coding or more than one, `body_too_large`, `unreadable_body`.
pub(super) fn decode(headers: &HeaderMap, raw: Bytes, limit: usize) -> Result<Bytes, Refusal> {
    let mut codings = headers.get_all(CONTENT_ENCODING).iter();
    let coding = match (codings.next(), codings.next()) {
        (None, _) => return Ok(raw),
        (Some(coding), None) => coding.to_str().unwrap_or("?").to_ascii_lowercase(),
        (Some(_), Some(_)) => return Err(unsupported()),
    };
    if raw.is_empty() {
        return Ok(raw);
    }
    match coding.as_str() {
        "identity" | "" => Ok(raw),
        "gzip" | "x-gzip" => {
            let mut decoder = flate2::bufread::GzDecoder::new(raw.as_ref());
            let decoded = read(&mut decoder, limit)?;
            ended(decoder.into_inner(), decoded)
        }
        "deflate" => {
            let mut decoder = flate2::bufread::ZlibDecoder::new(raw.as_ref());
            let decoded = read(&mut decoder, limit)?;
            ended(decoder.into_inner(), decoded)
        }
        "br" => {
            // It reads ahead, so what follows the stream is not seen here; it is not sent either.
            let mut decoder = Decompressor::new(raw.as_ref(), 4096);
            // Windows of up to 1 GiB, which RFC 7932 does not know. Never refused before the first read.
            decoder.set_parameter(Parameter::BROTLI_DECODER_PARAM_LARGE_WINDOW, 0);
            read(&mut decoder, limit)
        }
        "zstd" => {
            let decoder =
                zstd::stream::read::Decoder::with_buffer(raw.as_ref()).map_err(|_| unreadable())?;
            let mut decoder = decoder.single_frame();
            decoder
                .window_log_max(ZSTD_WINDOW_LOG)
                .map_err(|_| unreadable())?;
            let decoded = read(&mut decoder, limit)?;
            ended(decoder.finish(), decoded)
        }
        _ => Err(unsupported()),
    }
}

fn read(decoder: &mut dyn Read, limit: usize) -> Result<Bytes, Refusal> {
    let mut decoded = Vec::new();
    let bound = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    decoder
        .take(bound)
        .read_to_end(&mut decoded)
        .map_err(|_| unreadable())?;
    if decoded.len() > limit {
        let detail = format!("The decoded body is over {limit} bytes, the most that is judged.");
        return Err(Refusal::because(Code::BodyTooLarge, detail));
    }
    Ok(Bytes::from(decoded))
}

/// A second member would be read by some servers and not by others.
fn ended(rest: &[u8], decoded: Bytes) -> Result<Bytes, Refusal> {
    if rest.is_empty() {
        Ok(decoded)
    } else {
        Err(unreadable())
    }
}

fn unreadable() -> Refusal {
    Refusal::because(
        Code::Unreadable(UnreadableCode::UnreadableBody),
        "The body cannot be decompressed.",
    )
}

fn unsupported() -> Refusal {
    Refusal::because(
        Code::UnsupportedMedia,
        "The body's coding is not one of gzip, deflate, br, zstd, or there are several.",
    )
}
