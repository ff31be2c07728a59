//! Reads typed values from a node tree: serde's deserializer with an operator's strictness.
//!
//! INVARIANT: nothing becomes a value of another type: text is never a number, nothing is never null, no key is passed over.

mod access;

use serde::de::value::StrDeserializer;
use serde::de::{Deserializer, IntoDeserializer, Visitor};

use super::fault::{Fault, QUOTING};
use super::node::{Kind, Meaning, Node, Style};
use super::session::Session;
use access::{Entries, Items, Placed, Shaped, Variant};

/// Asks the reader for `[value, line, column]`.
pub(super) const AT: &str = "$tollgate::At";
/// Asks the reader for `[shape, value]`, the shape being `scalar`, `list` or `map`.
pub(super) const SHAPED: &str = "$tollgate::Shaped";

/// Deserialises one node of the tree.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) node: &'a Node,
    pub(super) session: &'a Session,
}

impl<'a> Reader<'a> {
    pub(super) fn child(&self, node: &'a Node) -> Self {
        Reader {
            node,
            session: self.session,
        }
    }

    /// Places a fault that the value itself raised.
    pub(super) fn placed<T>(&self, result: Result<T, Fault>) -> Result<T, Fault> {
        result.map_err(|fault| {
            if self.lacks_parts() {
                fault.at_remains(self.node)
            } else {
                fault.at(self.node)
            }
        })
    }

    fn lacks_parts(&self) -> bool {
        match &self.node.kind {
            Kind::Map(entries) => entries.iter().any(|entry| self.session.skips(&entry.value)),
            Kind::List(items) => items.iter().any(|item| self.session.skips(item)),
            Kind::Scalar(..) => false,
        }
    }

    pub(super) fn wrong(&self, visitor: &dyn serde::de::Expected) -> Fault {
        if self.node.is_blank() {
            return self.blank();
        }
        let fault = Fault::expected(&visitor.to_string()).at(self.node);
        match self.node.kind {
            Kind::List(_) | Kind::Map(_) if fault.0.message.starts_with("expected text") => {
                fault.help(QUOTING)
            }
            Kind::List(_) | Kind::Map(_) | Kind::Scalar(..) => fault,
        }
    }

    fn blank(&self) -> Fault {
        Fault::new("empty-value", "there is no value here")
            .at(self.node)
            .help("give a value, write `null`, or leave the key out")
    }

    /// Returns a scalar that is text: quoted, or plain and nothing else.
    fn text(&self, visitor: &dyn serde::de::Expected) -> Result<&'a str, Fault> {
        match &self.node.kind {
            Kind::Scalar(..) if self.node.is_blank() => Err(self.blank()),
            Kind::Scalar(text, _) if self.node.meaning() == Meaning::Text => Ok(text),
            Kind::Scalar(text, _) => Err(self
                .wrong(visitor)
                .help(format!("put it in quotes: `'{text}'`"))),
            Kind::List(_) | Kind::Map(_) => Err(self.wrong(visitor)),
        }
    }

    /// Returns what a scalar means to one who asks for a number or a boolean.
    fn asked(&self) -> Meaning {
        match &self.node.kind {
            Kind::Scalar(text, Style::Plain | Style::Given) => Meaning::of(text),
            Kind::Scalar(_, Style::Quoted) | Kind::List(_) | Kind::Map(_) => Meaning::Text,
        }
    }

    fn number<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.placed(match self.asked() {
            Meaning::Unsigned(number) => visitor.visit_u64(number),
            Meaning::Signed(number) => visitor.visit_i64(number),
            Meaning::Float(number) => visitor.visit_f64(number),
            Meaning::Null | Meaning::Bool(_) | Meaning::Text => Err(self.wrong(&visitor)),
        })
    }

    fn list<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.kind {
            Kind::List(items) => self.placed(visitor.visit_seq(Items {
                reader: self,
                rest: items.iter(),
            })),
            Kind::Scalar(..) | Kind::Map(_) => Err(self.wrong(&visitor)),
        }
    }

    /// Reads a mapping; with `known` its keys are checked against that list.
    fn mapping<'de, V: Visitor<'de>>(
        self,
        known: Option<&[&str]>,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let Kind::Map(entries) = &self.node.kind else {
            return Err(self.wrong(&visitor));
        };
        let mut kept = Vec::with_capacity(entries.len());
        for entry in entries {
            match known {
                Some(known) if !known.contains(&&*entry.key) => {
                    self.session.unknown_key(entry, known)
                }
                Some(_) | None => kept.push(entry),
            }
        }
        self.placed(visitor.visit_map(Entries {
            reader: self,
            rest: kept.into_iter(),
            value: None,
        }))
    }

    pub(super) fn shape(&self) -> &'static str {
        match self.node.kind {
            Kind::Scalar(..) => "scalar",
            Kind::List(_) => "list",
            Kind::Map(_) => "map",
        }
    }
}

macro_rules! numbers {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            self.number(visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.kind {
            Kind::List(_) => self.list(visitor),
            Kind::Map(_) => self.mapping(None, visitor),
            Kind::Scalar(..) if self.node.is_blank() => Err(self.blank()),
            Kind::Scalar(text, _) => self.placed(match self.node.meaning() {
                Meaning::Null => visitor.visit_unit(),
                Meaning::Bool(truth) => visitor.visit_bool(truth),
                Meaning::Unsigned(number) => visitor.visit_u64(number),
                Meaning::Signed(number) => visitor.visit_i64(number),
                Meaning::Float(number) => visitor.visit_f64(number),
                Meaning::Text => visitor.visit_str(text),
            }),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.asked() {
            Meaning::Bool(truth) => self.placed(visitor.visit_bool(truth)),
            Meaning::Null
            | Meaning::Unsigned(_)
            | Meaning::Signed(_)
            | Meaning::Float(_)
            | Meaning::Text => Err(self.wrong(&visitor)),
        }
    }

    numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_f32 deserialize_f64
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let text = self.text(&visitor)?;
        self.placed(visitor.visit_str(text))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.node.meaning() {
            Meaning::Null => visitor.visit_none(),
            Meaning::Bool(_)
            | Meaning::Unsigned(_)
            | Meaning::Signed(_)
            | Meaning::Float(_)
            | Meaning::Text => self.placed(visitor.visit_some(self)),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.node.meaning() {
            Meaning::Null => visitor.visit_unit(),
            Meaning::Bool(_)
            | Meaning::Unsigned(_)
            | Meaning::Signed(_)
            | Meaning::Float(_)
            | Meaning::Text => Err(self.wrong(&visitor)),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match name {
            AT => visitor.visit_seq(Placed::new(self, &self.node.spot)),
            SHAPED => visitor.visit_seq(Shaped::new(self)),
            _ => self.placed(visitor.visit_newtype_struct(self)),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.list(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _length: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.list(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.mapping(None, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.mapping(Some(fields), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match &self.node.kind {
            Kind::Map(entries) => match entries.as_slice() {
                [entry] => self.placed(visitor.visit_enum(Variant {
                    reader: self,
                    entry,
                })),
                _ => Err(Fault::new("wrong-type", "expected exactly one key").at(self.node)),
            },
            Kind::Scalar(..) => {
                let text = self.text(&visitor)?;
                let variant: StrDeserializer<'_, Fault> = text.into_deserializer();
                self.placed(visitor.visit_enum(variant))
            }
            Kind::List(_) => Err(self.wrong(&visitor)),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        i128 u128 char bytes byte_buf unit_struct tuple_struct identifier
    }
}
