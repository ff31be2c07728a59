//! Writes values into a judged body: a member of a JSON object, or a pair of a form. All other bytes stay as they were judged.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use bytes::Bytes;
use serde::Deserializer as _;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::query::Query;
use super::text::Text;
use super::{ApplyError, Fields};

/// How deep a place may lie.
const MAX_DEPTH: usize = 8;

#[derive(Debug, Clone)]
pub(super) struct Body {
    /// Keys from the outermost object to the value, and what goes there.
    pub(super) json: Vec<(Vec<String>, Text)>,
    pub(super) form: Query,
}

/// A place in a body as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum BodyPlace {
    Json(Vec<String>),
    Form(String),
}

impl BodyPlace {
    /// Reads `$.outer.key` or `form:key`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if let Some(name) = text.strip_prefix("form:") {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
            return (!name.is_empty() && name.bytes().all(plain))
                .then(|| Self::Form(name.to_owned()));
        }
        let keys: Vec<String> = text
            .strip_prefix("$.")?
            .split('.')
            .map(str::to_owned)
            .collect();
        let is_key = |key: &String| {
            !key.is_empty()
                && key
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
        };
        (keys.len() <= MAX_DEPTH && keys.iter().all(is_key)).then_some(Self::Json(keys))
    }
}

impl Body {
    /// Returns the places as connectors write them.
    pub(super) fn places(&self) -> impl Iterator<Item = String> {
        let json = self.json.iter();
        let json = json.map(|(keys, _)| format!("$.{}", keys.join(".")));
        json.chain(self.form.names().map(|name| format!("form:{name}")))
    }

    /// Returns the places with what goes there, as they are bound.
    pub(super) fn written(&self) -> impl Iterator<Item = (String, String)> {
        let json = self.json.iter().map(|(_, text)| text.written());
        let form = self.form.pairs.iter().map(|(_, text)| text.written());
        self.places().zip(json.chain(form))
    }

    /// Returns the body with the credential in it.
    pub(super) fn fill(
        &self,
        fields: &Fields,
        content_type: &str,
        body: &[u8],
    ) -> Result<Bytes, ApplyError> {
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        if media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return self.fill_form(fields, body);
        }
        let is_json = media_type.eq_ignore_ascii_case("application/json")
            || media_type.to_ascii_lowercase().ends_with("+json");
        if !is_json || self.json.is_empty() {
            return Err(ApplyError::NoPlace(
                "the body is of a type that the credential has no place in",
            ));
        }
        let mut filled = Zeroizing::new(body.to_vec());
        for (keys, text) in &self.json {
            let mut value = Zeroizing::new(Vec::with_capacity(text.measure(fields)?));
            text.append(fields, &mut value);
            let value = std::str::from_utf8(&value).map_err(|_| {
                ApplyError::NotAHeaderValue(text.fields().next().unwrap_or_default().to_owned())
            })?;
            let quoted = Zeroizing::new(serde_json::to_vec(value).unwrap_or_default());
            let placed = put(&filled, keys, &quoted).ok_or(ApplyError::NoPlace(
                "the body is not an object that holds the credential's place",
            ))?;
            filled = placed;
        }
        Ok(Bytes::from_owner(filled))
    }

    fn fill_form(&self, fields: &Fields, body: &[u8]) -> Result<Bytes, ApplyError> {
        if self.form.pairs.is_empty() {
            return Err(ApplyError::NoPlace(
                "the body is a form, and the credential has no place in one",
            ));
        }
        let text = std::str::from_utf8(body)
            .map_err(|_| ApplyError::NoPlace("the body is not a form in UTF-8"))?;
        let mut pairs = Some(text.to_owned());
        self.form.apply(fields, &mut pairs)?;
        let filled = Zeroizing::new(pairs.unwrap_or_default().into_bytes());
        Ok(Bytes::from_owner(filled))
    }
}

