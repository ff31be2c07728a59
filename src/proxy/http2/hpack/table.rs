//! Keeps the tables of HPACK: the static one, and the dynamic one, which the agent fills (RFC 7541 section 2.3).

use std::collections::VecDeque;

use super::fixed::FIELDS;

/// Of an entry, beside its name and value (RFC 7541 section 4.1).
const OVERHEAD: usize = 32;

/// Both tables, as they are addressed.
#[derive(Debug)]
pub(super) struct Table {
    /// The newest comes first.
    entries: VecDeque<DynamicField>,
    size: usize,
    limit: usize,
}

/// An entry of the dynamic table.
#[derive(Debug)]
pub(super) struct DynamicField {
    /// Of its name in the static table; 0 if it is not there.
    index: usize,
    /// The name, if it is not in the static table, and the value.
    text: Box<[u8]>,
    name: usize,
    size: usize,
}

/// An entry of either table.
#[derive(Debug, Clone, Copy)]
pub(super) enum TableEntry<'a> {
    /// With the index of its name, which is that of the first field of this name.
    Fixed(usize, &'static str),
    Dynamic(&'a DynamicField),
}

impl Table {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            entries: VecDeque::new(),
            size: 0,
            limit,
        }
    }

    /// Returns an entry; indexes begin with 1.
    pub(super) fn get(&self, index: usize) -> Option<TableEntry<'_>> {
        let index = index.checked_sub(1)?;
        match FIELDS.get(index) {
            Some((_, value)) => Some(TableEntry::Fixed(index + 1, value)),
            None => self
                .entries
                .get(index - FIELDS.len())
                .map(TableEntry::Dynamic),
        }
    }

    pub(super) fn resize(&mut self, limit: usize) {
        self.limit = limit;
        self.evict(0);
    }

    /// Adds an entry. One that is larger than the table empties it (RFC 7541 section 4.4).
    /// `index` is that of the name in the static table; 0 if it is not there.
    pub(super) fn insert(&mut self, index: usize, name: &[u8], value: &[u8]) {
        let size = name.len() + value.len() + OVERHEAD;
        self.evict(size);
        if size > self.limit {
            return;
        }
        self.size += size;
        self.entries
            .push_front(DynamicField::new(index, (name, value), size));
    }

    fn evict(&mut self, needed: usize) {
        while self.size + needed > self.limit
            && let Some(oldest) = self.entries.pop_back()
        {
            self.size -= oldest.size;
        }
    }
}

impl DynamicField {
    fn new(index: usize, (name, value): (&[u8], &[u8]), size: usize) -> Self {
        let name = if index == 0 { name } else { b"" };
        Self {
            index,
            text: [name, value].concat().into(),
            name: name.len(),
            size,
        }
    }
}

impl TableEntry<'_> {
    /// Returns the index of the name in the static table; 0 if it is not there.
    pub(super) fn index(&self) -> usize {
        match self {
            Self::Fixed(index, _) => *index,
            Self::Dynamic(own) => own.index,
        }
    }

    /// Returns the name of an entry whose name is not in the static table.
    pub(super) fn name(&self) -> &[u8] {
        match self {
            Self::Fixed(..) => b"",
            Self::Dynamic(own) => own.text.get(..own.name).unwrap_or_default(),
        }
    }

    pub(super) fn value(&self) -> &[u8] {
        match self {
            Self::Fixed(_, value) => value.as_bytes(),
            Self::Dynamic(own) => own.text.get(own.name..).unwrap_or_default(),
        }
    }
}
