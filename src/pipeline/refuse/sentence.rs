//! Says each reason to refuse in one sentence, as the agent reads it.

use super::code::Code;

impl Code {
    /// Returns the sentence that is used where nothing says more.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "it is a list")]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::ProxyAuthenticationRequired => "Send an agent's token in Proxy-Authorization.",
            Self::NamesDisagree => "The names in CONNECT, TLS and Host are not the same.",
            Self::BadRequest => "The request is not HTTP that can be read in one way only.",
            Self::NotCanonical => "The request is spelled in a way that servers read differently.",
            Self::MethodOverride => "Overriding the method or the URL is not allowed.",
            Self::IdentityHeader => "A header that switches identity is not allowed here.",
            Self::UndeclaredHeader => "A header is not declared by the connector.",
            Self::LoopDetected => "The request has been through this gateway before.",
            Self::Unreadable(_) => "The request cannot be read in one way only.",
            Self::UnsupportedMedia => "The body's coding or charset is not supported.",
            Self::BodyTooLarge => "The body is too large to be judged.",
            Self::BodyTooSlow => "The body did not arrive in time.",
            Self::TooManyActions => "The request has too many actions.",
            Self::NoConnector => "No connector covers this address.",
            Self::NoWebSocket => "No route of the connector opens a WebSocket here.",
            Self::Plaintext => "This address is only reached over TLS.",
            Self::Killed => "An operator has halted these requests.",
            Self::Denied => "The action is not allowed.",
            Self::NoPermission => "No permission lets this agent use the API.",
            Self::NearRoute => {
                "The path differs from the API's only in spelling, which many servers ignore."
            }
            Self::ApprovalRequired => "The action needs a human's approval.",
            Self::ApprovalRefused => "An operator has refused this request.",
            Self::ApprovalTimeout => {
                "No operator has answered yet. Once it is approved, send the same request again."
            }
            Self::AgentLeft => "The agent left before an operator answered.",
            Self::NoCredential => "The gateway has no credential for this address.",
            Self::ClientCredential => "The request carries a credential of its own.",
            Self::PlaceholderLeak => {
                "The request carries a placeholder where its credential does not go."
            }
            Self::PlaceholderRequired => {
                "The request must carry the placeholder that `tollgate run` or `tollgate env` gives."
            }
            Self::InstanceUnknown => {
                "None of the gateway's credentials is for this address and this agent."
            }
            Self::AmbiguousCredential => "Several credentials fit and no permission chooses one.",
            Self::ResponseSecret => {
                "The answer would hold a credential where it cannot be replaced, and no permission lets the agent have it (`response_secrets: pass`)."
            }
            Self::Unmaskable => "The answer may hold a credential and cannot be searched for it.",
            Self::CredentialReflected => "The answer holds a credential of the gateway.",
            Self::CredentialUnhealthy => "The credential for this address cannot be used.",
            Self::ForbiddenAddress => "This address may not be reached.",
            Self::Unresolvable => "The host does not resolve.",
            Self::UpstreamUnreachable => "The upstream could not be reached.",
            Self::UpstreamClosed => {
                "The upstream closed the connection without an answer. The request was sent and may have taken effect."
            }
            Self::UpstreamMalformed => {
                "The upstream's answer cannot be read. The request was sent and may have taken effect."
            }
            Self::UpstreamProxyAuthentication => {
                "The upstream asks for a proxy login (407), which only the agent's own proxy may do."
            }
            Self::UpstreamTimeout => "The upstream did not answer in time.",
            Self::Busy => "A limit of the gateway is reached; try again in a moment.",
            Self::Draining => "The gateway is shutting down.",
            Self::JournalUnavailable => "The gateway cannot write its record, so nothing is sent.",
            Self::Internal => "The gateway could not handle the request.",
        }
    }
}
