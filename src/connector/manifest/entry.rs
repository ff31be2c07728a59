//! Values of the connector file with more than one spelling, read by hand so that their parts keep their places.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::config::yaml::{self, At, ShortOr};
use crate::connector::manifest::SchemeManifest;
use crate::model::action::Risk;
use crate::model::value::ValueType;

/// A text or several, each with its place.
pub(crate) type Sources = yaml::OneOrMany<At<String>>;

/// `risk:`, one or by pattern.
pub(crate) type RiskEntry = ShortOr<Risk, Vec<RiskRule>>;

/// `each:`, short or in full.
pub(crate) type EachEntry = ShortOr<String, EachMap>;

/// `errors:`, a known shape or one of the API's own.
pub(crate) type ErrorsEntry = ShortOr<String, yaml::OneOrMany<ErrorsMap>>;

/// `auth:`
#[derive(Debug)]
pub enum Auth {
    /// `none`: a public API.
    None,
    /// The default first.
    Schemes(Vec<SchemeManifest>),
}

/// `tls:`
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    /// The agent's TLS is ended here and made anew; what is not said otherwise.
    Terminate,
    /// The agent's TLS goes to the upstream as it is.
    Passthrough,
}

/// `unknown_headers:`
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UnknownHeaders {
    /// They go upstream.
    Pass,
}

/// An entry of `domains:`: a host, or a host with what is its own.
#[derive(Debug, Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DomainMap {
    /// `host`, `*.host`, `**.host`, `{name}.host`, each with an optional port.
    #[schemars(example = &"{site}.atlassian.net")]
    pub host: String,
    /// Instead of the connector's.
    #[schemars(example = ["/ex/jira/{cloud_id}/rest"])]
    pub base_paths: Option<Vec<At<String>>>,
    /// The ids of the schemes that this host takes, or `none`: it is public.
    #[schemars(example = &"oauth")]
    pub auth: Option<Sources>,
    /// Instead of the connector's.
    pub tls: Option<Tls>,
}

/// An entry of `domains:`, in its long form.
#[derive(Debug)]
pub struct DomainEntry(pub DomainMap);

/// `params:`, in the order of the file.
#[derive(Debug, Default)]
pub struct Params(pub Vec<(String, At<ParamEntry>)>);

/// One parameter: a source, a list of sources, or a map with options.
#[derive(Debug, Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ParamMap {
    /// Where it is read, of several places the one that the request has: `$.key`, `query:key`, `form:key`, `header:X-Key`,
    /// `path:name`, `arg:name`. Absent for a captured label.
    #[schemars(example = &"$.fields.project.key")]
    pub from: Option<OneOrMany>,
    /// An expression over the route's other parameters that computes it: `params.owner + "/" + params.repo`. Instead of `from`.
    #[schemars(example = &"params.owner + '/' + params.repo")]
    pub cel: Option<String>,
    /// What it must be.
    #[serde(rename = "type")]
    pub value_type: Option<ValueType>,
    /// Whether a request without it is refused.
    #[serde(default)]
    pub required: bool,
    /// Anchored regular expression; a value that does not match refuses the request.
    #[schemars(example = &"[A-Z][A-Z0-9_]+")]
    pub pattern: Option<String>,
    /// The one spelling it is brought into.
    pub fold: Option<Fold>,
    /// Comparable in policies; shown and recorded only as a keyed hash.
    #[serde(default)]
    pub secret: bool,
    /// Other places that carry the same name: `query`, `form`. Where two have it, they must agree.
    #[schemars(example = ["query"])]
    pub merge: Option<Vec<String>>,
}

impl ParamMap {
    /// Returns whether nothing but a source is said.
    pub fn is_plain(&self) -> bool {
        let Self {
            from: _,
            cel,
            value_type,
            required,
            pattern,
            fold,
            secret,
            merge,
        } = self;
        let options = cel.is_some() || value_type.is_some() || pattern.is_some() || fold.is_some();
        !options && !required && !secret && merge.is_none()
    }
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

/// One line of a risk list; the first that matches counts.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RiskRule {
    /// Compared without case with what the dynamic name is made of, as sent; absent for all.
    #[schemars(example = &"*delete*")]
    #[serde(rename = "match")]
    pub pattern: Option<At<String>>,
    /// What it is then.
    pub risk: Risk,
}

/// `each:` in full. Paths start at a member.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EachMap {
    /// `JSONPath` to the members, as `$.requests[*]`.
    #[schemars(example = &"$.requests[*]")]
    pub members: At<String>,
    /// The member's method; `$.method` unless said, and GET where it is absent.
    #[schemars(example = &"$.method")]
    pub method: Option<At<String>>,
    /// The member's path and query, or URL; `$.path` or `$.url` unless said.
    #[schemars(example = &"$.url")]
    pub path: Option<At<String>>,
    /// The member's body; `$.body` unless said.
    #[schemars(example = &"$.body")]
    pub body: Option<At<String>>,
    /// The member's headers, a map; `$.headers` unless said.
    #[schemars(example = &"$.headers")]
    pub headers: Option<At<String>>,
    /// What stands before a member's path, as `/v1.0`.
    #[schemars(example = &"/v1.0")]
    pub base: Option<At<String>>,
}

/// `errors:` in full.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ErrorsMap {
    /// The beginning of the request's `Content-Type` that it is for; for all unless said.
    #[schemars(example = &"application/json")]
    #[serde(rename = "for")]
    pub media: Option<String>,
    /// What a decision is answered with; 403 unless said.
    pub status: Option<u16>,
    /// `application/json` unless said.
    #[schemars(example = &"application/xml")]
    pub content_type: Option<At<String>>,
    /// More headers.
    #[schemars(example = serde_json::json!({ "X-Reason": "{code}" }))]
    #[serde(default)]
    pub headers: BTreeMap<String, At<String>>,
    /// JSON, or a text; `{detail}`, `{code}`, `{status}`, `{title}`, `{request_id}`, `{action}`, `{rpc_id}` are filled in.
    pub body: serde_json::Value,
    /// How a text is framed for git; as it is unless said.
    pub framing: Option<Framing>,
}

/// How a text is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Framing {
    /// One packet line of git's protocol.
    PacketLine,
    /// A report that refuses each ref of a push for the reason that the text gives.
    ReportStatus,
}

/// A text or a list of texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneOrMany(pub Vec<String>);

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
