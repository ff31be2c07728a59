//! Chooses the request that shows whether a credential works: harmless, without parameters, about the caller.

use super::DraftRoute;
use crate::import::api::{Api, FieldPlace};
use crate::model::action::Risk;

/// Last segments of paths that tell who asks, the best first.
const WHO: [&str; 10] = [
    "me",
    "@me",
    "myself",
    "whoami",
    "self",
    "user",
    "current_user",
    "currentuser",
    "account",
    "profile",
];
/// Texts of an answer that name who it is, the best first.
const NAMES: [&str; 9] = [
    "login",
    "username",
    "user_name",
    "handle",
    "email",
    "emailAddress",
    "display_name",
    "name",
    "id",
];

/// What stands under `health:`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Health {
    /// Method and path, as in `GET /user`.
    pub(crate) request: String,
    /// `JSONPath` in the answer.
    pub(crate) identity: Option<String>,
}

/// Looks for a harmless request about the caller.
pub(crate) fn of(api: &Api, routes: &[DraftRoute]) -> Option<Health> {
    let harmless = |path: &str| {
        let request = format!("GET {path}");
        routes.iter().any(|route| {
            route.matches == request
                && route.risk.is_none_or(|risk| risk == Risk::Low)
                && route.response_secrets.is_none()
        })
    };
    let candidates = api.operations.iter().filter(|operation| {
        let bare = !operation.path.contains(['{', '?']) && operation.elsewhere.is_none();
        let needs = operation.fields.iter().any(|field| {
            field.required && matches!(field.place, FieldPlace::Query | FieldPlace::Header)
        });
        operation.method == "GET" && bare && !needs && harmless(&operation.path)
    });
    let rank = |path: &str| {
        let last = path.rsplit('/').next().unwrap_or_default().to_lowercase();
        WHO.iter().position(|who| *who == last)
    };
    let (_, best) = candidates
        .filter_map(|operation| Some((rank(&operation.path)?, operation)))
        .min_by_key(|(rank, operation)| (*rank, operation.path.len()))?;
    let texts = &best.answer.texts;
    let identity = NAMES
        .iter()
        .find(|name| texts.iter().any(|text| text == *name));
    Some(Health {
        request: format!("GET {}", best.path),
        identity: identity.map(|name| format!("$.{name}")),
    })
}
