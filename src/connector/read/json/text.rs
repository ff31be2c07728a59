//! Hands a JSON text to visitors as `serde_json` does, in a fraction of the time: texts are borrowed from where they stand.
//!
//! INVARIANT: nothing is taken that `serde_json` refuses, and the same values are handed on. Escapes, signs, fractions and long
//! numbers are read by `serde_json`, which is asked again where a text is refused here.

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Error, Result};

/// As deep as `serde_json` goes.
const DEPTH: u8 = 128;

/// Digits of the longest whole number that surely fits into 64 bits.
const DIGITS: usize = 18;

/// Bytes that are looked at together.
const LANES: usize = size_of::<u64>();

/// A text that is being read.
#[derive(Debug)]
pub(crate) struct Text<'de> {
    text: &'de str,
    at: usize,
    depth: u8,
}

/// What is left of an object or a list.
struct Members<'t, 'de> {
    text: &'t mut Text<'de>,
    end: u8,
    is_first: bool,
    is_ended: bool,
}

/// A key, whose opening quote comes next.
struct Key<'t, 'de>(&'t mut Text<'de>);

fn refused() -> Error {
    Error::custom("not read here")
}

/// Lets `serde_json` read one value of the text.
fn by_serde_json<'de, V: Visitor<'de>>(text: &'de str, visitor: V) -> Result<V::Value> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = deserializer.deserialize_any(visitor)?;
    deserializer.end()?;
    Ok(value)
}

/// Returns how many bytes come before a quote, a backslash or a control character.
#[inline]
fn plain_length(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_ne_bytes([1; LANES]);
    const HIGHS: u64 = ONES << 7;
    let same = |lanes: u64, byte: u8| {
        let lanes = lanes ^ (ONES * u64::from(byte));
        lanes.wrapping_sub(ONES) & !lanes
    };
    let (whole, rest) = bytes.as_chunks::<LANES>();
    for (number, lanes) in whole.iter().enumerate() {
        let lanes = u64::from_le_bytes(*lanes);
        let control = lanes.wrapping_sub(ONES * 0x20) & !lanes;
        // The lowest one is exact; a borrow shows in those above only.
        let found = (same(lanes, b'"') | same(lanes, b'\\') | control) & HIGHS;
        if found != 0 {
            return Some(number * LANES + found.trailing_zeros() as usize / 8);
        }
    }
    let ends = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
    let place = rest.iter().position(ends)?;
    Some(whole.len() * LANES + place)
}

impl<'de> Text<'de> {
    /// Begins at the first byte.
    pub(crate) fn new(text: &'de str) -> Self {
        Self {
            text,
            at: 0,
            depth: DEPTH,
        }
    }

    /// Returns whether nothing follows but white space.
    ///
    /// # Errors
    /// When something does.
    pub(crate) fn end(&mut self) -> Result<()> {
        self.peek().map_or(Ok(()), |_| Err(refused()))
    }

    /// Returns the next byte that is no white space; it is not taken.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = self.text.as_bytes().get(self.at).copied()?;
            if !matches!(byte, b' ' | b'\n' | b'\t' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    #[inline]
    fn rest(&self) -> &'de [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// Takes so many bytes.
    fn take(&mut self, count: usize) -> Result<&'de str> {
        let taken = self.text.get(self.at..self.at + count);
        self.at += count;
        taken.ok_or_else(refused)
    }

