//! Reads values that have more than one spelling by hand, so that what is in them keeps its place, and writes their schemas.

use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::connector::manifest::SchemeManifest;
use crate::connector::manifest::entry::{
    Auth, DomainEntry, DomainMap, OneOrMany, ParamEntry, ParamMap, Params,
};

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
    "a host, or a map with `host`, `base_paths`, `auth` and `tls`",
    {
        fn visit_str<E: de::Error>(self, text: &str) -> Result<DomainEntry, E> {
            Ok(DomainEntry(DomainMap {
                host: text.to_owned(),
                ..DomainMap::default()
            }))
        }
        fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<DomainEntry, A::Error> {
            DomainMap::deserialize(MapAccessDeserializer::new(entries)).map(DomainEntry)
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