/// Returns a JSON text with a value put at a path of keys; objects that lack are made.
fn put(text: &[u8], keys: &[String], value: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (first, rest) = keys.split_first()?;
    let members = members(text)?;
    let start = text.as_ptr() as usize;
    let found = members.iter().find(|(name, _)| name == first);
    let mut filled = Zeroizing::new(Vec::with_capacity(text.len() + value.len() + 64));
    match found {
        Some((_, raw)) => {
            let from = (raw.get().as_ptr() as usize).checked_sub(start)?;
            let to = from.checked_add(raw.get().len())?;
            filled.extend_from_slice(text.get(..from)?);
            if rest.is_empty() {
                filled.extend_from_slice(value);
            } else {
                filled.extend_from_slice(&put(raw.get().as_bytes(), rest, value)?);
            }
            filled.extend_from_slice(text.get(to..)?);
        }
        None => {
            let open = text.iter().position(|byte| *byte == b'{')?.checked_add(1)?;
            filled.extend_from_slice(text.get(..open)?);
            serde_json::to_writer(&mut *filled, first).ok()?;
            filled.push(b':');
            if rest.is_empty() {
                filled.extend_from_slice(value);
            } else {
                filled.extend_from_slice(&put(b"{}", rest, value)?);
            }
            if !members.is_empty() {
                filled.push(b',');
            }
            filled.extend_from_slice(text.get(open..)?);
        }
    }
    Some(filled)
}

type Members<'t> = Vec<(Cow<'t, str>, &'t RawValue)>;

/// Returns the members of an object; `None` for anything else, and where a name is there twice.
fn members(text: &[u8]) -> Option<Members<'_>> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let members = reader.deserialize_map(MemberVisitor).ok()?;
    reader.end().ok()?;
    let mut names = HashSet::with_capacity(members.len());
    let once = members.iter().all(|(name, _)| names.insert(&**name));
    once.then_some(members)
}

struct MemberVisitor;

/// A name, borrowed where it holds no escape.
#[derive(serde::Deserialize)]
struct Name<'t>(#[serde(borrow)] Cow<'t, str>);

impl<'de> Visitor<'de> for MemberVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(Name(name)) = map.next_key()? {
            members.push((name, map.next_value::<&'de RawValue>()?));
        }
        Ok(members)
    }
}

#[cfg(test)]
mod tests {
    use super::put;

    fn filled(text: &str, place: &str) -> Option<String> {
        let keys: Vec<String> = place.split('.').map(str::to_owned).collect();
        let filled = put(text.as_bytes(), &keys, br#""s""#)?;
        Some(String::from_utf8(filled.to_vec()).unwrap())
    }

    #[test]
    fn only_the_place_of_the_credential_changes() {
        let text = "{ \"n\": 12345678901234567890123, \"key\" : \"of the agent\",\t\"z\":[1.0] }";
        let expected = "{ \"n\": 12345678901234567890123, \"key\" : \"s\",\t\"z\":[1.0] }";
        assert_eq!(filled(text, "key").as_deref(), Some(expected));
        assert_eq!(filled("{}", "key").as_deref(), Some(r#"{"key":"s"}"#));
        assert_eq!(
            filled(r#" {"a":1}"#, "key").as_deref(),
            Some(r#" {"key":"s","a":1}"#)
        );
        assert_eq!(
            filled(r#"{"a":{"b":1}}"#, "a.key").as_deref(),
            Some(r#"{"a":{"key":"s","b":1}}"#)
        );
        assert_eq!(
            filled(r#"{"k\u0065y":"x"}"#, "key").as_deref(),
            Some(r#"{"k\u0065y":"s"}"#)
        );
    }

    #[test]
    fn nothing_is_put_where_no_object_or_two_members_stand() {
        for text in [
            "",
            "[]",
            "1",
            r#"{"key":1,"key":2}"#,
            "{} {}",
            r#"{"a":1}x"#,
        ] {
            assert_eq!(filled(text, "key"), None, "{text}");
        }
        assert_eq!(filled(r#"{"a":1}"#, "a.key"), None);
    }
}
