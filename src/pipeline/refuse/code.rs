//! Lists every reason to refuse: its name, its status, its sentence, and the decision that it stands for.
//!
//! INVARIANT: a reason is a variant. No name is made of a text, so that each that an agent can read is listed here.

use http::StatusCode;

use crate::connector::UnreadableCode;

/// Every way to say no. A new one does not compile before it has a name, a status and a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// No token, or an unknown one.
    ProxyAuthenticationRequired,
    /// CONNECT, SNI and Host do not agree (RFC 9110 section 15.5.20).
    NamesDisagree,
    /// Not HTTP, or HTTP that is read in two ways.
    BadRequest,
    /// A path, query or header that servers read in different ways.
    NotCanonical,
    /// A header or parameter that overrides method or URL.
    MethodOverride,
    /// A header that switches identity or tenant and that the connector does not list.
    IdentityHeader,
    /// A header that nothing declares or reads, on a request that must not lose it.
    UndeclaredHeader,
    /// The request went through this gateway before.
    LoopDetected,
    /// The connector cannot read the request.
    Unreadable(UnreadableCode),
    /// A coding or charset that is not read.
    UnsupportedMedia,
    /// Over the body limit.
    BodyTooLarge,
    /// The agent sent nothing for too long.
    BodyTooSlow,
    /// One request, too many actions.
    TooManyActions,
    /// No connector covers this host and path.
    NoConnector,
    /// No route opens a WebSocket there.
    NoWebSocket,
    /// Plaintext to a host whose connector does not allow it.
    Plaintext,
    /// An operator holds everything, the agent or the connector back; above every policy.
    Killed,
    /// Policy says no, or nothing says yes.
    Denied,
    /// No permission opens the connector for the agent.
    NoPermission,
    /// A path that is a route's but for case, a trailing slash or `.json`: many servers do not tell the two apart.
    NearRoute,
    /// Policy requires an approval where no operator can be asked: an open stream, a tunnel that is passed through, `explain`.
    ApprovalRequired,
    /// An operator has said no.
    ApprovalRefused,
    /// Nobody has answered while the request waited.
    ApprovalTimeout,
    /// The agent left while its request waited.
    AgentLeft,
    /// No credential is bound to where this goes.
    NoCredential,
    /// The request carries a credential where the gateway's own belongs.
    ClientCredential,
    /// The agent's placeholder stands where its credential does not go.
    PlaceholderLeak,
    /// The scheme requires the agent's placeholder, and the request has none.
    PlaceholderRequired,
    /// Credentials of this connector are bound to other instances.
    InstanceUnknown,
    /// Several credentials fit and nothing chooses.
    AmbiguousCredential,
    /// The answer would hold a credential in a place that no route names, so it could not be kept from the agent.
    ResponseSecret,
    /// The answer may hold a credential, and cannot be searched for it.
    Unmaskable,
    /// The answer holds a credential of its host, and the connector blocks such answers (`on_reflect: block`).
    CredentialReflected,
    /// The credential cannot be used.
    CredentialUnhealthy,
    /// The host is, or resolves to, an address that agents may not reach.
    ForbiddenAddress,
    /// The host does not resolve.
    Unresolvable,
    /// The upstream could not be reached; nothing was sent.
    UpstreamUnreachable,
    /// The upstream broke off after something was sent, before it answered.
    UpstreamClosed,
    /// Something was sent, and what the upstream answered cannot be read in one way only.
    UpstreamMalformed,
    /// The upstream asks for a login as only proxies may; agents would take it for the gateway's (RFC 9110 section 15.5.8).
    UpstreamProxyAuthentication,
    /// The upstream was too slow.
    UpstreamTimeout,
    /// A limit is reached.
    Busy,
    /// The gateway is shutting down.
    Draining,
    /// The record cannot be written, so nothing may leave.
    JournalUnavailable,
    /// Something of ours failed.
    Internal,
}

