//! Writes refusals and other answers of the gateway to the agent's connection.

use std::borrow::Cow;
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};
use pingora::Result;
use pingora::http::ResponseHeader;
use pingora::protocols::http::date::get_cached_date;
use pingora::proxy::Session;
use tokio::time::timeout;

use crate::pipeline::refuse::{Code, RefusedExchange};

/// How long an unread body is read away so that the agent gets to the answer: HTTP/2 clients drop an early one.
pub(super) const DRAIN: Duration = Duration::from_secs(2);

/// The same for requests that an operator has halted.
const HALTED_DRAIN: Duration = Duration::from_millis(50);

/// Header on every answer of the gateway.
pub(super) const REQUEST_ID: &str = "tollgate-request-id";

/// Longest detail that stands in a status line, in bytes.
const PHRASE: usize = 256;

/// An answer that the gateway writes itself.
pub(super) struct GatewayResponse {
    pub(super) status: StatusCode,
    /// Reason phrase of HTTP/1.1; empty: the status's own.
    pub(super) phrase: Cow<'static, str>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// How long to read what is left of the request's body, so that the agent gets to the answer.
    pub(super) drain_time: Duration,
    /// How the connection continues.
    pub(super) after: After,
}

/// How a connection continues after an answer outside Pingora.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    Stay,
    Close,
}

impl GatewayResponse {
    /// Returns the answer for a refusal.
    pub(super) fn refusal(refusal: &RefusedExchange) -> Self {
        let (status, mut headers, body) = refusal.answer();
        set_request_id(&mut headers, &refusal.request_id);
        Self {
            status,
            phrase: phrase(status, &refusal.refusal.detail),
            headers,
            body,
            // An agent that was silent for too long will not hurry now.
            drain_time: match refusal.code() {
                Code::BodyTooSlow => Duration::ZERO,
                // A halted request ends at once, its upstream connection too.
                Code::Killed => HALTED_DRAIN,
                _ => DRAIN,
            },
            // RFC 9112 section 6.3: where such a request ends, and the next one begins, is unknown.
            after: if refusal.code() == Code::BadRequest {
                After::Close
            } else {
                After::Stay
            },
        }
    }

    /// Writes the answer to a CONNECT.
    pub(super) fn to_bytes(&self, after: After) -> Bytes {
        self.to_answer(after, false)
    }

    /// Writes the answer in HTTP/1.1; to HEAD without its body.
    pub(super) fn to_answer(&self, after: After, is_head: bool) -> Bytes {
        let mut out = BytesMut::with_capacity(512 + self.body.len());
        let own = || self.status.canonical_reason().unwrap_or("");
        let phrase = Some(&*self.phrase).filter(|phrase| !phrase.is_empty());
        let phrase = phrase.unwrap_or_else(own);
        out.put_slice(format!("HTTP/1.1 {} {phrase}\r\n", self.status.as_u16()).as_bytes());
        for (name, value) in self
            .headers
            .iter()
            .filter(|(name, _)| *name != CONTENT_LENGTH && *name != CONNECTION)
        {
            out.put_slice(name.as_str().as_bytes());
            out.put_slice(b": ");
            out.put_slice(value.as_bytes());
            out.put_slice(b"\r\n");
        }
        out.put_slice(b"date: ");
        out.put_slice(get_cached_date().as_bytes());
        out.put_slice(format!("\r\ncontent-length: {}\r\n", self.body.len()).as_bytes());
        if after == After::Close {
            out.put_slice(b"connection: close\r\n");
        }
        out.put_slice(b"\r\n");
        if !is_head {
            out.put_slice(&self.body);
        }
        out.freeze()
    }

    /// Writes the answer to a session whose request may not have been read whole.
    ///
    /// # Errors
    /// When the agent is gone.
    pub(super) async fn write(self, session: &mut Session) -> Result<()> {
        read_away(session, self.drain_time).await;
        if self.after == After::Close {
            session.set_keepalive(None);
        }
        let mut head = ResponseHeader::build(self.status, Some(self.headers.len() + 1))?;
        if !self.phrase.is_empty() {
            head.set_reason_phrase(Some(&self.phrase))?;
        }
        for (name, value) in self
            .headers
            .iter()
            .filter(|(name, _)| *name != CONTENT_LENGTH)
        {
            head.append_header(name.clone(), value.clone())?;
        }
        head.insert_header(CONTENT_LENGTH, self.body.len().to_string())?;
        let body = if session.req_header().method == Method::HEAD {
            Bytes::new()
        } else {
            self.body
        };
        session.write_response_header(Box::new(head), false).await?;
        session.write_response_body(Some(body), true).await
    }
}

/// Returns what the status line of a decision says: pip, apt, wget and Maven print it, and no body.
#[expect(clippy::ptr_arg, reason = "a text that is static is not copied")]
fn phrase(status: StatusCode, detail: &Cow<'static, str>) -> Cow<'static, str> {
    let is_phrase = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
    let fits = detail.len() <= PHRASE && detail.bytes().all(is_phrase);
    if status == StatusCode::FORBIDDEN && fits {
        detail.clone()
    } else {
        Cow::Borrowed("")
    }
}

/// Answers a permitted request that has failed; returns the status.
pub(super) async fn give_up(session: &mut Session, refusal: &RefusedExchange) -> u16 {
    let answer = GatewayResponse::refusal(refusal);
    let status = answer.status.as_u16();
    // Pingora closes the connection after an error whatever is said here, so the agent is told.
    session.set_keepalive(None);
    if let Err(error) = answer.write(session).await {
        tracing::debug!(
            request.id = %refusal.request_id,
            error.kind = error.etype().as_str(),
            "agent left before its refusal"
        );
    }
    status
}

/// Ends the agent's connection within an answer that has begun, so that the agent reads what there is of it and sees that the
/// rest is missing. Dropped, a connection loses what was not flushed; a stream of HTTP/2 is reset by that.
pub(super) async fn cut(session: &mut Session) {
    let delimited = session.req_header().version == Version::HTTP_11
        || session
            .response_written()
            .is_some_and(|head| head.headers.contains_key(CONTENT_LENGTH));
    // Where the close is the end, a proper one would make the answer whole.
    let is_http1 = session.as_downstream().as_http1().is_some();
    if is_http1 && delimited && !session.was_upgraded() {
        // An agent that does not read gets no more.
        let _ = timeout(DRAIN, session.as_downstream_mut().shutdown()).await;
    }
}

/// Sets the header `Tollgate-Request-Id`.
pub(super) fn set_request_id(headers: &mut HeaderMap, request_id: &str) {
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, value);
    }
}

/// Reads the rest of a body for a while; if more is unread then, the connection is closed.
async fn read_away(session: &mut Session, drain_time: Duration) {
    if session.is_body_done() {
        return;
    }
    // An agent that waits for a 100 sends nothing until then; reading would only wait.
    let waits = session.req_header().headers.contains_key(EXPECT) && session.body_bytes_read() == 0;
    if !waits && !drain_time.is_zero() {
        session.set_total_drain_timeout(Some(drain_time));
        // A failure shows below as a body that is not done.
        let _ = session.drain_request_body().await;
    }
    if !session.is_body_done() {
        session.set_keepalive(None);
    }
}
