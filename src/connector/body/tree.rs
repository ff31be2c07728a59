//! JSON as a tree, for what has to be searched: read as strictly as in one pass, and counted against the same limit.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json};

use super::super::Unreadable;
use super::form::refuse;
use super::keys::{KeySeed, Seen};

/// Reads a body that is not empty; takes its values from `nodes_left`.
pub(in crate::connector) fn read_tree(
    bytes: &[u8],
    nodes_left: &mut usize,
) -> Result<Json, Unreadable> {
    let mut fault = None;
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let whole = Whole {
        nodes_left,
        fault: &mut fault,
    };
    let tree = whole
        .deserialize(&mut deserializer)
        .and_then(|tree| deserializer.end().map(|()| tree));
    match (fault, tree) {
        (None, Ok(tree)) => Ok(tree),
        (Some(fault), _) => Err(refuse(fault)),
        (None, Err(_)) => Err(refuse("the body is not JSON, or is nested too deeply")),
    }
}

/// Splits a list of at most `limit` items into their texts; `None` where the body is no list.
pub(in crate::connector) fn items(
    bytes: &[u8],
    limit: usize,
) -> Result<Option<Vec<&[u8]>>, Unreadable> {
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

/// Makes the refusal of a request that is too many actions.
pub(in crate::connector) fn too_many() -> Unreadable {
    Unreadable {
        code: "too_many_actions",
        detail: "the request holds too many actions at once".to_owned(),
    }
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
struct Whole<'s> {
    nodes_left: &'s mut usize,
    fault: &'s mut Option<Cow<'static, str>>,
}

impl Whole<'_> {
    fn stop<E: de::Error>(&mut self, fault: impl Into<Cow<'static, str>>) -> E {
        *self.fault = Some(fault.into());
        E::custom("refused")
    }

    fn inner(&mut self) -> Whole<'_> {
        Whole {
            nodes_left: self.nodes_left,
            fault: self.fault,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Whole<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(mut self, deserializer: D) -> Result<Json, D::Error> {
        match self.nodes_left.checked_sub(1) {
            Some(left) => *self.nodes_left = left,
            None => return Err(self.stop("the body has more values than the gateway reads")),
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Whole<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: de::Error>(self, truth: bool) -> Result<Json, E> {
        Ok(Json::Bool(truth))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Json, E> {
        Ok(Json::from(number))
    }

    fn visit_u64<E: de::Error>(mut self, number: u64) -> Result<Json, E> {
        match i64::try_from(number) {
            Ok(number) => Ok(Json::from(number)),
            Err(_) => Err(self.stop("the body has an integer outside 64 bits")),
        }
    }

    fn visit_f64<E: de::Error>(mut self, number: f64) -> Result<Json, E> {
        // As in the one-pass reader: integers outside 64 bits come as floats.
        if number.abs() >= 9_223_372_036_854_775_808.0 {
            return Err(self.stop("the body has a number outside 64 bits"));
        }
        Ok(Json::from(number))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Json, E> {
        Ok(Json::from(text))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Json, E> {
        Ok(Json::from(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Json, A::Error> {
        let mut found = Vec::new();
        while let Some(item) = items.next_element_seed(self.inner())? {
            found.push(item);
        }
        Ok(Json::Array(found))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<Json, A::Error> {
        let mut found = Map::new();
        let mut seen = Seen::default();
        while let Some(key) = entries.next_key_seed(KeySeed)? {
            if key == "__proto__" {
                return Err(self.stop("the body has the key `__proto__`; leave it out"));
            }
            if !seen.insert(key.clone()) {
                let fault = format!(
                    "the body has the key `{}` twice in one object",
                    key.escape_debug()
                );
                return Err(self.stop(fault));
            }
            let value = entries.next_value_seed(self.inner())?;
            found.insert(key.into_owned(), value);
        }
        Ok(Json::Object(found))
    }
}