impl Code {
    /// Returns the stable name, `snake_case`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ProxyAuthenticationRequired => "proxy_authentication_required",
            Self::NamesDisagree => "names_disagree",
            Self::BadRequest => "bad_request",
            Self::NotCanonical => UnreadableCode::NotCanonical.as_str(),
            Self::MethodOverride => UnreadableCode::MethodOverride.as_str(),
            Self::IdentityHeader => UnreadableCode::IdentityHeader.as_str(),
            Self::UndeclaredHeader => UnreadableCode::UndeclaredHeader.as_str(),
            Self::LoopDetected => "loop_detected",
            Self::Unreadable(code) => code.as_str(),
            Self::UnsupportedMedia => UnreadableCode::UnsupportedMedia.as_str(),
            Self::BodyTooLarge => "body_too_large",
            Self::BodyTooSlow => "body_too_slow",
            Self::TooManyActions => UnreadableCode::TooManyActions.as_str(),
            Self::NoConnector => "no_connector",
            Self::NoWebSocket => "no_websocket",
            Self::Plaintext => "plaintext",
            Self::Killed => "killed",
            Self::Denied => "denied",
            Self::NoPermission => "no_permission",
            Self::NearRoute => UnreadableCode::NearRoute.as_str(),
            Self::ApprovalRequired => "approval_required",
            Self::ApprovalRefused => "approval_refused",
            Self::ApprovalTimeout => "approval_timeout",
            Self::AgentLeft => "agent_left",
            Self::NoCredential => "no_credential",
            Self::ClientCredential => "client_credential",
            Self::PlaceholderLeak => "placeholder_leak",
            Self::PlaceholderRequired => "placeholder_required",
            Self::InstanceUnknown => "instance_unknown",
            Self::AmbiguousCredential => "ambiguous_credential",
            Self::ResponseSecret => "response_secret",
            Self::Unmaskable => "unmaskable",
            Self::CredentialReflected => "credential_reflected",
            Self::CredentialUnhealthy => "credential_unhealthy",
            Self::ForbiddenAddress => "forbidden_address",
            Self::Unresolvable => "unresolvable",
            Self::UpstreamUnreachable => "upstream_unreachable",
            Self::UpstreamClosed => "upstream_closed",
            Self::UpstreamMalformed => "upstream_malformed",
            Self::UpstreamProxyAuthentication => "upstream_proxy_authentication",
            Self::UpstreamTimeout => "upstream_timeout",
            Self::Busy => "busy",
            Self::Draining => "draining",
            Self::JournalUnavailable => "journal_unavailable",
            Self::Internal => "internal",
        }
    }

    /// Returns the status it is answered with. Never 408, 425 or 5xx for a decision: SDKs retry those.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::ProxyAuthenticationRequired => StatusCode::PROXY_AUTHENTICATION_REQUIRED,
            Self::NamesDisagree => StatusCode::MISDIRECTED_REQUEST,
            Self::BadRequest
            | Self::NotCanonical
            | Self::NearRoute
            | Self::MethodOverride
            | Self::IdentityHeader
            | Self::UndeclaredHeader
            | Self::LoopDetected
            | Self::Unreadable(_)
            | Self::BodyTooSlow
            | Self::TooManyActions => StatusCode::BAD_REQUEST,
            Self::UnsupportedMedia => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NoConnector
            | Self::NoWebSocket
            | Self::Plaintext
            | Self::Killed
            | Self::Denied
            | Self::NoPermission
            | Self::ApprovalRequired
            | Self::ApprovalRefused
            | Self::ApprovalTimeout
            | Self::AgentLeft
            | Self::NoCredential
            | Self::ClientCredential
            | Self::PlaceholderLeak
            | Self::PlaceholderRequired
            | Self::InstanceUnknown
            | Self::AmbiguousCredential
            | Self::ResponseSecret
            | Self::CredentialUnhealthy
            | Self::ForbiddenAddress => StatusCode::FORBIDDEN,
            Self::Busy => StatusCode::TOO_MANY_REQUESTS,
            Self::Unresolvable
            | Self::UpstreamUnreachable
            | Self::UpstreamClosed
            | Self::UpstreamMalformed
            | Self::UpstreamProxyAuthentication
            | Self::Unmaskable
            | Self::CredentialReflected => StatusCode::BAD_GATEWAY,
            Self::UpstreamTimeout => StatusCode::GATEWAY_TIMEOUT,
            Self::Draining | Self::JournalUnavailable | Self::Internal => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }

    /// Returns the decision that this refusal stands for.
    #[must_use]
    pub fn decision(self) -> &'static str {
        let asked = matches!(
            self,
            Self::ApprovalRequired | Self::ApprovalTimeout | Self::AgentLeft
        );
        if asked { "require_approval" } else { "deny" }
    }
}

impl From<UnreadableCode> for Code {
    /// What the connector finds and what a stage finds by itself is one reason.
    fn from(code: UnreadableCode) -> Self {
        match code {
            UnreadableCode::IdentityHeader => Self::IdentityHeader,
            UnreadableCode::MethodOverride => Self::MethodOverride,
            UnreadableCode::NearRoute => Self::NearRoute,
            UnreadableCode::NotCanonical => Self::NotCanonical,
            UnreadableCode::TooManyActions => Self::TooManyActions,
            UnreadableCode::UndeclaredHeader => Self::UndeclaredHeader,
            UnreadableCode::UnsupportedMedia => Self::UnsupportedMedia,
            UnreadableCode::AmbiguousParameter
            | UnreadableCode::ParameterForm
            | UnreadableCode::UnreadableBody => Self::Unreadable(code),
        }
    }
}
