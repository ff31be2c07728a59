//! Ids and times as OTLP writes them.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::model::hex::hex;

/// Returns the ids of trace and span in hexadecimal: the bytes of the request's ULID, so that a record that is sent twice is one span.
pub(super) fn ids(request_id: &str) -> Option<(String, String)> {
    let bytes = request_id.parse::<ulid::Ulid>().ok()?.to_bytes();
    let (_, random) = bytes.split_at_checked(8)?;
    Some((hex(&bytes), hex(random)))
}

/// Returns nanoseconds since 1970 of RFC 3339; 0 where it does not read.
pub(super) fn nanos(time: &str) -> i128 {
    OffsetDateTime::parse(time, &Rfc3339).map_or(0, OffsetDateTime::unix_timestamp_nanos)
}
