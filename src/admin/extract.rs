//! Reads bodies, queries and pages; what does not fit is a problem that names the field.

use axum::body::Bytes;
use axum::extract::{Extension, FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::header::{IF_MATCH, IF_NONE_MATCH};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use super::operator::Operator;
use super::problem::Problem;
use super::service::rules::Mode;

/// Most items of a list in one answer, where nothing else is asked for.
const PAGE: usize = 1000;

/// A JSON body; an empty one counts as `{}`.
#[derive(Debug)]
pub(super) struct Body<T>(pub(super) T);

/// A JSON body that may be longer than the bodies of other operations, in bytes.
#[derive(Debug)]
pub(super) struct Long<T, const MOST: usize>(pub(super) T);

/// The fields of a query string.
#[derive(Debug)]
pub(super) struct Params<T>(pub(super) T);

/// The names in a path.
#[derive(Debug)]
pub(super) struct PathNames<T>(pub(super) T);

/// Part of a list.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Paging {
    /// Most items, 1 to 1000.
    pub(super) limit: Option<usize>,
    /// `next` of the answer before.
    pub(super) cursor: Option<String>,
}

/// How a change is made.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Preview {
    /// Tell the effect, and change nothing.
    #[serde(default)]
    pub(super) dry_run: bool,
}

/// Who changes rules, and whether it is a preview.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) operator: Operator,
    pub(super) mode: Mode,
    /// Whether nothing may be replaced.
    pub(super) is_new: bool,
}

/// The revision that a change is for; `None` for any.
#[derive(Debug)]
pub(super) struct IfMatch(pub(super) Option<String>);

/// How a removal is made.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Cascading {
    /// Remove the permissions and policies of the store that name it too.
    #[serde(default)]
    cascade: bool,
    /// Tell the effect, and change nothing.
    #[serde(default)]
    dry_run: bool,
}

/// Who removes something that rules may name, and how.
#[derive(Debug)]
pub(super) struct Removing {
    pub(super) operator: Operator,
    pub(super) cascade: bool,
    pub(super) mode: Mode,
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = Bytes::from_request(request, state).await;
        let bytes = bytes.map_err(|error| match error.status() {
            StatusCode::PAYLOAD_TOO_LARGE => too_large(super::MAX_BODY),
            _ => Problem::bad("", error.body_text()),
        })?;
        parse(&bytes).map(Self)
    }
}

impl<S: Send + Sync, T: DeserializeOwned, const MOST: usize> FromRequest<S> for Long<T, MOST> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let bytes = axum::body::to_bytes(request.into_body(), MOST).await;
        let bytes = bytes.map_err(|_| too_large(MOST))?;
        parse(&bytes).map(Self)
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let text: &[u8] = if bytes.is_empty() { b"{}" } else { bytes };
    serde_json::from_slice(text).map_err(|error| {
        let text = without_value(&error.to_string());
        Problem::bad(field(&text), format!("the body: {text}"))
    })
}

/// Leaves out the value that an error of serde repeats: it may be a secret that stands in the wrong place.
fn without_value(text: &str) -> String {
    for kind in ["invalid type: ", "invalid value: "] {
        let (Some(at), Some(end)) = (text.find(kind), text.rfind(", expected ")) else {
            continue;
        };
        let from = at + kind.len();
        let (Some(front), Some(value), Some(behind)) =
            (text.get(..from), text.get(from..end), text.get(end..))
        else {
            continue;
        };
        // `string "…"`, `integer `1``, `map`: the first word is the kind.
        let word = value.split(['"', '`']).next().unwrap_or_default();
        return format!("{front}{}{behind}", word.trim_end());
    }
    text.to_owned()
}

fn too_large(most: usize) -> Problem {
    let detail = format!("the body is over {} KiB", most >> 10);
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail)
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(params)) => Ok(Self(params)),
            Err(error) => {
                let text = error.body_text();
                Err(Problem::bad(field(&text), text.clone()))
            }
        }
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for PathNames<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(names)) => Ok(Self(names)),
            Err(error) => Err(Problem::bad("", error.body_text())),
        }
    }
}

