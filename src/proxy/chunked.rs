//! Finds the end of a chunked body, or why it is malformed (RFC 9112 section 7.1).
//!
//! INVARIANT: one reading. What a server might repair is a fault, so nothing repaired is completed upstream.

/// Longest line of a chunk's size with its extensions, longest line of trailers, in bytes, and most lines of those.
const AGENTS: Bounds = Bounds {
    line: 1024,
    trailers: 64,
};

/// The same of answers, which are lost where they have more. Nothing of it is kept.
const UPSTREAMS: Bounds = Bounds {
    line: 16 * 1024,
    trailers: 1024,
};

/// Digits of a size; more would not fit in 64 bits.
const MAX_DIGITS: usize = 15;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bounds {
    line: usize,
    trailers: usize,
}

/// The position of the next byte in a chunked body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ChunkState {
    /// In a size, of which so many digits were read.
    Size(usize),
    /// In blanks behind a size.
    Blank,
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
    bounds: Bounds,
    /// Blanks may stand behind a size, as old servers write them; before an extension the grammar has them.
    pads: bool,
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
            bounds: AGENTS,
            pads: false,
        }
    }

    /// Follows a body of an upstream's, which may be as old as the first servers that had chunks.
    pub(super) fn of_upstream() -> Self {
        Self {
            bounds: UPSTREAMS,
            pads: true,
            ..Self::new()
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
        if self.line > self.bounds.line {
            return None;
        }
        let next = match (self.state, byte) {
            (ChunkState::Size(digits), byte) if byte.is_ascii_hexdigit() => {
                let digit = char::from(byte).to_digit(16)?;
                self.size = self.size << 4 | u64::from(digit);
                (digits < MAX_DIGITS).then_some(ChunkState::Size(digits + 1))?
            }
            (ChunkState::Size(1..) | ChunkState::Blank, b' ' | b'\t') => ChunkState::Blank,
            (ChunkState::Size(1..) | ChunkState::Extension, b'\r') => ChunkState::SizeEnd,
            (ChunkState::Blank, b'\r') if self.pads => ChunkState::SizeEnd,
            (ChunkState::Size(1..) | ChunkState::Blank, b';') => ChunkState::Extension,
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
                (self.trailers <= self.bounds.trailers).then_some(ChunkState::Line)?
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_may_have_more_trailers_than_requests() {
        let body = |count: usize, length: usize| {
            let line = format!("X: {}\r\n", "y".repeat(length));
            format!("0\r\n{}\r\n", line.repeat(count))
        };
        let takes = |mut chunked: Chunked, body: &str| {
            chunked
                .feed(body.as_bytes())
                .is_ok_and(|end| end == Some(body.len()))
        };
        for (count, length, of_agent, of_upstream) in [
            (64, 10, true, true),
            (65, 10, false, true),
            (1024, 10, false, true),
            (1025, 10, false, false),
            (1, 1000, true, true),
            (1, 1100, false, true),
            (1, 17_000, false, false),
        ] {
            let body = body(count, length);
            assert_eq!(
                takes(Chunked::new(), &body),
                of_agent,
                "{count} of {length}"
            );
            assert_eq!(
                takes(Chunked::of_upstream(), &body),
                of_upstream,
                "{count} of {length}"
            );
        }
    }
}
