//! Exchanges fields for a token at an endpoint of the API's own: a request template, and where the answer has the token.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use http::{HeaderName, Method};
use serde::{Serialize, Serializer};
use serde_json::Value as Json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use zeroize::Zeroizing;

use super::answer::{checked, lifetime, refused};
use super::body::{FormBody, basic, form_headers, json_headers, secret_value};
use super::{
    JsonPath, MintError, MintInput, MintStep, Minted, Place, Stage, TokenAnswer, TokenRequest,
    UrlText,
};
use crate::auth::Fields;
use crate::auth::text::Text;
use crate::model::credential::MintedToken;
use crate::model::secret::Secret;

/// A compiled `exchange` entry.
#[derive(Debug, Clone, Serialize)]
pub(in crate::auth) struct Exchange {
    #[serde(serialize_with = "method")]
    pub(in crate::auth) method: Method,
    pub(in crate::auth) url: UrlText,
    pub(in crate::auth) body: Body,
    pub(in crate::auth) headers: Vec<(String, Text)>,
    /// User name and password.
    pub(in crate::auth) basic: Option<(Text, Text)>,
    pub(in crate::auth) token: Place,
    pub(in crate::auth) expires_in: Option<JsonPath>,
    pub(in crate::auth) expires_at: Option<JsonPath>,
    /// Seconds; counts where the answer does not say.
    pub(in crate::auth) lifetime: Option<u64>,
}

/// What the request holds.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::auth) enum Body {
    /// The request has no body.
    Empty,
    /// Pairs, as `application/x-www-form-urlencoded` has them.
    Form(BTreeMap<String, Text>),
    /// JSON whose texts are filled.
    Json(Template),
}

/// JSON whose texts are templates.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub(in crate::auth) enum Template {
    /// A text with fields in it.
    Text(Text),
    /// A list of such values.
    List(Vec<Self>),
    /// An object of such values.
    Object(BTreeMap<String, Self>),
    /// A number, `true`, `false` or `null`.
    Fixed(Json),
}

impl Exchange {
    pub(super) fn begin(&self, input: MintInput<'_>) -> Result<MintStep, MintError> {
        let fields = input.fields;
        let (mut headers, body) = match &self.body {
            Body::Empty => (http::HeaderMap::new(), Zeroizing::new(Vec::new())),
            Body::Form(pairs) => {
                let mut form = FormBody::default();
                for (name, text) in pairs {
                    form.push(name, &text.filled(fields)?);
                }
                (form_headers(), form.finish())
            }
            Body::Json(template) => {
                let mut json = Zeroizing::new(Vec::with_capacity(4096));
                template.write(fields, &mut json)?;
                (json_headers(), json)
            }
        };
        if let Some((user, password)) = &self.basic {
            let value = basic(&user.filled(fields)?, &password.filled(fields)?)?;
            headers.insert(http::header::AUTHORIZATION, value);
        }
        for (name, text) in &self.headers {
            let name = HeaderName::from_bytes(name.as_bytes());
            let name = name.map_err(|_| MintError::Malformed("cannot be asked for"))?;
            headers.insert(name, secret_value(&[&text.filled(fields)?])?);
        }
        let request = TokenRequest {
            method: self.method.clone(),
            url: self.url.of(fields)?,
            headers,
            body,
        };
        Ok(MintStep::Ask(request, Stage::Token))
    }

    pub(super) fn finish(
        &self,
        input: MintInput<'_>,
        answer: &TokenAnswer,
    ) -> Result<MintStep, MintError> {
        if !(200..300).contains(&answer.status) {
            return Err(refused(answer.status, None));
        }
        let needs_body = matches!(self.token, Place::Body(_))
            || self.expires_in.is_some()
            || self.expires_at.is_some();
        let mut json = match serde_json::from_slice(&answer.body) {
            Ok(json) => json,
            Err(_) if !needs_body => Json::Null,
            Err(_) => return Err(MintError::Malformed("is not JSON")),
        };
        let token = match &self.token {
            Place::Body(path) => path.of(&json).and_then(Json::as_str).map(str::as_bytes),
            Place::Header(name) => answer.headers.get(name).map(|value| value.as_bytes()),
        };
        let token = token.ok_or(MintError::Malformed("has no token where it must be"))?;
        let token = checked(Secret::new(token.to_vec()))?;
        let lifetime = self.lifetime(&json, input.now)?;
        wipe(&mut json);
        let fields = Fields::from([("token".to_owned(), token)]);
        Ok(MintStep::Minted(Minted {
            token: MintedToken::new(fields, input.now, lifetime),
            rotated: Fields::new(),
        }))
    }

