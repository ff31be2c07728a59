//! Chooses the one way in which a body is parsed and sent, by what `body:` lists and the request's `Content-Type`.
//!
//! INVARIANT: a body is read as one dialect, and `Content-Type` is set to that dialect, whatever the agent wrote there.

use std::borrow::Cow;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};

use crate::connector::model::format::{Format, Kind};
use crate::connector::model::route::Route;
use crate::connector::read::unreadable::{UNREADABLE_BODY, Unreadable, UnreadableCode};
use crate::model::media_type::{self, MediaType};

/// How the body of one request is parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialect {
    pub(crate) format: Format,
    /// As it is sent.
    pub(crate) content_type: HeaderValue,
    /// The boundary of a multipart body.
    pub(crate) boundary: Option<Box<str>>,
}

/// Chooses among the formats of the routes that can be meant, the default first: the one whose media type the request has,
/// else one that is JSON where the request has any JSON type, else the first.
pub(crate) fn choose<'f>(
    formats: &(impl Iterator<Item = &'f Format> + Clone),
    headers: &HeaderMap,
) -> Result<Option<Dialect>, Unreadable> {
    let text = content_type(headers)?;
    if formats.clone().next().is_none() {
        return Ok(None);
    }
    let given = MediaType::read(&text);
    let boundary = boundary(&given)?;
    let exact = formats.clone().find(|format| given.is(&format.media));
    let json = || {
        let any = formats.clone().find(|format| format.kind == Kind::Json);
        any.filter(|_| given.is_json())
    };
    let chosen = exact.or_else(json).or_else(|| formats.clone().next());
    let Some(format) = chosen.cloned() else {
        return Ok(None);
    };
    let same = given.is(&format.media);
    let boundary = boundary.filter(|_| format.kind.has_parts() && same);
    let content_type = match &boundary {
        Some(boundary) => {
            HeaderValue::try_from(format!("{}; boundary=\"{boundary}\"", format.media))
        }
        None => HeaderValue::try_from(&*format.media),
    };
    Ok(Some(Dialect {
        format,
        content_type: content_type
            .map_err(|_| unreadable("the body has a type that cannot be sent"))?,
        boundary: boundary.map(|boundary| boundary.into()),
    }))
}

fn unreadable(detail: &str) -> Unreadable {
    Unreadable {
        code: UNREADABLE_BODY,
        detail: detail.to_owned(),
    }
}

impl Dialect {
    /// Returns the `Content-Type` that goes upstream.
    #[must_use]
    pub fn content_type(&self) -> &HeaderValue {
        &self.content_type
    }

    pub(crate) fn is_one_of(&self, formats: &[Format]) -> bool {
        formats.contains(&self.format)
    }

    /// Returns whether a request says the type that its body is read as, or none. UTF-8 is asked for by [`check_charset`].
    pub(crate) fn is_said_by(&self, headers: &HeaderMap) -> bool {
        headers.get(CONTENT_TYPE).is_none_or(|value| {
            let given = MediaType::read(value.to_str().unwrap_or_default());
            given.is(&media_type::essence(&self.format.media))
        })
    }

    pub(crate) fn kind(&self) -> Kind {
        self.format.kind
    }

    /// Returns what stands between the parts.
    pub(crate) fn boundary(&self) -> Result<&str, Unreadable> {
        self.boundary.as_deref().ok_or_else(|| Unreadable {
            code: UNREADABLE_BODY,
            detail: format!("the body must be `{}` with a boundary", self.format.media),
        })
    }
}

/// Refuses a charset other than UTF-8, the only one whose bytes every reader takes for the same text.
pub(crate) fn check_charset(headers: &HeaderMap) -> Result<(), Unreadable> {
    let is_utf8 = |value: &HeaderValue| {
        let text = value.to_str();
        text.is_ok_and(|text| MediaType::read(text).is_utf8())
    };
    if headers.get_all(CONTENT_TYPE).iter().all(is_utf8) {
        return Ok(());
    }
    Err(Unreadable {
        code: UnreadableCode::UnsupportedMedia,
        detail: "only UTF-8 bodies are read".to_owned(),
    })
}

/// Returns the one `Content-Type`; empty where there is none.
fn content_type(headers: &HeaderMap) -> Result<Cow<'_, str>, Unreadable> {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(unreadable("there are two `Content-Type` headers"));
    }
    Ok(
        first.map_or(Cow::Borrowed(""), |value| match value.to_str() {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => String::from_utf8_lossy(value.as_bytes()),
        }),
    )
}

/// Returns the one boundary; `None` for one that readers could read differently.
fn boundary<'t>(given: &'t MediaType<'_>) -> Result<Option<Cow<'t, str>>, Unreadable> {
    let mut boundaries = given.params("boundary");
    let boundary = boundaries.next();
    if boundaries.next().is_some() {
        return Err(unreadable("`Content-Type` has two boundaries"));
    }
    Ok(boundary.filter(|boundary| is_boundary(boundary)))
}

/// RFC 2046 section 5.1.1, without what needs quoting inside quotes and without the space, which parsers trim differently.
fn is_boundary(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=?".contains(&byte);
    (1..=70).contains(&text.len()) && text.bytes().all(good)
}

impl Route {
    /// Returns whether it is for bodies that are read so; a body that is not read fits every route.
    pub(crate) fn speaks(&self, dialect: Option<&Dialect>) -> bool {
        dialect.is_none_or(|dialect| dialect.is_one_of(&self.formats))
    }
}
