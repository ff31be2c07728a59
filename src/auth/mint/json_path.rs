//! Follows a singular JSONPath (RFC 9535 section 2.3.5.1), such as `$.data.token` or `$['a'][0]`, or names a header.

use http::HeaderName;
use serde::{Serialize, Serializer};
use serde_json::Value as Json;

/// A path to one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::auth) struct JsonPath {
    written: String,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Name(String),
    Index(usize),
}

/// Where a value of an answer is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::auth) enum Place {
    /// In the body, as JSON.
    Body(JsonPath),
    /// In this header, lower-case.
    Header(String),
}

impl Place {
    /// Parses `$.token` or `header:X-Token`.
    pub(in crate::auth) fn parse(text: &str) -> Option<Self> {
        if let Some(name) = text.strip_prefix("header:") {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            return Some(Self::Header(name.as_str().to_owned()));
        }
        JsonPath::parse(text).map(Self::Body)
    }
}

impl JsonPath {
    /// Parses a path; `None` where it is none, or may lead to several values.
    pub(in crate::auth) fn parse(text: &str) -> Option<Self> {
        let mut steps = Vec::new();
        let mut rest = text.strip_prefix('$')?;
        while !rest.is_empty() {
            let (step, tail) = step(rest)?;
            steps.push(step);
            rest = tail;
        }
        let written = text.to_owned();
        (!steps.is_empty()).then_some(Self { written, steps })
    }

    /// Returns the value, where there is one.
    pub(in crate::auth) fn of<'j>(&self, json: &'j Json) -> Option<&'j Json> {
        self.steps.iter().try_fold(json, |json, step| match step {
            Step::Name(name) => json.as_object()?.get(name),
            Step::Index(index) => json.as_array()?.get(*index),
        })
    }
}

impl Serialize for JsonPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.written)
    }
}

fn step(text: &str) -> Option<(Step, &str)> {
    if let Some(rest) = text.strip_prefix('.') {
        let is_name = |letter: char| letter.is_alphanumeric() || letter == '_';
        let end = rest.find(|letter| !is_name(letter)).unwrap_or(rest.len());
        let (name, rest) = rest.split_at_checked(end)?;
        let starts = !name.starts_with(|first: char| first.is_ascii_digit());
        return (!name.is_empty() && starts).then(|| (Step::Name(name.to_owned()), rest));
    }
    let rest = text.strip_prefix('[')?;
    for quote in ['\'', '"'] {
        if let Some(rest) = rest.strip_prefix(quote) {
            let (name, rest) = rest.split_once(quote)?;
            let rest = rest.strip_prefix(']')?;
            return (!name.contains('\\')).then(|| (Step::Name(name.to_owned()), rest));
        }
    }
    let (index, rest) = rest.split_once(']')?;
    let digits = index.bytes().all(|byte| byte.is_ascii_digit());
    let index = index.parse().ok().filter(|_| digits)?;
    Some((Step::Index(index), rest))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn singular_paths_lead_to_their_value() {
        let json = json!({ "a": { "b c": [1, { "token": "x" }] } });
        for (path, found) in [
            ("$.a['b c'][1].token", Some(json!("x"))),
            ("$[\"a\"]['b c'][0]", Some(json!(1))),
            ("$.a.b", None),
            ("$.a['b c'][2]", None),
            ("$.a[0]", None),
        ] {
            let path = JsonPath::parse(path).unwrap();
            assert_eq!(path.of(&json).cloned(), found, "{path:?}");
        }
    }

    #[test]
    fn what_may_lead_to_several_values_or_is_no_path_is_refused() {
        for path in [
            "",
            "$",
            "token",
            "$..token",
            "$.*",
            "$.a[*]",
            "$.a[-1]",
            "$.a[0:2]",
            "$.a[?@.b]",
            "$a",
            "$.",
            "$.1a",
            "$['a",
            "$['a'",
            "$[a]",
            "$.a b",
            "$['a\\'b']",
            "$[+1]",
        ] {
            assert_eq!(JsonPath::parse(path), None, "{path}");
        }
        assert_eq!(
            Place::parse("header:X-Token"),
            Some(Place::Header("x-token".into()))
        );
        assert_eq!(Place::parse("header:"), None);
    }
}
