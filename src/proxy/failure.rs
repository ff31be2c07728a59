//! Says why a permitted exchange failed, to its record and, unless the agent is gone, to the agent.

use pingora::{Error, ErrorSource, ErrorType};

use super::exchange::{Exchange, State};
use super::relay;
use super::tail::MALFORMED;
use crate::pipeline::record::Outcome;
use crate::pipeline::refuse::{Code, Refusal, RefusedExchange};
use crate::telemetry::metrics::UpstreamError;

/// What an agent may rely on (RFC 9113 section 8.7).
const UNPROCESSED: &str = "The upstream refused the request before it processed it, so it took no effect and may be sent again.";

/// Names of the errors of malformed bodies: Pingora's for chunks, and ours for HTTP/2.
const UNCLEAR: [&str; 3] = ["InvalidChunk", "InvalidTrailerEnd", MALFORMED];

/// Reasons why a permitted exchange failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure {
    /// The agent is gone, so there is no answer.
    AgentLeft,
    /// The agent owes its body.
    AgentSlow,
    /// The agent's body is framed in a way that cannot be read.
    AgentUnclear,
    /// Nothing passed for so long that the exchange was ended. Its outcome is known.
    Idle,
    /// The upstream failed; the code is for the agent.
    Upstream(UpstreamError, Code),
    /// The gateway itself has failed.
    Internal,
}

/// Whether the upstream may have read something of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    Maybe,
    Nothing,
}

/// Notes why an exchange failed; returns the refusal for the agent, unless the agent is gone.
pub(super) fn failed(exchange: &mut Exchange, error: &Error) -> Option<RefusedExchange> {
    if let Some(refusal) = exchange.refusal.take() {
        return Some(refusal);
    }
    if exchange.is_answered() {
        // An upstream that answers early closes while the agent still sends; the agent then leaves as it likes.
        return None;
    }
    let sent = match &exchange.state {
        State::Permitted(permitted) if permitted.is_sent => Sent::Maybe,
        _ => Sent::Nothing,
    };
    let unprocessed = sent == Sent::Nothing
        && matches!(error.etype(), ErrorType::H2Error | ErrorType::H2Downgrade)
        && matches!(&exchange.state, State::Permitted(permitted) if permitted.unread > 0);
    let failure = match classify(error, sent) {
        Failure::AgentLeft if exchange.is_unclear() => Failure::AgentUnclear,
        Failure::Upstream(..) if unprocessed => {
            Failure::Upstream(UpstreamError::Unprocessed, Code::UpstreamUnreachable)
        }
        failure => failure,
    };
    // The kind only: the rest of Pingora's text quotes bytes of both sides.
    tracing::warn!(
        request.id = exchange.request_id,
        error.kind = error.etype().as_str(),
        ?failure,
        "exchange failed"
    );
    let code = note_failure(exchange, failure)?;
    let mut refusal = match exchange.fault() {
        Some(fault) if code == Code::BadRequest => Refusal::from(fault),
        _ => Refusal::from(code),
    };
    if code == Code::UpstreamTimeout && sent == Sent::Maybe {
        refusal.detail += " The request was sent and may have taken effect.";
    }
    if unprocessed {
        refusal.detail = UNPROCESSED.into();
    }
    Some(exchange.refused(refusal))
}

/// Notes how an exchange has ended; returns the agent's code, or `None` if there is no answer.
fn note_failure(exchange: &mut Exchange, failure: Failure) -> Option<Code> {
    let refused = |code: Code| (Outcome::Refused(code.as_str()), code);
    let (outcome, code) = match failure {
        Failure::AgentLeft => {
            exchange.note_outcome(Outcome::AgentLeft);
            return None;
        }
        // The answer had begun, so there cannot be another.
        Failure::Idle => return None,
        Failure::AgentSlow => refused(Code::BodyTooSlow),
        Failure::AgentUnclear => refused(Code::BadRequest),
        Failure::Internal => refused(Code::Internal),
        Failure::Upstream(kind, code) => (Outcome::UpstreamFailed(kind), code),
    };
    exchange.note_outcome(outcome);
    Some(code)
}

/// Returns whether a connection is gone, and nothing else is wrong.
pub(super) fn is_end(error: &Error) -> bool {
    matches!(
        error.etype(),
        ErrorType::ConnectionClosed | ErrorType::ReadError | ErrorType::WriteError
    )
}

/// Sorts Pingora's error into the closed set of kinds. Once a request was sent, no answer may say that it was not.
fn classify(error: &Error, sent: Sent) -> Failure {
    match (sorted(error), sent) {
        (Failure::Upstream(kind, Code::UpstreamUnreachable), Sent::Maybe) => {
            let code = match kind {
                UpstreamError::Closed => Code::UpstreamClosed,
                UpstreamError::Protocol => Code::UpstreamMalformed,
                _ => Code::UpstreamUnreachable,
            };
            Failure::Upstream(kind, code)
        }
        (failure, _) => failure,
    }
}

fn sorted(error: &Error) -> Failure {
    match error.etype() {
        ErrorType::Custom(relay::BODY_STALLED) => return Failure::AgentSlow,
        ErrorType::Custom(relay::IDLE) => return Failure::Idle,
        ErrorType::Custom(name)
            if error.esource() == &ErrorSource::Downstream && UNCLEAR.contains(name) =>
        {
            return Failure::AgentUnclear;
        }
        ErrorType::Custom(relay::UPSTREAM_SILENT) => {
            return Failure::Upstream(UpstreamError::Timeout, Code::UpstreamTimeout);
        }
        _ => {}
    }
    match error.esource() {
        ErrorSource::Downstream => return Failure::AgentLeft,
        ErrorSource::Internal | ErrorSource::Unset => return Failure::Internal,
        ErrorSource::Upstream => {}
    }
    match error.etype() {
        ErrorType::ConnectTimedout
        | ErrorType::TLSHandshakeTimedout
        | ErrorType::ReadTimedout
        | ErrorType::WriteTimedout => {
            Failure::Upstream(UpstreamError::Timeout, Code::UpstreamTimeout)
        }
        ErrorType::ConnectProxyFailure => {
            Failure::Upstream(UpstreamError::Proxy, Code::UpstreamUnreachable)
        }
        ErrorType::ConnectRefused | ErrorType::ConnectNoRoute | ErrorType::ConnectError => {
            Failure::Upstream(UpstreamError::Connect, Code::UpstreamUnreachable)
        }
        ErrorType::TLSHandshakeFailure | ErrorType::InvalidCert | ErrorType::HandshakeError => {
            Failure::Upstream(UpstreamError::Tls, Code::UpstreamUnreachable)
        }
        ErrorType::ConnectionClosed | ErrorType::ReadError | ErrorType::WriteError => {
            Failure::Upstream(UpstreamError::Closed, Code::UpstreamUnreachable)
        }
        _ => Failure::Upstream(UpstreamError::Protocol, Code::UpstreamUnreachable),
    }
}
