//! Decodes header blocks of HTTP/2 (HPACK, RFC 7541), within bounds and without a panic.
//!
//! Blocks are decoded here because the proxy must see a head before the `h2` crate does. What is handed on refers to nothing that was
//! sent before, so the `h2` crate needs no table of its own.

mod codes;
mod fields;
mod fixed;
mod huffman;
mod table;

pub(super) use fields::{Field, Fields};

use table::Table;

/// The index of `date`, see [`fixed`].
pub(super) const DATE: usize = 33;

/// Size of the dynamic table, which HTTP/2 begins with (RFC 9113 section 6.5.2) and our settings do not change.
const TABLE_SIZE: usize = 4096;

/// A block that cannot be decoded, so that no later one of its connection can be (RFC 9113 section 4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Corrupt;

/// Decodes the blocks of one direction of a connection, one after another.
#[derive(Debug)]
pub(super) struct Decoder {
    table: Table,
}

/// A name as it is written.
#[derive(Debug, Clone, Copy)]
enum Name {
    /// By its index in both tables.
    Index(usize),
    /// As a string, which follows.
    String,
}

impl Decoder {
    pub(super) fn new() -> Self {
        Self {
            table: Table::new(TABLE_SIZE),
        }
    }

    /// Reads a whole block into `fields`, which keeps what fits its limit. The rest is read too, for the sake of the blocks to come.
    ///
    /// # Errors
    /// When the block cannot be read; then the connection cannot go on.
    pub(super) fn decode(&mut self, mut block: &[u8], fields: &mut Fields) -> Result<(), Corrupt> {
        let mut begun = false;
        while let Some(first) = block.first().copied() {
            if first & 0xe0 == 0x20 {
                let size = integer(&mut block, 5)?;
                if begun || size > TABLE_SIZE {
                    return Err(Corrupt);
                }
                self.table.resize(size);
                continue;
            }
            begun = true;
            match first {
                0x80.. => {
                    let index = integer(&mut block, 7)?;
                    fields.push_entry(self.table.get(index).ok_or(Corrupt)?);
                }
                0x40.. => {
                    let name = name(integer(&mut block, 6)?);
                    self.literal(&mut block, name, fields)?;
                }
                _ => {
                    let name = name(integer(&mut block, 4)?);
                    let span = self.string_field(&mut block, name, fields)?;
                    fields.keep(span);
                }
            }
        }
        Ok(())
    }

    /// Reads a field that is added to the table.
    fn literal(
        &mut self,
        block: &mut &[u8],
        name: Name,
        fields: &mut Fields,
    ) -> Result<(), Corrupt> {
        let span = self.string_field(block, name, fields)?;
        let field = fields.view(&span);
        self.table.insert(field.index, field.name, field.value);
        fields.keep(span);
        Ok(())
    }

    /// Reads a name and a value into the text of `fields`.
    fn string_field(
        &self,
        block: &mut &[u8],
        name: Name,
        fields: &mut Fields,
    ) -> Result<fields::Span, Corrupt> {
        match name {
            Name::Index(index) => {
                let entry = self.table.get(index).ok_or(Corrupt)?;
                fields.begin(entry);
            }
            Name::String => {
                fields.begin_name();
                string(block, fields.text())?;
            }
        }
        fields.begin_value();
        string(block, fields.text())?;
        Ok(fields.end())
    }
}

fn name(index: usize) -> Name {
    match index {
        0 => Name::String,
        index => Name::Index(index),
    }
}

/// Reads a number whose first bits share a byte with something else (RFC 7541 section 5.1).
///
/// # Errors
/// When it is cut off, or over 2^28.
pub(super) fn integer(block: &mut &[u8], bits: u8) -> Result<usize, Corrupt> {
    let (first, mut rest) = block.split_first().ok_or(Corrupt)?;
    let mask = 0xff_u8 >> (8 - bits);
    let mut value = usize::from(first & mask);
    if first & mask == mask {
        let mut shift = 0;
        loop {
            let (byte, after) = rest.split_first().ok_or(Corrupt)?;
            rest = after;
            value += usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
            if shift > 21 {
                return Err(Corrupt);
            }
        }
    }
    *block = rest;
    Ok(value)
}

/// Takes a string as it is coded, and returns whether that is with Huffman's code (RFC 7541 section 5.2).
///
/// # Errors
/// When it is cut off.
pub(super) fn coded<'a>(block: &mut &'a [u8]) -> Result<(&'a [u8], bool), Corrupt> {
    let huffman = block.first().ok_or(Corrupt)? & 0x80 != 0;
    let length = integer(block, 7)?;
    let (text, rest) = block.split_at_checked(length).ok_or(Corrupt)?;
    *block = rest;
    Ok((text, huffman))
}

fn string(block: &mut &[u8], text: &mut Vec<u8>) -> Result<(), Corrupt> {
    let (coded, huffman) = coded(block)?;
    if huffman {
        return huffman::decode(coded, text);
    }
    text.extend_from_slice(coded);
    Ok(())
}

/// Returns a text in Huffman's code.
pub(super) fn huffman(text: &[u8]) -> Vec<u8> {
    huffman::encode(text)
}

/// Writes a number behind the first bits of a byte.
pub(super) fn put_integer(out: &mut Vec<u8>, first: u8, bits: u8, value: usize) {
    let mask = usize::from(0xff_u8 >> (8 - bits));
    let low = |value: usize| value.to_le_bytes().first().copied().unwrap_or_default();
    if value < mask {
        return out.push(first | low(value));
    }
    out.push(first | low(mask));
    let mut left = value - mask;
    while left >= 0x80 {
        out.push(low(left) | 0x80);
        left >>= 7;
    }
    out.push(low(left));
}

/// Writes a string as it is.
pub(super) fn put_string(out: &mut Vec<u8>, text: &[u8]) {
    put_integer(out, 0, 7, text.len());
    out.extend_from_slice(text);
}

/// Writes a field that no table takes up.
pub(super) fn put_field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.push(0);
    put_string(out, name);
    put_string(out, value);
}

/// Writes the same, its name by its index in the static table.
pub(super) fn put_indexed(out: &mut Vec<u8>, index: usize, value: &[u8]) {
    put_integer(out, 0, 4, index);
    put_string(out, value);
}

/// Writes a whole field of the static table.
pub(super) fn put_whole(out: &mut Vec<u8>, index: usize) {
    put_integer(out, 0x80, 7, index);
}
