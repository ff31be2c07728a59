//! Says why an operator's answer is rejected.

use super::Approval;

/// Reasons why an operator's answer is rejected.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ResolveError {
    /// There is no such question, or not any more.
    #[error("there is no approval `{}`", .0.escape_debug())]
    NotFound(String),
    /// A list cannot show all of the request, and the operator has not opened it.
    #[error("a list cannot show it in full: {}", .0.request.partial.join(", "))]
    Unopened(Box<Approval>),
    /// The fingerprint is that of another request.
    #[error("the fingerprint is that of another request")]
    Another,
    /// Nothing says which requests are alike.
    #[error(
        "no parameters say which requests are alike, or one of them is too long: it is approved once only"
    )]
    Unnamed,
    /// It has been answered, or is over.
    #[error("it is no longer pending")]
    Over(Box<Approval>),
}
