//! Hands serde the entries of a list, mapping or variant one by one, without those that failed in an earlier pass.

use std::rc::Rc;

use serde::de::value::{StrDeserializer, UsizeDeserializer};
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};

use super::{AT, Reader};
use crate::config::yaml::fault::Fault;
use crate::config::yaml::node::{MapEntry, Node, Spot};

/// The items of a list.
#[derive(Debug)]
pub(super) struct Items<'a, I> {
    pub(super) reader: Reader<'a>,
    pub(super) rest: I,
}

/// The entries of a mapping.
#[derive(Debug)]
pub(super) struct Entries<'a, I> {
    pub(super) reader: Reader<'a>,
    pub(super) rest: I,
    pub(super) value: Option<&'a Node>,
}

/// The variant that a mapping of one key names.
#[derive(Debug, Clone, Copy)]
pub(super) struct Variant<'a> {
    pub(super) reader: Reader<'a>,
    pub(super) entry: &'a MapEntry,
}

/// A value with its place, as `[value, line, column]`.
#[derive(Debug)]
pub(super) struct Placed<'a, R> {
    reader: Option<R>,
    rest: std::array::IntoIter<usize, 2>,
    spot: &'a Spot,
}

/// A value with its written form, as `[shape, value]`.
#[derive(Debug)]
pub(super) struct Shaped<'a> {
    reader: Reader<'a>,
    step: u8,
}

/// A key: text, with a place where that is asked for.
#[derive(Debug, Clone, Copy)]
struct KeyReader<'a> {
    text: &'a str,
    spot: &'a Spot,
}

// === impl Items ===

impl<'de, 'a, I: Iterator<Item = &'a Rc<Node>>> SeqAccess<'de> for Items<'a, I> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        let session = self.reader.session;
        let Some(item) = self.rest.find(|item| !session.skips(item)) else {
            return Ok(None);
        };
        let reader = self.reader.child(item);
        reader
            .placed(seed.deserialize(reader))
            .map(Some)
            .map_err(|fault| fault.victim(item.id))
    }

    fn size_hint(&self) -> Option<usize> {
        self.rest.size_hint().1
    }
}

// === impl Entries ===

impl<'de, 'a, I: Iterator<Item = &'a MapEntry>> MapAccess<'de> for Entries<'a, I> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        let session = self.reader.session;
        let Some(entry) = self.rest.find(|entry| !session.skips(&entry.value)) else {
            return Ok(None);
        };
        self.value = Some(&entry.value);
        let key = KeyReader {
            text: &entry.key,
            spot: &entry.spot,
        };
        seed.deserialize(key)
            .map(Some)
            .map_err(|fault| fault.spot(&entry.spot).victim(entry.value.id))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let Some(node) = self.value.take() else {
            return Err(Fault::new("invalid-value", "a value without a key"));
        };
        let reader = self.reader.child(node);
        reader
            .placed(seed.deserialize(reader))
            .map_err(|fault| fault.victim(node.id))
    }
}

// === impl Variant ===

impl<'de, 'a> EnumAccess<'de> for Variant<'a> {
    type Error = Fault;
    type Variant = Reader<'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Reader<'a>), Fault> {
        let name = seed.deserialize(KeyReader {
            text: &self.entry.key,
            spot: &self.entry.spot,
        });
        Ok((
            name.map_err(|fault| fault.spot(&self.entry.spot))?,
            self.reader.child(&self.entry.value),
        ))
    }
}

impl<'de> VariantAccess<'de> for Reader<'_> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        Err(self.wrong(&"no value, because this one takes none"))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        self.placed(seed.deserialize(self))
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_tuple(length, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_struct("", fields, visitor)
    }
}

// === impl Placed ===

impl<'a, R> Placed<'a, R> {
    pub(super) fn new(reader: R, spot: &'a Spot) -> Self {
        Self {
            reader: Some(reader),
            rest: [spot.line, spot.column].into_iter(),
            spot,
        }
    }
}

impl<'de, R: Deserializer<'de, Error = Fault>> SeqAccess<'de> for Placed<'_, R> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        if let Some(reader) = self.reader.take() {
            return seed.deserialize(reader).map(Some);
        }
        let Some(number) = self.rest.next() else {
            return Ok(None);
        };
        let number: UsizeDeserializer<Fault> = number.into_deserializer();
        seed.deserialize(number)
            .map(Some)
            .map_err(|fault| fault.spot(self.spot))
    }
}

// === impl Shaped ===

impl<'a> Shaped<'a> {
    pub(super) fn new(reader: Reader<'a>) -> Self {
        Self { reader, step: 0 }
    }
}

impl<'de> SeqAccess<'de> for Shaped<'_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        self.step = self.step.saturating_add(1);
        if self.step > 1 {
            return seed.deserialize(self.reader).map(Some);
        }
        let shape: StrDeserializer<'_, Fault> = self.reader.shape().into_deserializer();
        seed.deserialize(shape).map(Some)
    }
}

// === impl KeyReader ===

impl<'de> Deserializer<'de> for KeyReader<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_str(self.text)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match name {
            AT => visitor.visit_seq(Placed::new(self, self.spot)),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let variant: StrDeserializer<'_, Fault> = self.text.into_deserializer();
        visitor.visit_enum(variant)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        seq tuple tuple_struct map struct identifier ignored_any
    }
}
