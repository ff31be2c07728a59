//! Sums up refusals that an agent repeats, in one record for each agent and second.

use std::time::Instant;

use crate::pipeline::Gateway;

/// Returns whether a refusal of an agent is recorded by itself.
pub(super) fn is_recorded(
    gateway: &Gateway,
    agent: &str,
    code: &'static str,
    request_id: &str,
) -> bool {
    let refusals = &gateway.dependencies.refusals;
    refusals.admit(agent, code, request_id, Instant::now())
}

/// Writes down what agents were refused too often. To be called every second, and at the end.
pub async fn summarize_refusals(gateway: &Gateway) {
    for summary in gateway.dependencies.refusals.take() {
        if let Err(error) = gateway.dependencies.journal.append(&summary).await {
            tracing::error!(%error, "a summary of refusals was not recorded");
        }
    }
}
