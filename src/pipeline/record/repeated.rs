//! Repeated refusals: what an agent is refused over and over; one record for each agent and second out.

use std::time::Instant;

use serde_json::{Map, Value as Json};

use super::shown::{bounded, summed};
use crate::pipeline::Gateway;

/// Longest parameter of a refused request that is recorded as it is, in bytes: nothing was done with it.
const MAX_REFUSED: usize = 256;

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
        let event = summary.change().event(&gateway.dependencies.clock);
        if let Err(error) = gateway.dependencies.journal.append(event).await {
            tracing::error!(%error, "a summary of refusals was not recorded");
        }
    }
}

/// Cuts the parameters of actions down, each to length and hash where it is long.
pub(super) fn shorten(body: &mut Map<String, Json>) {
    let actions = body.get_mut("actions").and_then(Json::as_array_mut);
    let params = actions.into_iter().flatten().filter_map(|action| {
        let params = action.get_mut("params")?;
        params.as_object_mut()
    });
    for value in params.flat_map(Map::values_mut) {
        let short = match value {
            Json::String(text) if text.len() > MAX_REFUSED => bounded(text, MAX_REFUSED),
            Json::Array(_) => {
                let sum = summed(value);
                if sum.bytes <= MAX_REFUSED {
                    continue;
                }
                sum.shown()
            }
            _ => continue,
        };
        *value = short;
    }
}
