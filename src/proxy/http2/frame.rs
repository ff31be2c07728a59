//! Frames of HTTP/2: the nine bytes that each begins with (RFC 9113 section 4.1), read and written.

/// Bytes before the payload.
pub(super) const HEAD: usize = 9;

/// Longest payload in either direction, since we announce no other `SETTINGS_MAX_FRAME_SIZE`, and every peer takes this one.
pub(super) const MAX_PAYLOAD: usize = 16_384;

pub(super) const DATA: u8 = 0x0;
pub(super) const HEADERS: u8 = 0x1;
pub(super) const RST_STREAM: u8 = 0x3;
pub(super) const SETTINGS: u8 = 0x4;
pub(super) const CONTINUATION: u8 = 0x9;

/// Flag of a `SETTINGS` frame.
pub(super) const ACK: u8 = 0x1;
/// Of `DATA` and `HEADERS`.
pub(super) const END_STREAM: u8 = 0x1;
/// Of `HEADERS` and `CONTINUATION`.
pub(super) const END_HEADERS: u8 = 0x4;
/// Of `DATA` and `HEADERS`.
pub(super) const PADDED: u8 = 0x8;
/// Flag of a `HEADERS` frame.
pub(super) const PRIORITY: u8 = 0x20;

/// What a frame says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    /// Bytes of the payload.
    pub(super) length: usize,
    pub(super) kind: u8,
    pub(super) flags: u8,
    /// 0 for the connection.
    pub(super) stream: u32,
}

impl Frame {
    /// Reads the head of the frame that `bytes` begin with; `None` where it is not complete.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let [a, b, c, kind, flags, stream @ ..] = bytes.first_chunk::<HEAD>()?;
        Some(Self {
            length: usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c),
            kind: *kind,
            flags: *flags,
            // The first bit means nothing.
            stream: u32::from_be_bytes(*stream) & 0x7fff_ffff,
        })
    }

    pub(super) fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Writes the nine bytes of a frame's head.
    pub(super) fn put(self, out: &mut Vec<u8>) {
        let [.., a, b, c] = self.length.to_be_bytes();
        out.extend_from_slice(&[a, b, c, self.kind, self.flags]);
        out.extend_from_slice(&self.stream.to_be_bytes());
    }
}

/// Writes a header block in as many frames as it needs. `flags` are those of the `HEADERS` frame.
pub(super) fn put_block(out: &mut Vec<u8>, (stream, flags): (u32, u8), block: &[u8]) {
    let mut kind = HEADERS;
    let mut flags = flags & !END_HEADERS;
    let mut rest = block;
    loop {
        let (payload, after) = rest.split_at_checked(MAX_PAYLOAD).unwrap_or((rest, b""));
        if after.is_empty() {
            flags |= END_HEADERS;
        }
        let frame = Frame {
            length: payload.len(),
            kind,
            flags,
            stream,
        };
        frame.put(out);
        out.extend_from_slice(payload);
        if after.is_empty() {
            return;
        }
        (kind, flags, rest) = (CONTINUATION, 0, after);
    }
}

/// Returns what of the payload of a `HEADERS` frame belongs to the block (RFC 9113 section 6.2); `None` where its padding does not
/// fit.
pub(super) fn fragment(frame: Frame, payload: &[u8]) -> Option<&[u8]> {
    let mut payload = payload;
    let mut padding = 0;
    if frame.has(PADDED) {
        let (length, rest) = payload.split_first()?;
        (padding, payload) = (usize::from(*length), rest);
    }
    if frame.has(PRIORITY) {
        payload = payload.get(5..)?;
    }
    payload.get(..payload.len().checked_sub(padding)?)
}
