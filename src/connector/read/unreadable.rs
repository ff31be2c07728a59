//! Lists why a request cannot be read, and the codes of that which several readers use.

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
    /// The body is in a charset that is not read.
    UnsupportedMedia,
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
            Self::UnsupportedMedia => "unsupported_media",
        }
    }
}

/// Why a request cannot be understood; becomes a 400 or 415 with this code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Unreadable {
    /// The reason, from a closed list.
    pub code: UnreadableCode,
    /// One sentence for the agent; values escaped, never a policy's text.
    pub detail: String,
}

/// Code of a body that is not what the route needs it to be.
pub(crate) const UNREADABLE_BODY: UnreadableCode = UnreadableCode::UnreadableBody;

/// Code of a name that can be read in two ways.
pub(crate) const AMBIGUOUS: UnreadableCode = UnreadableCode::AmbiguousParameter;

/// Code of a value that is not written as the connector says.
pub(crate) const FORM: UnreadableCode = UnreadableCode::ParameterForm;

/// Makes the refusal of a name that can be read in two ways.
pub(crate) fn ambiguous(detail: String) -> Unreadable {
    Unreadable {
        code: AMBIGUOUS,
        detail,
    }
}

/// Makes the refusal of a value that is not written as the connector says.
pub(crate) fn form(detail: String) -> Unreadable {
    Unreadable { code: FORM, detail }
}

/// Makes the refusal of a request that is too many actions.
pub(crate) fn too_many() -> Unreadable {
    Unreadable {
        code: UnreadableCode::TooManyActions,
        detail: "the request holds too many actions at once".to_owned(),
    }
}

/// Code of another method or URL than the one that is judged.
pub(crate) const METHOD_OVERRIDE: UnreadableCode = UnreadableCode::MethodOverride;
