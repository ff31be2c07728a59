//! Defines how bodies are read: the kinds, and the media types that a file lists under `body`.

use std::sync::Arc;

use crate::model::media_type::is_json;

/// How a body is parsed. THE list of body kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// JSON, RFC 8259, with any media type.
    Json,
    /// An urlencoded form, `application/x-www-form-urlencoded`.
    Form,
    /// A multipart form, `multipart/form-data`, RFC 7578.
    Multipart,
    /// Requests behind each other: `multipart/mixed` of `application/http`.
    Batch,
    /// What `git push` sends.
    Git,
}

/// One entry of `body:`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Format {
    pub(crate) kind: Kind,
    /// The media type that is sent, in lower case and without parameters.
    pub(crate) media: Arc<str>,
}

impl Kind {
    /// Returns the kinds in which a parameter's `form:` source is found.
    pub(crate) fn has_names(self) -> bool {
        match self {
            Self::Form | Self::Multipart => true,
            Self::Json | Self::Batch | Self::Git => false,
        }
    }

    fn media(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Form => "application/x-www-form-urlencoded",
            Self::Multipart => "multipart/form-data",
            Self::Batch => "multipart/mixed",
            Self::Git => "application/x-git-receive-pack-request",
        }
    }

    pub(crate) fn has_parts(self) -> bool {
        match self {
            Self::Multipart | Self::Batch => true,
            Self::Json | Self::Form | Self::Git => false,
        }
    }
}

/// A text that names no way to read bodies, escaped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a way to read bodies")]
pub(crate) struct FormatError(String);

impl Format {
    /// Returns the format of JSON, what is meant where a file says nothing.
    pub(crate) fn json() -> Self {
        Self::of(Kind::Json)
    }

    pub(crate) fn of(kind: Kind) -> Self {
        Self {
            kind,
            media: kind.media().into(),
        }
    }

    /// Reads `json`, `form`, `multipart`, or a media type that is read as JSON.
    pub(crate) fn parse(text: &str) -> Result<Self, FormatError> {
        let kind = match text {
            "json" => Kind::Json,
            "form" => Kind::Form,
            "multipart" => Kind::Multipart,
            media if is_json(media) => {
                return Ok(Self {
                    kind: Kind::Json,
                    media: media.into(),
                });
            }
            other => {
                return Err(FormatError(other.escape_debug().to_string()));
            }
        };
        Ok(Self::of(kind))
    }
}
