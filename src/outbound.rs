//! Sends the gateway's own requests: by HTTPS, under the rules of egress, to servers that prove their name.
//!
//! INVARIANT: a redirect is an answer like any other; nothing that was sent goes where an answer points.

mod exchange;
mod tls;
mod url;

use std::fmt;
use std::time::Duration;

use http::{HeaderMap, Method};
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::egress::{Egress, EgressError};

pub use tls::Roots;
pub use url::{HttpsUrl, HttpsUrlError};

/// How long a request may take, from the lookup of its name to the last byte of its answer.
const TIME: Duration = Duration::from_secs(30);

/// Sends requests of the gateway's own.
#[derive(Debug, Clone)]
pub struct Outbound {
    roots: Roots,
    time: Duration,
}

/// A request of the gateway's own. `Debug` shows where it goes, and nothing of what it carries.
pub struct OutboundRequest {
    /// Method of the request.
    pub method: Method,
    /// Server, path and query.
    pub url: HttpsUrl,
    /// Headers but for `Host`, `User-Agent` and `Content-Length`.
    pub headers: HeaderMap,
    /// The body; zeroised once it is sent.
    pub body: Zeroizing<Vec<u8>>,
}

/// What came back. `Debug` shows the status only.
pub struct OutboundAnswer {
    /// Status of the answer.
    pub status: u16,
    /// Headers of the answer.
    pub headers: HeaderMap,
    /// The body, whole; 256 KiB at most.
    pub body: Zeroizing<Vec<u8>>,
}

/// Reasons why there is no answer; none holds anything that was sent or received.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// The rules forbid it, or the name has no address.
    #[error(transparent)]
    Egress(#[from] EgressError),
    /// No address accepts a connection, or the server does not prove its name.
    #[error("`{host}` cannot be reached: {reason}")]
    Unreachable {
        /// Host and port of the server.
        host: String,
        /// What the system or TLS says.
        reason: String,
    },
    /// The connection broke, or what came is not HTTP.
    #[error("`{0}` does not answer in HTTP")]
    Broken(String),
    /// It took longer than it may.
    #[error("`{0}` does not answer in time")]
    Slow(String),
    /// The answer is longer than any such answer is.
    #[error("the answer of `{0}` is too long")]
    TooLong(String),
}

impl Outbound {
    /// Verifies servers by these roots.
    #[must_use]
    pub fn new(roots: Roots) -> Self {
        Self { roots, time: TIME }
    }

    /// Sets how long a request may take.
    #[must_use]
    pub fn within(self, time: Duration) -> Self {
        Self { time, ..self }
    }

    /// Sends a request once, and returns the answer, whatever its status.
    ///
    /// # Errors
    /// Why there is none. The server may have read the request nonetheless, unless it could not be reached.
    pub async fn send(
        &self,
        egress: &Egress,
        request: OutboundRequest,
    ) -> Result<OutboundAnswer, OutboundError> {
        let host = request.url.authority().to_string();
        let sent = timeout(self.time, exchange::send(&self.roots, egress, request));
        sent.await.unwrap_or(Err(OutboundError::Slow(host)))
    }
}

impl fmt::Debug for OutboundRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutboundRequest")
            .field("method", &self.method)
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for OutboundAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutboundAnswer")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}
