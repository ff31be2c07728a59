//! Finds the end of a chunked body, or why it is malformed (RFC 9112 section 7.1).
//!
//! INVARIANT: one reading. What a server might repair is a fault, so nothing repaired is completed upstream.

/// Longest line of a chunk's size with its extensions, and longest line of trailers, in bytes.
const MAX_LINE: usize = 1024;

/// Most lines of trailers.
const MAX_TRAILERS: usize = 64;

/// Digits of a size; more would not fit in 64 bits.
const MAX_DIGITS: usize = 15;

/// The position of the next byte in a chunked body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ChunkState {
    /// In a size, of which so many digits were read.
    Size(usize),
    /// Inside the extension after a size.
    Extension,
    /// Behind the CR of a line that gave a size.
    SizeEnd,
    /// In a chunk of which so much is to come.
    Data(u64),
    /// After the data of a chunk.
    DataEnd,
    /// Behind the CR that follows a chunk.
    DataEnded,
    /// At the beginning of a line of trailers.
    Line,
    Name,
    Value,
    /// Behind the CR of a trailer.
    ValueEnd,
    /// Behind the CR of the last, empty line.
    LastEnd,
}

/// Follows a chunked body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chunked {
    state: ChunkState,
    size: u64,
    /// Bytes of the present line.
    line: usize,
    trailers: usize,
}

/// It is not a chunked body.
#[derive(Debug)]
pub(super) struct NotChunked;

impl Chunked {
    pub(super) fn new() -> Self {
        Self {
            state: ChunkState::Size(0),
            size: 0,
            line: 0,
            trailers: 0,
        }
    }

    /// Follows more of the body; returns how many bytes belong to it once it has ended.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<Option<usize>, NotChunked> {
        self.feed_to(bytes, |_| ())
    }

    /// Follows more of the body, and hands on what is inside the chunks.
    pub(super) fn feed_to(
        &mut self,
        bytes: &[u8],
        mut data: impl FnMut(&[u8]),
    ) -> Result<Option<usize>, NotChunked> {
        let mut rest = bytes;
        while let [byte, after @ ..] = rest {
            if let ChunkState::Data(left) = self.state {
                let here = left.min(rest.len() as u64);
                let cut = usize::try_from(here).ok();
                let cut = cut.and_then(|here| rest.split_at_checked(here));
                let (inside, behind) = cut.unwrap_or_default();
                data(inside);
                rest = behind;
                self.state = if here == left {
                    ChunkState::DataEnd
                } else {
                    ChunkState::Data(left - here)
                };
                continue;
            }
            if self.state == ChunkState::LastEnd {
                return if *byte == b'\n' {
                    Ok(Some(bytes.len() - after.len()))
                } else {
                    Err(NotChunked)
                };
            }
            self.state = self.step(*byte).ok_or(NotChunked)?;
            rest = after;
        }
        Ok(None)
    }

    fn step(&mut self, byte: u8) -> Option<ChunkState> {
        self.line += 1;
        if self.line > MAX_LINE {
            return None;
        }
        let next = match (self.state, byte) {
            (ChunkState::Size(digits), byte) if byte.is_ascii_hexdigit() => {
                let digit = char::from(byte).to_digit(16)?;
                self.size = self.size << 4 | u64::from(digit);
                (digits < MAX_DIGITS).then_some(ChunkState::Size(digits + 1))?
            }
            (ChunkState::Size(1..) | ChunkState::Extension, b'\r') => ChunkState::SizeEnd,
            (ChunkState::Size(1..), b';') => ChunkState::Extension,
            (ChunkState::Extension, byte) if is_text(byte) => ChunkState::Extension,
            (ChunkState::SizeEnd, b'\n') => match self.size {
                0 => ChunkState::Line,
                size => ChunkState::Data(size),
            },
            (ChunkState::DataEnd, b'\r') => ChunkState::DataEnded,
            (ChunkState::DataEnded, b'\n') => ChunkState::Size(0),
            (ChunkState::Line, b'\r') => ChunkState::LastEnd,
            (ChunkState::Line | ChunkState::Name, byte) if is_token(byte) => ChunkState::Name,
            (ChunkState::Name, b':') => ChunkState::Value,
            (ChunkState::Value, b'\r') => ChunkState::ValueEnd,
            (ChunkState::Value, byte) if is_text(byte) => ChunkState::Value,
            (ChunkState::ValueEnd, b'\n') => {
                self.trailers += 1;
                (self.trailers <= MAX_TRAILERS).then_some(ChunkState::Line)?
            }
            _ => return None,
        };
        if byte == b'\n' {
            self.line = 0;
            self.size = 0;
        }
        Some(next)
    }
}

/// Bytes that values and extensions may have.
fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

/// RFC 9110 section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
