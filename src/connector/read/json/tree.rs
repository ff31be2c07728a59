//! Reads JSON as a tree, for what has to be searched: as strictly as in one pass, and counted against the same limits.
//!
//! INVARIANT: texts and keys are borrowed from the body unless an escape is written in them, and what is used twice is shared.

pub(crate) mod json;
pub(crate) mod lent;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::connector::read::form::refuse;
use crate::connector::read::json::follow::{Scalar, Walk};
use crate::connector::read::json::keys::{KeySeed, Seen};
use crate::connector::read::room::Room;
use crate::connector::read::unreadable::{Unreadable, too_many};
use crate::model::show::brief;

/// One value of a body, and what lies in it.
#[derive(Debug, Clone)]
pub(crate) enum Tree<'b> {
    Null,
    Bool(bool),
    Int(i64),
    Number(f64),
    Text(Cow<'b, str>),
    List(Box<[Self]>),
    Object(Box<[(Cow<'b, str>, Self)]>),
    /// What several places hold: a variable.
    Shared(Arc<Self>),
}

impl<'b> Tree<'b> {
    /// Reads a body that is not empty; takes its values and copies from `room`.
    pub(crate) fn read(bytes: &'b [u8], room: &mut Room<'_>) -> Result<Self, Unreadable> {
        let mut fault = None;
        let mut deserializer = serde_json::Deserializer::from_slice(bytes);
        let whole = Whole {
            room,
            fault: &mut fault,
        };
        let tree = whole
            .deserialize(&mut deserializer)
            .and_then(|tree| deserializer.end().map(|()| tree));
        match (fault, tree) {
            (None, Ok(tree)) => Ok(tree),
            (Some(fault), _) => Err(fault),
            (None, Err(_)) => Err(refuse("the body is not JSON, or is nested too deeply")),
        }
    }

    /// Returns what it is, wherever it is kept.
    pub(crate) fn own(&self) -> &Self {
        match self {
            Self::Shared(tree) => tree.own(),
            _ => self,
        }
    }

    /// Takes a key out of an object.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key)
    }

    /// Returns how many values it has, and how many bytes of keys.
    pub(crate) fn weight(&self) -> (usize, usize) {
        let join = |(nodes, keys): (usize, usize), (more, longer): (usize, usize)| {
            (nodes.saturating_add(more), keys.saturating_add(longer))
        };
        match self.own() {
            Self::List(items) => items.iter().map(Self::weight).fold((1, 0), join),
            Self::Object(entries) => entries
                .iter()
                .map(|(key, value)| join((0, key.len()), value.weight()))
                .fold((1, 0), join),
            _ => (1, 0),
        }
    }
}

impl Walk for Tree<'_> {
    fn items(&self) -> Option<&[Self]> {
        match self.own() {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    fn entry(&self, key: &str) -> Option<&Self> {
        match self.own() {
            Self::Object(entries) => entries
                .iter()
                .find(|(known, _)| **known == *key)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    fn for_each<'t>(&'t self, take: &mut dyn FnMut(&'t Self)) {
        match self.own() {
            Self::List(items) => items.iter().for_each(take),
            Self::Object(entries) => entries.iter().for_each(|(_, value)| take(value)),
            _ => {}
        }
    }

    fn scalar(&self) -> Option<Scalar<'_>> {
        Some(match self.own() {
            Self::Null => Scalar::Null,
            Self::Bool(truth) => Scalar::Bool(*truth),
            Self::Int(number) => Scalar::Int(*number),
            Self::Number(number) => Scalar::Number(*number),
            Self::Text(text) => Scalar::Text(text),
            Self::List(_) | Self::Object(_) | Self::Shared(_) => return None,
        })
    }
}

/// Splits a list of at most `limit` items into their texts; `None` where the body is no list.
pub(crate) fn items(bytes: &[u8], limit: usize) -> Result<Option<Vec<&[u8]>>, Unreadable> {
    let blank = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    if bytes.iter().find(|byte| !blank(byte)) != Some(&b'[') {
        return Ok(None);
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let split = deserializer
        .deserialize_seq(Items { limit })
        .and_then(|items| deserializer.end().map(|()| items))
        .map_err(|_| refuse("the body is not JSON"))?;
    if split.len() > limit {
        return Err(too_many());
    }
    Ok(Some(split.iter().map(|raw| raw.get().as_bytes()).collect()))
}

/// Takes one item over the limit, and reads on no further.
struct Items {
    limit: usize,
}

impl<'de> Visitor<'de> for Items {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut found = Vec::new();
        while let Some(item) = items.next_element()? {
            found.push(item);
            if found.len() > self.limit {
                // The rest is not looked at: the whole is refused.
                while items.next_element::<de::IgnoredAny>()?.is_some() {}
            }
        }
        Ok(found)
    }
}

/// Reads one value with everything in it.
struct Whole<'s, 'm> {
    room: &'s mut Room<'m>,
    fault: &'s mut Option<Unreadable>,
}

impl<'m> Whole<'_, 'm> {
    fn stop<E: de::Error>(&mut self, fault: Unreadable) -> E {
        *self.fault = Some(fault);
        E::custom("refused")
    }

    fn inner(&mut self) -> Whole<'_, 'm> {
        Whole {
            room: self.room,
            fault: self.fault,
        }
    }

    fn copy<E: de::Error>(&mut self, bytes: usize) -> Result<(), E> {
        let taken = self.room.copy(bytes);
        taken.map_err(|fault| self.stop(fault))
    }
}

impl<'de> DeserializeSeed<'de> for Whole<'_, '_> {
    type Value = Tree<'de>;

    fn deserialize<D: Deserializer<'de>>(mut self, deserializer: D) -> Result<Tree<'de>, D::Error> {
        if let Err(fault) = self.room.node() {
            return Err(self.stop(fault));
        }
        self.copy(size_of::<Tree<'_>>())?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Whole<'_, '_> {
    type Value = Tree<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Tree<'de>, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E: de::Error>(self, truth: bool) -> Result<Tree<'de>, E> {
        Ok(Tree::Bool(truth))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Tree<'de>, E> {
        Ok(Tree::Int(number))
    }

    fn visit_u64<E: de::Error>(mut self, number: u64) -> Result<Tree<'de>, E> {
        match i64::try_from(number) {
            Ok(number) => Ok(Tree::Int(number)),
            Err(_) => Err(self.stop(refuse("the body has an integer outside 64 bits"))),
        }
    }

    fn visit_f64<E: de::Error>(mut self, number: f64) -> Result<Tree<'de>, E> {
        // As in the one-pass reader: integers outside 64 bits come as floats.
        if number.abs() >= 9_223_372_036_854_775_808.0 {
            return Err(self.stop(refuse("the body has a number outside 64 bits")));
        }
        Ok(Tree::Number(number))
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Tree<'de>, E> {
        Ok(Tree::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: de::Error>(mut self, text: &str) -> Result<Tree<'de>, E> {
        self.copy(text.len())?;
        Ok(Tree::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Tree<'de>, A::Error> {
        let mut found = Vec::new();
        while let Some(item) = items.next_element_seed(self.inner())? {
            found.push(item);
        }
        Ok(Tree::List(found.into_boxed_slice()))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<Tree<'de>, A::Error> {
        let mut found = Vec::new();
        let mut seen = Seen::default();
        while let Some(key) = entries.next_key_seed(KeySeed)? {
            if key == "__proto__" {
                return Err(self.stop(refuse("the body has the key `__proto__`; leave it out")));
            }
            let owned = if matches!(key, Cow::Owned(_)) {
                // Once to tell it from the others, once to keep it.
                key.len().saturating_mul(2)
            } else {
                0
            };
            self.copy(owned.saturating_add(size_of::<Cow<'_, str>>()))?;
            if seen.insert(key.clone()).is_err() {
                let fault = format!("the body has the key `{}` twice in one object", brief(&key));
                return Err(self.stop(refuse(fault)));
            }
            let value = entries.next_value_seed(self.inner())?;
            found.push((key, value));
        }
        Ok(Tree::Object(found.into_boxed_slice()))
    }
}