    /// Takes a string without escapes, whose opening quote comes next; of any other nothing is taken.
    #[inline]
    fn plain(&mut self) -> Option<&'de str> {
        let start = self.at + 1;
        let after = self.text.as_bytes().get(start..)?;
        let length = plain_length(after)?;
        if after.get(length) != Some(&b'"') {
            return None;
        }
        let end = start + length;
        self.at = end + 1;
        self.text.get(start..end)
    }

    /// Takes any string, with its quotes, as it is written.
    fn string(&mut self) -> Result<&'de str> {
        let rest = self.rest();
        let mut length = 1;
        loop {
            let after = rest.get(length..).unwrap_or_default();
            length += plain_length(after).ok_or_else(refused)?;
            match rest.get(length) {
                Some(b'"') => return self.take(length + 1),
                // What is escaped may be a quote.
                Some(b'\\') => length += 2,
                _ => return Err(refused()),
            }
        }
    }

    fn number<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value> {
        let rest = self.rest();
        let (mut value, mut count) = (0_u64, 0);
        for byte in rest
            .iter()
            .take(DIGITS)
            .take_while(|byte| byte.is_ascii_digit())
        {
            value = value * 10 + u64::from(byte - b'0');
            count += 1;
        }
        let is_padded = count > 1 && rest.first() == Some(&b'0');
        let goes_on = rest.get(count).is_some_and(|byte| is_numeric(*byte));
        if count > 0 && !is_padded && !goes_on {
            self.at += count;
            return visitor.visit_u64(value);
        }
        let length = rest.iter().position(|byte| !is_numeric(*byte));
        by_serde_json(self.take(length.unwrap_or(rest.len()))?, visitor)
    }

    fn word(&mut self, word: &[u8]) -> Result<()> {
        let is_here = self.rest().starts_with(word);
        self.at += word.len();
        is_here.then_some(()).ok_or_else(refused)
    }

    /// Reads what is in brackets, the first of which comes next.
    #[inline]
    fn nested<T>(
        &mut self,
        end: u8,
        read: impl FnOnce(&mut Members<'_, 'de>) -> Result<T>,
    ) -> Result<T> {
        self.at += 1;
        self.depth -= 1;
        if self.depth == 0 {
            return Err(refused());
        }
        let mut members = Members {
            text: self,
            end,
            is_first: true,
            is_ended: false,
        };
        let value = read(&mut members)?;
        let is_ended = members.is_ended;
        self.depth += 1;
        if is_ended { Ok(value) } else { Err(refused()) }
    }
}

/// Returns whether a byte may be part of a number.
fn is_numeric(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E')
}

impl<'de> Deserializer<'de> for &mut Text<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.peek() {
            Some(b'"') => Key(self).deserialize_any(visitor),
            Some(b'{') => self.nested(b'}', |members| visitor.visit_map(members)),
            Some(b'[') => self.nested(b']', |members| visitor.visit_seq(members)),
            Some(b'-' | b'0'..=b'9') => self.number(visitor),
            Some(b't') => self.word(b"true").and_then(|()| visitor.visit_bool(true)),
            Some(b'f') => self.word(b"false").and_then(|()| visitor.visit_bool(false)),
            Some(b'n') => self.word(b"null").and_then(|()| visitor.visit_unit()),
            _ => Err(refused()),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de> Deserializer<'de> for Key<'_, 'de> {
    type Error = Error;

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.0.plain() {
            Some(text) => visitor.visit_borrowed_str(text),
            None => by_serde_json(self.0.string()?, visitor),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl Members<'_, '_> {
    /// Takes what stands before the next member; returns whether there is one.
    #[inline]
    fn next(&mut self) -> Result<bool> {
        let next = self.text.peek();
        if next == Some(self.end) {
            self.text.at += 1;
            self.is_ended = true;
            return Ok(false);
        }
        match (self.is_first, next) {
            (true, Some(_)) => {}
            (false, Some(b',')) => self.text.at += 1,
            _ => return Err(refused()),
        }
        self.is_first = false;
        Ok(true)
    }
}

impl<'de> MapAccess<'de> for &mut Members<'_, 'de> {
    type Error = Error;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        if !self.next()? {
            return Ok(None);
        }
        if self.text.peek() != Some(b'"') {
            return Err(refused());
        }
        seed.deserialize(Key(self.text)).map(Some)
    }

    #[inline]
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value> {
        if self.text.peek() != Some(b':') {
            return Err(refused());
        }
        self.text.at += 1;
        seed.deserialize(&mut *self.text)
    }
}

impl<'de> SeqAccess<'de> for &mut Members<'_, 'de> {
    type Error = Error;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        if !self.next()? {
            return Ok(None);
        }
        seed.deserialize(&mut *self.text).map(Some)
    }
}

#[cfg(test)]
mod oracle;
