//! Says where a connector's health request goes with a credential, and reads its answer.

use http::HeaderMap;

use crate::connector::model::answer::AnswerPlace;
use crate::connector::model::connector::{Connector, Health};
use crate::connector::model::endpoint::Takes;
use crate::connector::read::answer::read_answer;
use crate::model::target::Authority;

/// Values of an answer that is read; who somebody is takes fewer.
const MAX_NODES: usize = 20_000;

impl Connector {
    /// Returns where the health request goes for a credential of this scheme that is bound to these authorities: the first domain of
    /// the connector that is one of them, and the whole path. `None` where there is no such place.
    #[must_use]
    pub fn health_target(&self, bound: &[Authority], scheme: &str) -> Option<(Authority, String)> {
        let health = self.health()?;
        let takes = |takes: &Takes| match takes {
            Takes::All => true,
            Takes::Only(ids) | Takes::Optional(ids) => ids.iter().any(|id| id == scheme),
        };
        self.endpoints.iter().find_map(|endpoint| {
            // A base path that captures something is another one for each account.
            let fixed = !endpoint.base_text.contains('{');
            let mut fitting = bound.iter().filter(|one| endpoint.accepts(one));
            let authority = fitting.next().filter(|_| fixed && takes(&endpoint.takes))?;
            let base = endpoint.base_text.trim_end_matches('/');
            Some((authority.clone(), format!("{base}{}", health.path)))
        })
    }
}

impl Health {
    /// Returns who an answer says that the credential belongs to, whole: it may hold the credential, so it must not be cut before it
    /// was searched.
    #[must_use]
    pub fn identity_of(&self, body: &[u8]) -> Option<String> {
        let place = AnswerPlace::Body(self.identity.as_deref()?.into());
        text_at(&place, body)
    }

    /// Returns when an answer says that the credential expires, as the API writes it.
    #[must_use]
    pub fn expiry_of(&self, headers: &HeaderMap, body: &[u8]) -> Option<String> {
        let place = self.expires.as_deref()?;
        match place.strip_prefix("header:") {
            Some(name) => {
                let value = headers.get(name)?.to_str().ok()?;
                Some(value.to_owned())
            }
            None => text_at(&AnswerPlace::Body(place.into()), body),
        }
    }
}

fn text_at(place: &AnswerPlace, body: &[u8]) -> Option<String> {
    let json = read_answer(body, MAX_NODES)?;
    let found = place.find(&json)?;
    match found.first()? {
        serde_json::Value::String(text) if !text.is_empty() => Some(text.clone()),
        serde_json::Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
