//! Tells what became of a credential that was to be added.

use crate::admin::Problem;
use crate::cli::Context;
use crate::cli::api::refused;
use crate::cli::failure::Failure;

/// Tells that a credential is kept, and where it goes.
pub(super) fn tell_kept(
    context: &Context,
    (id, connector, scheme): (&str, &str, &str),
    agent_owned: bool,
    bound: &str,
) -> Result<(), Failure> {
    let kept = if agent_owned {
        "is the agent's own and stays on its requests, which go"
    } else {
        "is kept; it goes"
    };
    let line = format!("credential `{id}` ({connector}, {scheme}) {kept} {bound}");
    context.output.line(&line)
}

/// Returns a refusal as the API gives it to clients: what is not understood is wrong usage.
pub(super) fn told(problem: Problem) -> Failure {
    let document = serde_json::to_value(problem).unwrap_or_default();
    refused(http::StatusCode::CONFLICT, document).bad_is_usage()
}
