//! Builds an API from what a person answers, one question at a time.

use serde_json::{Map, Value};

use super::api::{Api, Mark, Way};
use super::curl::{self, CurlError};
use super::observed::{self, Patterns, Payload, Seen};

/// Why an answer is not understood; says what can be answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AnswerError {
    #[error("answer `bearer`, `basic`, `header X-Api-Key`, `query api_key` or `none`")]
    Way,
    #[error("write a request as `GET /tickets/{{id}}` or `POST /tickets title queue`")]
    Request,
    #[error(transparent)]
    Command(#[from] CurlError),
}

/// Reads how requests authenticate: `bearer`, `basic`, `header NAME`, `query NAME`; nothing for `none`.
///
/// # Errors
/// Says what can be answered.
pub(crate) fn way(text: &str) -> Result<Option<Way>, AnswerError> {
    let (kind, name) = text.split_once(' ').unwrap_or((text, ""));
    let name = name.trim();
    let good = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    let (id, mark) = match (kind, good) {
        ("none", _) => return Ok(None),
        ("bearer", _) => ("token", Mark::Bearer("token")),
        ("basic", _) => ("basic", Mark::Basic),
        ("header", true) => ("key", Mark::Header(name.to_owned(), "")),
        ("query", true) => ("key", Mark::Query(name.to_owned())),
        (_, _) => return Err(AnswerError::Way),
    };
    Ok(Some(Way {
        id: id.to_owned(),
        marks: vec![mark],
    }))
}

/// Reads a request: `GET /tickets/{id}?status`, `POST /tickets title queue`, or a `curl` command.
///
/// # Errors
/// Says how one is written.
pub(crate) fn request(text: &str) -> Result<Seen, AnswerError> {
    if text.starts_with("curl ") {
        return Ok(curl::read(text)?.seen);
    }
    let mut words = text.split_whitespace();
    let method = words.next().unwrap_or_default().to_ascii_uppercase();
    let target = words.next().filter(|target| target.starts_with('/'));
    let target = target.filter(|_| method.bytes().all(|byte| byte.is_ascii_uppercase()));
    let target = target.ok_or(AnswerError::Request)?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let body: Map<String, Value> = words
        .map(|name| (name.to_owned(), Value::from("")))
        .collect();
    Ok(Seen {
        method,
        path: path.to_owned(),
        query: curl::names(query),
        payload: if body.is_empty() {
            Payload::Nothing
        } else {
            Payload::Json(Value::Object(body))
        },
        times: 1,
        ..Seen::default()
    })
}

/// Puts together what was answered.
#[must_use]
pub(crate) fn api(place: Api, way: Option<Way>, requests: &[Seen]) -> Api {
    let observed = observed::operations(requests, &Patterns::default());
    Api {
        format: "connector new".to_owned(),
        public: way.is_none(),
        ways: way.into_iter().collect(),
        operations: observed
            .operations
            .into_iter()
            .map(|(operation, _)| operation)
            .collect(),
        ..place
    }
}
