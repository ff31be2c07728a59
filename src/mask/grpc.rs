//! Tells where messages of gRPC end: one that is whole is not held back until the next one comes, which may wait for an answer to it.

/// Bytes in front of a message: whether it is compressed, and its length (gRPC over HTTP/2, "Length-Prefixed-Message").
const PREFIX: usize = 5;

/// Follows the messages of one answer, which may come in pieces of any size.
#[derive(Debug, Default)]
pub struct GrpcMessages {
    /// What there is of a prefix.
    prefix: [u8; PREFIX],
    read: usize,
    /// Bytes that are to come of the message under way.
    left: u64,
}

/// What stands at the end of what was followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrpcPlace {
    /// More of a message follows.
    Within,
    /// The end of a message.
    End,
    /// The beginning of a message that is compressed.
    Compressed,
    /// It is no message of gRPC.
    Foreign,
}

/// Flag of a message that is not compressed, and of the trailers of gRPC-Web.
const PLAIN: [u8; 2] = [0, 0x80];

impl GrpcMessages {
    /// Follows a piece up to the end of the message in it, or to its own. Returns how many bytes that is, and what stands there.
    pub fn next(&mut self, piece: &[u8]) -> (usize, GrpcPlace) {
        if self.read == 0
            && let Some(flag) = piece.first().filter(|flag| !PLAIN.contains(flag))
        {
            let is_compressed = flag & 0x7f == 1;
            let place = if is_compressed {
                GrpcPlace::Compressed
            } else {
                GrpcPlace::Foreign
            };
            return (piece.len(), place);
        }
        let wanted = PREFIX - self.read;
        let begun = piece.get(..wanted.min(piece.len())).unwrap_or_default();
        if let Some(room) = self.prefix.get_mut(self.read..self.read + begun.len()) {
            room.copy_from_slice(begun);
        }
        self.read += begun.len();
        if self.read < PREFIX {
            return (piece.len(), GrpcPlace::Within);
        }
        if !begun.is_empty() {
            let [_, length @ ..] = self.prefix;
            self.left = u64::from(u32::from_be_bytes(length));
        }
        let rest = (piece.len() - begun.len()) as u64;
        let inside = rest.min(self.left);
        self.left -= inside;
        let ends = self.left == 0;
        if ends {
            self.read = 0;
        }
        let inside = usize::try_from(inside).unwrap_or(piece.len());
        let place = if ends {
            GrpcPlace::End
        } else {
            GrpcPlace::Within
        };
        ((begun.len() + inside).min(piece.len()), place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_found_in_pieces_of_any_size() {
        let mut text = Vec::new();
        let mut ends = Vec::new();
        for length in [0_u32, 1, 7, 0, 300] {
            text.extend_from_slice(&[0]);
            text.extend_from_slice(&length.to_be_bytes());
            text.resize(text.len() + length as usize, b'x');
            ends.push(text.len());
        }
        for size in 1..=text.len() {
            let mut messages = GrpcMessages::default();
            let (mut at, mut found) = (0, Vec::new());
            for piece in text.chunks(size) {
                let mut rest = piece;
                while !rest.is_empty() {
                    let (length, place) = messages.next(rest);
                    assert!(length > 0, "{size}");
                    at += length;
                    rest = &rest[length..];
                    found.extend((place == GrpcPlace::End).then_some(at));
                }
            }
            assert_eq!(found, ends, "{size}");
        }
    }

    #[test]
    fn what_is_compressed_or_no_message_is_told() {
        for (flag, place) in [
            (0, GrpcPlace::Within),
            (0x80, GrpcPlace::Within),
            (1, GrpcPlace::Compressed),
            (b'm', GrpcPlace::Foreign),
        ] {
            assert_eq!(GrpcMessages::default().next(&[flag, 0, 0]), (3, place));
        }
    }
}
