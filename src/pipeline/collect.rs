//! Reads a classified request as actions. The body is read only if a candidate route reads it.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};

use super::classify::Classified;
use super::decision_input::{DecisionInput, RequestPayload};
use super::decode;
use super::headers;
use super::refuse::{Code, Refusal};
use super::{BodyFault, BodyReader};
use crate::connector::{BodyNeed, Catalog, Connector, Dialect, Memory, Reading, RequestActions};

/// A request that is understood by the connectors of one moment.
#[derive(Debug)]
pub struct Collected {
    /// What is decided on.
    pub input: DecisionInput,
    /// What is only sent.
    pub payload: RequestPayload,
    /// The one that understood it.
    pub connector: Arc<Connector>,
}

/// A body that was read because a route reads it, and how; both are `None` where it is streamed.
pub type ReadBody = (Option<Bytes>, Option<Dialect>);

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
    let BodyNeed::Read { dialect, limit } = need? else {
        return Ok(None);
    };
    Ok(Some((dialect, limit.unwrap_or(bounds.body))))
}

/// Returns how many bytes of memory reading a body can take: what comes, and what is decoded from it.
pub(super) fn room(classified: &Classified, limit: usize) -> usize {
    let raw = classified.declared_length.unwrap_or(limit).min(limit);
    if classified.headers.contains_key(CONTENT_ENCODING) {
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
) -> Result<ReadBody, Refusal> {
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

/// Names the actions of a request whose body, if it is read at all, is at hand.
///
/// What it takes of memory beside the body is asked of `memory`, before it is allocated.
///
/// # Errors
/// 400 with the connector's code.
pub fn understand(
    catalog: &Catalog,
    classified: &mut Classified,
    body: Option<&Bytes>,
    bounds: Bounds,
    memory: &mut dyn Memory,
) -> Result<RequestActions, Refusal> {
    classified.candidates.limit_nodes(bounds.json_nodes);
    classified.candidates.limit_operations(bounds.actions);
    let reading = Reading {
        target: &classified.target,
        headers: &classified.headers,
        body: body.map(Bytes::as_ref),
        catalog,
    };
    let understood = classified.candidates.understand_within(&reading, memory);
    let named = understood?;
    if named.actions.len() > bounds.actions {
        return Err(Code::TooManyActions.into());
    }
    Ok(named)
}

impl Collected {
    /// Parts what is decided on from what is only sent: without the headers that nothing declares, and with the `Content-Type` by
    /// which the body was read.
    ///
    /// # Errors
    /// `undeclared_header` above low.
    pub fn new(
        classified: Classified,
        (body, dialect): ReadBody,
        named: RequestActions,
    ) -> Result<Self, Refusal> {
        let Classified {
            target,
            mut headers,
            place,
            candidates: _,
            protocol,
            mut dropped,
            stripped: _,
            declared_length,
        } = classified;
        let RequestActions {
            actions,
            options,
            unlisted,
            ..
        } = named;
        for name in unlisted {
            headers.remove(&name);
            dropped.push(name);
        }
        headers::check_dropped(&dropped, &place.connector, &actions)?;
        if let (Some(bytes), Some(dialect)) = (&body, &dialect) {
            headers.remove(CONTENT_ENCODING);
            if bytes.is_empty() {
                headers.remove(CONTENT_TYPE);
            } else {
                headers.insert(CONTENT_TYPE, dialect.content_type().clone());
            }
        }
        let passes = options.passes;
        Ok(Self {
            input: DecisionInput {
                target,
                content_type: headers.get(CONTENT_TYPE).cloned(),
                body_bytes: body.as_ref().map(Bytes::len),
                actions,
                options,
                presented: None,
            },
            payload: RequestPayload {
                headers,
                protocol,
                passes,
                body,
                dropped,
                declared_length,
            },
            connector: place.connector,
        })
    }
}

pub(super) fn fault(fault: &BodyFault) -> Refusal {
    match fault {
        BodyFault::TooLarge(limit) => Refusal::because(
            Code::BodyTooLarge,
            format!("The body is over {limit} bytes, the most that is judged."),
        ),
        BodyFault::TooSlow => Refusal::from(Code::BodyTooSlow),
        BodyFault::Broken(_) => {
            Refusal::because(Code::BadRequest, "The body ended early or is malformed.")
        }
    }
}