    fn lifetime(&self, json: &Json, now: SystemTime) -> Result<Option<Duration>, MintError> {
        let within = self.expires_in.as_ref().and_then(|path| path.of(json));
        if let Some(lifetime) = within.map(lifetime).transpose()?.flatten() {
            return Ok(Some(lifetime));
        }
        let at = self.expires_at.as_ref().and_then(|path| path.of(json));
        if let Some(at) = at.filter(|at| !at.is_null()) {
            return until(at, now).map(Some);
        }
        let says = self.expires_in.is_some() || self.expires_at.is_some();
        match self.lifetime {
            Some(seconds) => Ok(Some(Duration::from_secs(seconds))),
            None if says => Err(MintError::Malformed(
                "does not say how long its token lives",
            )),
            None => Ok(None),
        }
    }
}

/// Reads a moment: RFC 3339, or seconds since 1970.
pub(super) fn until(at: &Json, now: SystemTime) -> Result<Duration, MintError> {
    let bad = MintError::Malformed("has a token that has ended, or ends at no moment");
    let moment = match at {
        Json::String(text) => match text.parse::<u64>() {
            Ok(seconds) => SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)),
            Err(_) => OffsetDateTime::parse(text, &Rfc3339)
                .ok()
                .map(SystemTime::from),
        },
        other => other
            .as_u64()
            .and_then(|since| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(since))),
    };
    moment
        .and_then(|moment| moment.duration_since(now).ok())
        .filter(|left| !left.is_zero())
        .ok_or(bad)
}

impl Template {
    /// Writes JSON, every text filled.
    fn write(&self, fields: &Fields, out: &mut Vec<u8>) -> Result<(), MintError> {
        let unwritable = |_| MintError::Malformed("cannot be asked for");
        match self {
            Self::Text(text) => {
                let filled = text.filled(fields)?;
                let text = std::str::from_utf8(&filled)
                    .map_err(|_| MintError::Malformed("cannot be asked for"))?;
                serde_json::to_writer(out, text).map_err(unwritable)
            }
            Self::Fixed(json) => serde_json::to_writer(out, json).map_err(unwritable),
            Self::List(items) => {
                out.push(b'[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    item.write(fields, out)?;
                }
                out.push(b']');
                Ok(())
            }
            Self::Object(entries) => {
                out.push(b'{');
                for (at, (name, value)) in entries.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    serde_json::to_writer(&mut *out, name).map_err(unwritable)?;
                    out.push(b':');
                    value.write(fields, out)?;
                }
                out.push(b'}');
                Ok(())
            }
        }
    }

    /// Returns the template of JSON as written, reading each text with `read`.
    pub(in crate::auth) fn of(
        json: &Json,
        read: &mut impl FnMut(&str) -> Option<Text>,
    ) -> Option<Self> {
        Some(match json {
            Json::String(text) => Self::Text(read(text)?),
            Json::Array(items) => {
                let items = items.iter().map(|item| Self::of(item, read));
                Self::List(items.collect::<Option<_>>()?)
            }
            Json::Object(entries) => {
                let entries = entries
                    .iter()
                    .map(|(name, value)| Some((name.clone(), Self::of(value, read)?)));
                Self::Object(entries.collect::<Option<_>>()?)
            }
            fixed => Self::Fixed(fixed.clone()),
        })
    }
}

/// Overwrites the texts of an answer that was read.
pub(super) fn wipe(json: &mut Json) {
    match json {
        Json::String(text) => drop(Zeroizing::new(std::mem::take(text))),
        Json::Array(items) => items.iter_mut().for_each(wipe),
        Json::Object(entries) => entries.iter_mut().for_each(|(_, value)| wipe(value)),
        _ => {}
    }
}

fn method<S: Serializer>(method: &Method, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(method.as_str())
}
