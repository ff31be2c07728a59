//! Describes a placement, the text that a credential is bound to, for an operator.

use serde_json::Value as Json;

use crate::model::credential::{AGENT_OWNED, MINTING, NOWHERE};
use crate::model::show::escape;

/// Returns where a credential is put: `header authorization: Bearer {token}`.
#[must_use]
pub fn in_words(placement: &str) -> String {
    match placement {
        "" => return "not bound yet: `serve` does it".to_owned(),
        AGENT_OWNED => return "where the agent puts it".to_owned(),
        NOWHERE => return "nowhere".to_owned(),
        _ => {}
    }
    let json: Option<Json> = placement
        .strip_prefix(['1', MINTING])
        .and_then(|json| serde_json::from_str(json).ok());
    let put = json.as_ref().and_then(|json| json.get("put")?.as_object());
    let Some(put) = put else {
        return "in a form that this build does not know".to_owned();
    };
    let mut words: Vec<String> = put
        .iter()
        .map(|(place, template)| {
            let template = template.as_str().unwrap_or_default();
            match place.split_once(':') {
                Some(("basic", name)) => format!("header {name}: Basic {template}"),
                Some(("query", key)) => format!("query {key}={template}"),
                Some(("cookie", key)) => format!("cookie {key}={template}"),
                Some(("path", _)) => format!("path {template}"),
                Some((kind, name)) => format!("{kind} {name}: {template}"),
                None => place.clone(),
            }
        })
        .collect();
    let mint = json.as_ref().and_then(|json| json.get("mint")?.as_object());
    for (way, written) in mint.into_iter().flatten() {
        let urls = ["token_url", "authorize_url", "device_url", "url", "api"];
        let urls = urls.iter().filter_map(|name| written.get(name)?.as_str());
        let urls: Vec<&str> = urls.collect();
        words.push(if urls.is_empty() {
            format!("minted as {way}")
        } else {
            format!("minted as {way} at {}", urls.join(" and "))
        });
    }
    escape(&words.join(", ")).into_owned()
}