/// Returns the field that a message of serde names first.
fn field(text: &str) -> &str {
    let mut quoted = text.split('`');
    quoted.nth(1).unwrap_or_default()
}

impl<S: Send + Sync> FromRequestParts<S> for Change {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Params(preview) = Params::<Preview>::from_request_parts(parts, state).await?;
        Ok(Self {
            operator: operator(parts, state).await?,
            mode: mode(preview.dry_run, &parts.headers)?,
            is_new: is_new(&parts.headers)?,
        })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        if_match(&parts.headers).map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Removing {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Params(how) = Params::<Cascading>::from_request_parts(parts, state).await?;
        Ok(Self {
            operator: operator(parts, state).await?,
            cascade: how.cascade,
            mode: mode(how.dry_run, &parts.headers)?,
        })
    }
}

async fn operator<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<Operator, Problem> {
    let found = Extension::<Operator>::from_request_parts(parts, state).await;
    let Extension(operator) = found.map_err(|error| Problem::bad("", error.body_text()))?;
    Ok(operator)
}

fn mode(dry_run: bool, headers: &HeaderMap) -> Result<Mode, Problem> {
    let if_match = if_match(headers)?;
    Ok(if dry_run {
        Mode::Preview
    } else {
        Mode::Write { if_match }
    })
}

/// Reads the precondition of a write (RFC 9110 section 13.1.1); one that cannot be read is never taken for none.
fn if_match(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut given = headers.get_all(IF_MATCH).iter();
    match (given.next(), given.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => {
            let text = value.to_str().ok().map(str::trim);
            let inner = text.map(|text| {
                let inside = text
                    .strip_prefix('"')
                    .and_then(|text| text.strip_suffix('"'));
                inside.unwrap_or(text)
            });
            let good = inner.filter(|text| !text.is_empty() && !text.contains(['"', ',', ' ']));
            good.map(|text| Some(text.to_owned()))
                .ok_or_else(unreadable_precondition)
        }
        (Some(_), Some(_)) => Err(unreadable_precondition()),
    }
}

/// Reads whether a write may only add (RFC 9110 section 13.1.2); a precondition of another form is never taken for none.
fn is_new(headers: &HeaderMap) -> Result<bool, Problem> {
    let mut given = headers.get_all(IF_NONE_MATCH).iter();
    match (given.next().map(HeaderValue::as_bytes), given.next()) {
        (None, _) => Ok(false),
        (Some(b"*"), None) => Ok(true),
        (Some(_), _) => Err(Problem::bad(
            "if-none-match",
            "`If-None-Match` is `*`, or is left out",
        )),
    }
}

fn unreadable_precondition() -> Problem {
    let detail = "`If-Match` is not one revision, as a preview answers it";
    Problem::bad("if-match", detail)
}

impl Paging {
    /// Returns a part of a list in the order of its keys, and the cursor of the rest. What is added or removed meanwhile hides no
    /// other item.
    pub(super) fn page<T>(
        &self,
        mut items: Vec<T>,
        key: impl Fn(&T) -> String,
    ) -> Result<(Vec<T>, Option<String>), Problem> {
        let limit = self.limit.unwrap_or(PAGE);
        if limit == 0 || limit > PAGE {
            return Err(Problem::bad("limit", "`limit` is between 1 and 1000"));
        }
        items.sort_by_cached_key(&key);
        if let Some(cursor) = &self.cursor {
            let last = URL_SAFE_NO_PAD.decode(cursor).ok();
            let last = last.and_then(|bytes| String::from_utf8(bytes).ok());
            let bad = || Problem::bad("cursor", "`cursor` is not one of this list");
            let last = last.ok_or_else(bad)?;
            items.retain(|item| key(item) > last);
        }
        let more = items.len() > limit;
        items.truncate(limit);
        let last = items.last().filter(|_| more);
        let next = last.map(|last| URL_SAFE_NO_PAD.encode(key(last)));
        Ok((items, next))
    }
}
