//! Values of the connector file with more than one spelling, read by hand so that their parts keep their places.

use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::SchemeManifest;
use crate::config::yaml::At;
use crate::model::value::ValueType;

/// `auth:`
#[derive(Debug)]
pub enum Auth {
    /// `none`: a public API.
    None,
    /// The default first.
    Schemes(Vec<SchemeManifest>),
}

/// An entry of `domains:`: a host, or a host with its own base paths.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct DomainMap {
    /// `host`, `*.host`, `**.host`, `{name}.host`, each with an optional port.
    pub host: String,
    /// Instead of the connector's.
    pub base_paths: Option<Vec<At<String>>>,
}

/// An entry of `domains:`.
#[derive(Debug)]
pub struct DomainEntry {
    /// As written.
    pub host: String,
    /// `None` for the connector's own.
    pub base_paths: Option<Vec<At<String>>>,
}

/// `params:`, in the order of the file.
#[derive(Debug, Default)]
pub struct Params(pub Vec<(String, At<ParamEntry>)>);

/// One parameter: a source, a list of sources, or a map with options.
#[derive(Debug, Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ParamMap {
    /// Where it is read; absent for a captured label.
    pub from: Option<OneOrMany>,
    /// What it must be.
    #[serde(rename = "type")]
    pub value_type: Option<ValueType>,
    /// Whether a request without it is refused.
    #[serde(default)]
    pub required: bool,
    /// Anchored regular expression.
    pub pattern: Option<String>,
    /// The one spelling it is brought into.
    pub fold: Option<Fold>,
    /// Shown and recorded only as a keyed hash.
    #[serde(default)]
    pub secret: bool,
    /// Other places that carry the same name.
    #[serde(default)]
    pub merge: Vec<String>,
}

/// `fold:`
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Fold {
    /// To lower case.
    Lower,
    /// To upper case.
    Upper,
}

/// One parameter, in its long form.
#[derive(Debug, Default)]
pub struct ParamEntry(pub ParamMap);

/// A text or a list of texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneOrMany(pub Vec<String>);

/// Bytes: a number, or one with `KiB`, `MiB` or `GiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size(pub usize);

/// Declares a visitor-driven `Deserialize`, with what was expected and the visits that are good.
macro_rules! by_hand {
    ($type:ty, $expected:literal, { $($visits:tt)* }) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct ByHand;
                impl<'de> Visitor<'de> for ByHand {
                    type Value = $type;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expected)
                    }
                    $($visits)*
                }
                deserializer.deserialize_any(ByHand)
            }
        }
    };
}

by_hand!(Auth, "a list of schemes, or `none`", {
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Auth, E> {
        if text == "none" {
            Ok(Auth::None)
        } else {
            Err(E::invalid_value(de::Unexpected::Str(text), &self))
        }
    }
    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Auth, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(items)).map(Auth::Schemes)
    }
});

by_hand!(
    DomainEntry,
    "a host, or a map with `host` and `base_paths`",
    {
        fn visit_str<E: de::Error>(self, text: &str) -> Result<DomainEntry, E> {
            Ok(DomainEntry {
                host: text.to_owned(),
                base_paths: None,
            })
        }
        fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<DomainEntry, A::Error> {
            let map = DomainMap::deserialize(MapAccessDeserializer::new(entries))?;
            Ok(DomainEntry {
                host: map.host,
                base_paths: map.base_paths,
            })
        }
    }
);

by_hand!(Params, "a map of parameters", {
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Params, A::Error> {
        let mut params = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            params.push(entry);
        }
        Ok(Params(params))
    }
});

by_hand!(
    ParamEntry,
    "a source such as `$.key`, a list of sources, or a map with `from`",
    {
        fn visit_str<E: de::Error>(self, text: &str) -> Result<ParamEntry, E> {
            let from = Some(OneOrMany(vec![text.to_owned()]));
            Ok(ParamEntry(ParamMap {
                from,
                ..ParamMap::default()
            }))
        }
        fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<ParamEntry, A::Error> {
            let from = Some(OneOrMany(Vec::deserialize(SeqAccessDeserializer::new(
                items,
            ))?));
            Ok(ParamEntry(ParamMap {
                from,
                ..ParamMap::default()
            }))
        }
        fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<ParamEntry, A::Error> {
            ParamMap::deserialize(MapAccessDeserializer::new(entries)).map(ParamEntry)
        }
    }
);

by_hand!(OneOrMany, "a text or a list of texts", {
    fn visit_str<E: de::Error>(self, text: &str) -> Result<OneOrMany, E> {
        Ok(OneOrMany(vec![text.to_owned()]))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<OneOrMany, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(items)).map(OneOrMany)
    }
});

by_hand!(Size, "a number of bytes, such as `65536` or `32MiB`", {
    fn visit_u64<E: de::Error>(self, bytes: u64) -> Result<Size, E> {
        usize::try_from(bytes).map(Size).map_err(E::custom)
    }
    fn visit_i64<E: de::Error>(self, bytes: i64) -> Result<Size, E> {
        usize::try_from(bytes).map(Size).map_err(E::custom)
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Size, E> {
        let units = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];
        let bytes = units.into_iter().find_map(|(unit, factor)| {
            text.strip_suffix(unit)?
                .trim_end()
                .parse::<usize>()
                .ok()?
                .checked_mul(factor)
        });
        bytes
            .map(Size)
            .ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
    }
});

/// Declares a schema that is written as JSON.
macro_rules! schema {
    ($type:ty, |$generator:ident| $schema:tt) => {
        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }
            fn json_schema($generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!($schema)
            }
        }
    };
}

schema!(Auth, |generator| {
    "oneOf": [{ "const": "none" }, generator.subschema_for::<Vec<SchemeManifest>>()]
});
schema!(DomainEntry, |generator| { "oneOf": [{ "type": "string" }, generator.subschema_for::<DomainMap>()] });
schema!(Params, |generator| {
    "type": "object", "additionalProperties": generator.subschema_for::<ParamEntry>()
});
schema!(ParamEntry, |generator| {
    "oneOf": [generator.subschema_for::<OneOrMany>(), generator.subschema_for::<ParamMap>()]
});
schema!(OneOrMany, |_generator| {
    "oneOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }]
});
schema!(Size, |_generator| {
    "oneOf": [{ "type": "integer", "minimum": 0 }, { "type": "string", "pattern": "^[0-9]+ ?[KMG]iB$" }]
});
