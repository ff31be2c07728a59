//! Defines the closed sets of label values: stages of a request, kinds of upstream errors.

/// A stage of a request's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Finding the agent and checking its limits.
    Admit,
    /// Finding target and candidate routes.
    Classify,
    /// Reading the body into actions.
    Collect,
    /// Deciding on the actions.
    Decide,
    /// A person is asked.
    Escalate,
    /// The upstream is contacted.
    Forward,
    /// The credential is put on.
    Inject,
    /// The credential is taken out of the answer.
    Mask,
    /// It is written down.
    Record,
}

/// Reasons why an upstream did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UpstreamError {
    /// Its name does not resolve, or to nothing that may be contacted.
    Resolve,
    /// The connection could not be opened.
    Connect,
    /// The operator's own proxy on the way.
    Proxy,
    /// Its certificate, or the handshake.
    Tls,
    /// No byte in time.
    Timeout,
    /// The connection ended too early.
    Closed,
    /// The upstream's answer is not HTTP.
    Protocol,
    /// It refused the request before it processed it (RFC 9113 section 8.7).
    Unprocessed,
}

impl Stage {
    /// Every stage, in order; a stage's place here is its discriminant.
    pub const ALL: [Self; 9] = [
        Self::Admit,
        Self::Classify,
        Self::Collect,
        Self::Decide,
        Self::Escalate,
        Self::Forward,
        Self::Inject,
        Self::Mask,
        Self::Record,
    ];

    /// Returns the value of the `stage` label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admit => "admit",
            Self::Classify => "classify",
            Self::Collect => "collect",
            Self::Decide => "decide",
            Self::Escalate => "escalate",
            Self::Forward => "forward",
            Self::Inject => "inject",
            Self::Mask => "mask",
            Self::Record => "record",
        }
    }
}

impl UpstreamError {
    /// Returns the value of the `kind` label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Proxy => "proxy",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Closed => "closed",
            Self::Protocol => "protocol",
            Self::Unprocessed => "unprocessed",
        }
    }
}
