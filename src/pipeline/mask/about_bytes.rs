//! Removes the headers that describe the bytes an upstream sent, where the agent receives other bytes.

use http::header::{ACCEPT_RANGES, CONTENT_ENCODING};
use http::{HeaderMap, HeaderName};

/// Digests (RFC 9530, RFC 3230, RFC 1864), the coding, and the offer of parts. An `ETag` stays: it names what the gateway makes of
/// those bytes as exactly.
const OF_BYTES: [HeaderName; 6] = [
    ACCEPT_RANGES,
    CONTENT_ENCODING,
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("repr-digest"),
];

/// Beginnings of such headers: checksums of AWS and Google Cloud.
const CHECKSUMS: [&str; 2] = ["x-amz-checksum-", "x-goog-hash"];

/// Removes what is said about bytes that are others now.
pub(super) fn forget_bytes(headers: &mut HeaderMap) {
    let about = |name: &&HeaderName| {
        let mut checksums = CHECKSUMS.iter();
        OF_BYTES.contains(name) || checksums.any(|start| name.as_str().starts_with(start))
    };
    let gone: Vec<HeaderName> = headers.keys().filter(about).cloned().collect();
    for name in gone {
        headers.remove(name);
    }
}
