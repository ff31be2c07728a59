//! Writes connections of HTTP/2 in all the ways that are lawful, by a second implementation of HPACK's tables.

use crate::proxy::http2::frame::{
    CONTINUATION, END_HEADERS, END_STREAM, Frame, HEADERS, PADDED, PRIORITY, SETTINGS,
};
use crate::proxy::http2::hpack::{huffman, put_integer};

/// RFC 9113 section 3.4.
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How a field is written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Representation {
    /// Added to the table, or by its index where it is there.
    Indexed,
    Plain,
    Never,
}

#[derive(Debug, Clone)]
pub(super) struct Written {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) form: Representation,
    pub(super) huffman: bool,
}

/// How a head is cut into frames.
#[derive(Debug, Clone)]
pub(super) struct Cut {
    pub(super) padding: Option<u8>,
    pub(super) priority: bool,
    /// Bytes of each frame.
    pub(super) piece: usize,
    /// The size of the table from this head on.
    pub(super) table: Option<usize>,
}

/// Writes blocks with a table of its own.
#[derive(Default)]
struct Coder {
    table: Vec<(String, String)>,
    limit: usize,
}

impl Coder {
    fn block(&mut self, fields: &[Written], cut: &Cut) -> Vec<u8> {
        let mut block = Vec::new();
        if let Some(size) = cut.table {
            put_integer(&mut block, 0x20, 5, size);
            self.limit = size;
            self.evict(0);
        }
        for field in fields {
            self.field(field, &mut block);
        }
        block
    }

    fn field(&mut self, field: &Written, block: &mut Vec<u8>) {
        let pair = (field.name.clone(), field.value.clone());
        let known = self.table.iter().position(|known| *known == pair);
        let name = self.table.iter().position(|(name, _)| *name == field.name);
        let index = name.map_or(0, |at| 62 + at);
        match (field.form, known) {
            (Representation::Indexed, Some(at)) => return put_integer(block, 0x80, 7, 62 + at),
            (Representation::Indexed, None) => put_integer(block, 0x40, 6, index),
            (Representation::Plain, _) => put_integer(block, 0, 4, index),
            (Representation::Never, _) => put_integer(block, 0x10, 4, index),
        }
        if index == 0 {
            string(block, &field.name, field.huffman);
        }
        string(block, &field.value, field.huffman);
        if matches!(field.form, Representation::Indexed) {
            let size = field.name.len() + field.value.len() + 32;
            self.evict(size);
            if size <= self.limit {
                self.table.insert(0, pair);
            }
        }
    }

    fn evict(&mut self, needed: usize) {
        let size = |table: &[(String, String)]| -> usize {
            table
                .iter()
                .map(|(name, value)| name.len() + value.len() + 32)
                .sum()
        };
        while !self.table.is_empty() && size(&self.table) + needed > self.limit {
            self.table.pop();
        }
    }
}

fn string(block: &mut Vec<u8>, text: &str, coded: bool) {
    let bytes = if coded {
        huffman(text.as_bytes())
    } else {
        text.as_bytes().to_vec()
    };
    put_integer(block, if coded { 0x80 } else { 0 }, 7, bytes.len());
    block.extend_from_slice(&bytes);
}

/// Returns what every connection begins with.
pub(super) fn start() -> Vec<u8> {
    let mut bytes = PREFACE.to_vec();
    let settings = Frame {
        length: 0,
        kind: SETTINGS,
        flags: 0,
        stream: 0,
    };
    settings.put(&mut bytes);
    bytes
}

fn put_head(out: &mut Vec<u8>, stream: u32, cut: &Cut, block: &[u8]) {
    let mut pieces = block.chunks(cut.piece).peekable();
    let mut flags = END_STREAM;
    let mut payload = Vec::new();
    payload.extend(cut.padding);
    if cut.priority {
        payload.extend_from_slice(&[0, 0, 0, 0, 9]);
        flags |= PRIORITY;
    }
    payload.extend_from_slice(pieces.next().unwrap_or_default());
    if let Some(padding) = cut.padding {
        payload.resize(payload.len() + usize::from(padding), 0);
        flags |= PADDED;
    }
    let mut kind = HEADERS;
    loop {
        let last = pieces.peek().is_none();
        flags |= if last { END_HEADERS } else { 0 };
        Frame {
            length: payload.len(),
            kind,
            flags,
            stream,
        }
        .put(out);
        out.append(&mut payload);
        let Some(piece) = pieces.next() else {
            return;
        };
        payload.extend_from_slice(piece);
        (kind, flags) = (CONTINUATION, 0);
    }
}

/// Returns a connection with these heads.
pub(super) fn written(heads: &[(Vec<Written>, Cut)]) -> Vec<u8> {
    let mut coder = Coder {
        limit: 4096,
        ..Coder::default()
    };
    let mut bytes = start();
    for (stream, (fields, cut)) in (1..).step_by(2).zip(heads) {
        let block = coder.block(fields, cut);
        put_head(&mut bytes, stream, cut, &block);
    }
    bytes
}
