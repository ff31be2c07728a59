//! Says why an answer does not pass.

use crate::pipeline::refuse::{Code, Refusal};

/// Refuses an answer that may hold a credential; the reason is a clause. The detail says that the request was sent, since it may have
/// taken effect.
pub(super) fn unmaskable(reason: &str) -> Refusal {
    let detail =
        format!("The upstream has answered, but the answer may hold a credential: {reason}.");
    Refusal::because(Code::Unmaskable, detail)
}
