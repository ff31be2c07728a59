//! Reads a classified request as actions. The body is read only if a candidate route reads it.

use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};

use super::classify::Classified;
use super::decode;
use super::headers;
use super::refuse::{Code, Refusal};
use super::{BodyFault, BodyReader};
use crate::connector::{BodyNeed, Dialect, Memory, Reading, Terms, Understood, Unreadable};
use crate::model::action::Action;
use crate::model::header_value;

/// A request that is understood.
#[derive(Debug)]
pub struct Collected {
    /// At least one, at most the limit.
    pub actions: Vec<Action>,
    /// What the routes say of the whole exchange.
    pub terms: Terms,
    /// The decoded body that was judged; `None` where nobody read it.
    pub body: Option<Bytes>,
    /// How it was read.
    pub dialect: Option<Dialect>,
}

/// What bounds the reading of one request.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Bytes of a body, on the wire and decoded, where the route does not say.
    pub body: usize,
    /// Actions of one request.
    pub actions: usize,
    /// Values of one JSON body.
    pub json_nodes: usize,
}

/// Returns how the body must be read and up to how many bytes, or `None` where it is streamed.
///
/// # Errors
/// `unsupported_media` where the headers already tell that it cannot be read.
pub fn wanted(
    classified: &Classified,
    bounds: Bounds,
) -> Result<Option<(Dialect, usize)>, Refusal> {
    let need = classified.candidates.body_need(&classified.headers);
    let BodyNeed::Read { dialect, limit } = need.map_err(unreadable)? else {
        return Ok(None);
    };
    check_charset(&classified.headers)?;
    Ok(Some((dialect, limit.unwrap_or(bounds.body))))
}

/// Returns how many bytes of memory reading a body can take: what comes, and what is decoded from it.
pub(super) fn room(headers: &HeaderMap, declared: Option<usize>, limit: usize) -> usize {
    let raw = declared.unwrap_or(limit).min(limit);
    if headers.contains_key(CONTENT_ENCODING) {
        raw.saturating_add(limit)
    } else {
        raw
    }
}

/// Reads the body, decoded, where a candidate reads it.
///
/// # Errors
/// 400, 413 and 415 as the contract says.
pub async fn read(
    classified: &Classified,
    body: &mut dyn BodyReader,
    wanted: Option<(Dialect, usize)>,
) -> Result<(Option<Bytes>, Option<Dialect>), Refusal> {
    Ok(match wanted {
        None => (None, None),
        Some((dialect, _)) if body.is_empty() => (Some(Bytes::new()), Some(dialect)),
        Some((dialect, limit)) => {
            let raw = body.read(limit).await.map_err(|cause| fault(&cause))?;
            let decoded = decode::decode(&classified.headers, raw, limit)?;
            (Some(decoded), Some(dialect))
        }
    })
}

/// Names the actions of a request whose body, if it is read at all, is at hand; sets `Content-Type` to what was judged.
///
/// What it takes of memory beside the body is asked of `memory`, before it is allocated.
///
/// # Errors
/// 400 with the connector's code.
pub fn understand(
    classified: &mut Classified,
    (body, dialect): (Option<Bytes>, Option<Dialect>),
    bounds: Bounds,
    memory: &mut dyn Memory,
) -> Result<Collected, Refusal> {
    classified.candidates.limit_nodes(bounds.json_nodes);
    classified.candidates.limit_parts(bounds.actions);
    let reading = Reading {
        target: &classified.target,
        headers: &classified.headers,
        body: body.as_deref(),
    };
    let Understood {
        actions,
        terms,
        unlisted,
        ..
    } = classified
        .candidates
        .understand_within(&reading, memory)
        .map_err(unreadable)?;
    if actions.len() > bounds.actions {
        return Err(Refusal::because(
            Code::TooManyActions,
            Code::TooManyActions.sentence(),
        ));
    }
    headers::drop_unlisted(classified, unlisted, &actions)?;
    if let (Some(bytes), Some(dialect)) = (&body, &dialect) {
        classified.headers.remove(CONTENT_ENCODING);
        if bytes.is_empty() {
            classified.headers.remove(CONTENT_TYPE);
        } else {
            let content_type = dialect.content_type().clone();
            classified.headers.insert(CONTENT_TYPE, content_type);
        }
    }
    Ok(Collected {
        actions,
        terms,
        body,
        dialect,
    })
}

fn unreadable(error: Unreadable) -> Refusal {
    Refusal::because(Code::Unreadable(error.code), error.detail)
}

pub(super) fn fault(fault: &BodyFault) -> Refusal {
    match fault {
        BodyFault::TooLarge(limit) => Refusal::because(
            Code::BodyTooLarge,
            format!("The body is over {limit} bytes, the most that is judged."),
        ),
        BodyFault::TooSlow => Refusal::because(Code::BodyTooSlow, Code::BodyTooSlow.sentence()),
        BodyFault::Broken(_) => {
            Refusal::because(Code::BadRequest, "The body ended early or is malformed.")
        }
    }
}

/// UTF-8 is the only charset whose bytes every reader takes for the same text.
fn check_charset(headers: &HeaderMap) -> Result<(), Refusal> {
    for value in headers.get_all(CONTENT_TYPE) {
        let text = value.to_str().unwrap_or("charset=?").to_ascii_lowercase();
        let charset = text
            .split(';')
            .skip(1)
            .filter_map(|parameter| header_value::trim(parameter).strip_prefix("charset="));
        for charset in charset {
            if !matches!(
                charset.trim_matches(['"', ' ']),
                "utf-8" | "utf8" | "us-ascii"
            ) {
                return Err(Refusal::because(
                    Code::UnsupportedMedia,
                    "Only UTF-8 bodies are read.",
                ));
            }
        }
    }
    Ok(())
}
