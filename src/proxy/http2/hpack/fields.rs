//! Keeps the fields of one header block: all their text in one buffer, which the next block uses again.

use std::ops::Range;

use super::fixed::FIELDS;
use super::table::TableEntry;
use super::{put_field, put_indexed, put_whole};
use crate::proxy::http2::USUAL;

/// Of a field, beside its name and value (RFC 9113 section 6.5.2).
const OVERHEAD: usize = 32;

/// A header list that was decoded.
#[derive(Debug)]
pub(in crate::proxy::http2) struct Fields {
    text: Vec<u8>,
    list: Vec<Span>,
    /// What a list may have, counted as by RFC 9113 section 6.5.2.
    limit: usize,
    size: usize,
    begun: Span,
}

/// Where a field is.
#[derive(Debug, Clone, Default)]
pub(super) struct Span {
    /// Of its name in the static table; 0 if it is not there.
    index: usize,
    /// In the text, or empty where there is an index.
    name: Range<usize>,
    value: Range<usize>,
}

/// One field of a header block, borrowed from its buffer.
#[derive(Debug, Clone, Copy)]
pub(in crate::proxy::http2) struct Field<'a> {
    /// Of its name in the static table; 0 if it is not there.
    pub(in crate::proxy::http2) index: usize,
    pub(in crate::proxy::http2) name: &'a [u8],
    pub(in crate::proxy::http2) value: &'a [u8],
}

impl Fields {
    /// Keeps at most so much of a list.
    pub(in crate::proxy::http2) fn new(limit: usize) -> Self {
        Self {
            text: Vec::new(),
            list: Vec::new(),
            limit,
            size: 0,
            begun: Span::default(),
        }
    }

    /// Forgets what was read; keeps no more memory than heads usually take.
    pub(in crate::proxy::http2) fn clear(&mut self) {
        self.list.clear();
        self.text.clear();
        self.text.shrink_to(USUAL);
        self.list.shrink_to(USUAL / OVERHEAD);
        self.size = 0;
    }

    /// Returns whether fields are missing that were over the limit.
    pub(in crate::proxy::http2) fn is_over(&self) -> bool {
        !self.has_room(0)
    }

    /// Returns whether the list is within its limit with so many more bytes.
    pub(in crate::proxy::http2) fn has_room(&self, more: usize) -> bool {
        self.size + more <= self.limit
    }

    pub(in crate::proxy::http2) fn len(&self) -> usize {
        self.list.len()
    }

    pub(in crate::proxy::http2) fn iter(&self) -> impl Iterator<Item = Field<'_>> {
        self.list.iter().map(|span| self.view(span))
    }

    pub(super) fn view(&self, span: &Span) -> Field<'_> {
        let text = |range: &Range<usize>| self.text.get(range.clone()).unwrap_or_default();
        Field {
            index: span.index,
            name: match fixed_name(span.index) {
                Some(name) => name.as_bytes(),
                None => text(&span.name),
            },
            value: text(&span.value),
        }
    }

    pub(super) fn text(&mut self) -> &mut Vec<u8> {
        &mut self.text
    }

    /// Adds a field of a table.
    pub(super) fn push_entry(&mut self, entry: TableEntry<'_>) {
        // The table is not changed by it, so a field that is over the limit costs nothing.
        if self.is_over() {
            return;
        }
        self.begin(entry);
        self.begin_value();
        self.text.extend_from_slice(entry.value());
        let span = self.end();
        self.keep(span);
    }

    /// Begins a field with the name of an entry.
    pub(super) fn begin(&mut self, entry: TableEntry<'_>) {
        self.begin_name();
        self.begun.index = entry.index();
        if entry.index() == 0 {
            self.text.extend_from_slice(entry.name());
        }
    }

    pub(super) fn begin_name(&mut self) {
        self.begun.index = 0;
        self.begun.name.start = self.text.len();
    }

    pub(super) fn begin_value(&mut self) {
        self.begun.name.end = self.text.len();
        self.begun.value.start = self.text.len();
    }

    pub(super) fn end(&mut self) -> Span {
        self.begun.value.end = self.text.len();
        self.begun.clone()
    }

    /// Keeps a field, unless the list has become too long.
    pub(super) fn keep(&mut self, span: Span) {
        if !self.is_over() {
            let field = self.view(&span);
            self.size += field.name.len() + field.value.len() + OVERHEAD;
        }
        if self.is_over() {
            self.text.truncate(span.name.start);
        } else {
            self.list.push(span);
        }
    }
}

impl Field<'_> {
    /// Writes the field with this value, so that no table takes it up.
    pub(in crate::proxy::http2) fn put(&self, out: &mut Vec<u8>, value: &[u8]) {
        match FIELDS.get(self.index.wrapping_sub(1)) {
            None => put_field(out, self.name, value),
            // A whole field of the static table needs no more than its index; several have one name.
            Some((name, _)) => match whole(self.index, name, value) {
                Some(index) => put_whole(out, index),
                None => put_indexed(out, self.index, value),
            },
        }
    }
}

/// Returns the index of a field that is in the static table with its value.
fn whole(index: usize, name: &str, value: &[u8]) -> Option<usize> {
    let same = FIELDS.iter().enumerate().skip(index - 1);
    let mut same = same.take_while(|(_, (other, _))| *other == name);
    let (at, _) = same.find(|(_, (_, known))| !known.is_empty() && known.as_bytes() == value)?;
    Some(at + 1)
}

/// Returns a name of the static table.
fn fixed_name(index: usize) -> Option<&'static str> {
    FIELDS.get(index.wrapping_sub(1)).map(|(name, _)| *name)
}
