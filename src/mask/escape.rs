//! Reads characters that are written as escapes: of JSON and JavaScript (RFC 8259 section 7), URLs (RFC 3986 section 2.1) and HTML
//! or XML, one within the other to a depth of three.

/// How often escapes may have been escaped again.
pub(super) const MAX_DEPTH: u8 = 3;

/// Names of characters in HTML and XML that have no letter of their own.
const ENTITIES: [(&[u8], u8); 5] = [
    (b"amp", b'&'),
    (b"lt", b'<'),
    (b"gt", b'>'),
    (b"quot", b'"'),
    (b"apos", b'\''),
];

/// Most characters between `&` and `;`.
const MAX_ENTITY: usize = 8;

/// One character as a reader of the text has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Char {
    bytes: [u8; 4],
    len: usize,
    /// Where the next one begins.
    pub(super) next: usize,
}

/// The text ends within an escape, or before a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CutOff;

impl Char {
    fn byte(byte: u8, next: usize) -> Self {
        Self {
            bytes: [byte, 0, 0, 0],
            len: 1,
            next,
        }
    }

    fn of(code: u32, next: usize) -> Option<Self> {
        let mut bytes = [0; 4];
        let len = char::from_u32(code)?.encode_utf8(&mut bytes).len();
        Some(Self { bytes, len, next })
    }

    /// Returns its bytes in UTF-8, or the byte that a URL names.
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    fn single(&self) -> Option<u8> {
        match self.bytes() {
            [byte] => Some(*byte),
            _ => None,
        }
    }

    fn digit(&self, radix: u32) -> Option<u32> {
        char::from(self.single()?).to_digit(radix)
    }
}

/// Returns whether an escape can begin with this byte.
pub(super) fn is_intro(byte: u8) -> bool {
    matches!(byte, b'\\' | b'%' | b'&')
}

/// Reads the character at a place as one does who undoes escapes `depth` times. What is no escape stands for itself.
pub(super) fn read(text: &[u8], at: usize, depth: u8) -> Result<Char, CutOff> {
    let Some(under) = depth.checked_sub(1) else {
        return text
            .get(at)
            .map(|byte| Char::byte(*byte, at + 1))
            .ok_or(CutOff);
    };
    let first = read(text, at, under)?;
    let reader = EscapeReader { text, depth: under };
    let escaped = match first.single() {
        Some(b'%') => reader.percent(first.next)?,
        Some(b'\\') => reader.backslash(first.next)?,
        Some(b'&') => reader.entity(first.next)?,
        _ => None,
    };
    Ok(escaped.unwrap_or(first))
}

/// Reads what is behind the first character of an escape.
#[derive(Clone, Copy)]
struct EscapeReader<'t> {
    text: &'t [u8],
    depth: u8,
}

impl EscapeReader<'_> {
    fn char(self, at: usize) -> Result<Char, CutOff> {
        read(self.text, at, self.depth)
    }

    /// Reads so many hexadecimal digits.
    fn hex(self, mut at: usize, count: usize) -> Result<Option<(u32, usize)>, CutOff> {
        let mut code = 0;
        for _ in 0..count {
            let char = self.char(at)?;
            let Some(digit) = char.digit(16) else {
                return Ok(None);
            };
            code = code * 16 + digit;
            at = char.next;
        }
        Ok(Some((code, at)))
    }

    fn percent(self, at: usize) -> Result<Option<Char>, CutOff> {
        let read = self.hex(at, 2)?;
        Ok(
            read.and_then(|(code, next)| {
                u8::try_from(code).ok().map(|byte| Char::byte(byte, next))
            }),
        )
    }

    fn backslash(self, at: usize) -> Result<Option<Char>, CutOff> {
        let kind = self.char(at)?;
        let byte = match kind.single() {
            Some(byte @ (b'"' | b'\\' | b'/' | b'\'')) => byte,
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'x') => {
                let read = self.hex(kind.next, 2)?;
                return Ok(read.and_then(|(code, next)| Char::of(code, next)));
            }
            Some(b'u') => return self.unicode(kind.next),
            _ => return Ok(None),
        };
        Ok(Some(Char::byte(byte, kind.next)))
    }

    /// Reads four digits, or two times four where the first are half of a pair.
    fn unicode(self, at: usize) -> Result<Option<Char>, CutOff> {
        let Some((high, next)) = self.hex(at, 4)? else {
            return Ok(None);
        };
        if !(0xD800..0xDC00).contains(&high) {
            return Ok(Char::of(high, next));
        }
        let mut at = next;
        for wanted in [b'\\', b'u'] {
            let char = self.char(at)?;
            if char.single() != Some(wanted) {
                return Ok(None);
            }
            at = char.next;
        }
        let Some((low, next)) = self.hex(at, 4)? else {
            return Ok(None);
        };
        if !(0xDC00..0xE000).contains(&low) {
            return Ok(None);
        }
        Ok(Char::of(
            0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00),
            next,
        ))
    }

    fn entity(self, mut at: usize) -> Result<Option<Char>, CutOff> {
        let mut name = [0; MAX_ENTITY];
        for length in 0..=MAX_ENTITY {
            let char = self.char(at)?;
            at = char.next;
            let byte = match char.single() {
                Some(b';') => return Ok(named(name.get(..length).unwrap_or_default(), at)),
                Some(byte) if byte == b'#' || byte.is_ascii_alphanumeric() => byte,
                _ => return Ok(None),
            };
            match name.get_mut(length) {
                Some(place) => *place = byte,
                None => return Ok(None),
            }
        }
        Ok(None)
    }
}

/// Returns the character of a name or number in HTML.
fn named(name: &[u8], next: usize) -> Option<Char> {
    let (digits, radix) = match name {
        [b'#', b'x' | b'X', digits @ ..] => (digits, 16),
        [b'#', digits @ ..] => (digits, 10),
        _ => {
            let entity = ENTITIES.iter().find(|(known, _)| *known == name);
            return entity.map(|(_, byte)| Char::byte(*byte, next));
        }
    };
    let digits = std::str::from_utf8(digits).ok()?;
    Char::of(u32::from_str_radix(digits, radix).ok()?, next)
}
