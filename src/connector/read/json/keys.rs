//! Reads keys of JSON objects without copying, and each at most once in an object.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, Visitor};

/// Further keys of an object are checked for duplicates by hashing.
const FEW_KEYS: usize = 12;

/// The keys of one object so far.
#[derive(Default)]
pub(crate) struct Seen<'de> {
    /// The first ones, as far as they are borrowed.
    few: [&'de str; FEW_KEYS],
    count: usize,
    many: Option<HashSet<Cow<'de, str>>>,
}

impl<'de> Seen<'de> {
    /// Takes a key.
    ///
    /// # Errors
    /// Returns it where it was there before.
    #[inline]
    pub(crate) fn insert(&mut self, key: Cow<'de, str>) -> Result<(), Cow<'de, str>> {
        let few = self.few.get(..self.count).unwrap_or_default();
        if few.iter().any(|known| *known == key) {
            return Err(key);
        }
        match (&key, self.few.get_mut(self.count)) {
            (Cow::Borrowed(key), Some(place)) if self.many.is_none() => {
                *place = key;
                self.count += 1;
                Ok(())
            }
            _ => self.insert_many(key),
        }
    }

    fn insert_many(&mut self, key: Cow<'de, str>) -> Result<(), Cow<'de, str>> {
        let many = self.many.get_or_insert_default();
        if many.contains(&key) {
            return Err(key);
        }
        many.insert(key);
        Ok(())
    }
}

/// Reads a key without copying it where it has no escapes.
pub(crate) struct KeySeed;

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Cow<'de, str>;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for KeySeed {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    #[inline]
    fn visit_borrowed_str<E: de::Error>(self, key: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}
