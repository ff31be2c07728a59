//! What reading a request takes and gives: its head and body in, its actions out, or why it cannot be read.

use http::{HeaderMap, HeaderName};

use crate::connector::model::options::Terms;
use crate::connector::read::dialect::Dialect;
use crate::model::action::Action;
use crate::model::target::Target;

/// What a candidate needs of the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyNeed {
    /// No candidate reads it: it is streamed.
    Nothing,
    /// It is read whole, as this encoding, up to `limit` bytes after decoding.
    Read {
        /// How it is parsed; what `Content-Type` is set to.
        dialect: Dialect,
        /// Bytes; `None` for the gateway's default.
        limit: Option<usize>,
    },
}

/// What a request says, as far as it has been read.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a> {
    /// Method, host, path, query.
    pub target: &'a Target,
    /// After hop-by-hop and nominated headers were removed.
    pub headers: &'a HeaderMap,
    /// Decoded bytes; `None` where it was not read. Empty means that there was none.
    pub body: Option<&'a [u8]>,
}

/// A request that is understood.
#[derive(Debug, Clone)]
pub struct RequestActions {
    /// What it does: at least one, parts in their order.
    pub actions: Vec<Action>,
    /// What holds for the whole exchange.
    pub terms: Terms,
    /// Headers that nothing declares or reads: dropped where every action is low.
    pub unlisted: Vec<HeaderName>,
    /// Bytes that were copied to understand it, beside the body.
    pub copied: usize,
}

/// What keeps a request from being understood. A closed list: each is a refusal of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UnreadableCode {
    /// A parameter is there twice, or in two spellings.
    AmbiguousParameter,
    /// A header that switches identity or tenant and that the connector does not list.
    IdentityHeader,
    /// A header or parameter that overrides method or URL.
    MethodOverride,
    /// The path is a route's but for its spelling.
    NearRoute,
    /// A path that servers read in different ways.
    NotCanonical,
    /// A parameter is not of the type that the connector states.
    ParameterForm,
    /// More actions than one request may hold.
    TooManyActions,
    /// A header that nothing declares or reads.
    UndeclaredHeader,
    /// The body is malformed, or can be read in two ways.
    UnreadableBody,
}

impl UnreadableCode {
    /// Returns the stable name, `snake_case`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AmbiguousParameter => "ambiguous_parameter",
            Self::IdentityHeader => "identity_header",
            Self::MethodOverride => "method_override",
            Self::NearRoute => "near_route",
            Self::NotCanonical => "not_canonical",
            Self::ParameterForm => "parameter_form",
            Self::TooManyActions => "too_many_actions",
            Self::UndeclaredHeader => "undeclared_header",
            Self::UnreadableBody => "unreadable_body",
        }
    }
}

/// Why a request cannot be understood; becomes a 400 or 415 with this code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Unreadable {
    /// The reason.
    pub code: UnreadableCode,
    /// One sentence for the agent; values escaped, never a policy's text.
    pub detail: String,
}
