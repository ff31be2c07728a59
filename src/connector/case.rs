//! Inline tests of a connector file: what is written in, a request and what it must be read as out. `study` runs them.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::compile::Scope;
use super::manifest::{ExpectEntry, Manifest, RouteEntry, TestEntry};
use crate::config::diagnostic::Place;
use crate::config::yaml::{At, ShortOr};
use crate::model::action::{ActionName, Risk};

/// One inline test.
#[derive(Debug, Clone)]
pub struct Case {
    /// The action of the route that it stands at, full.
    pub route: String,
    /// As written.
    pub method: Method,
    /// As written, with scheme and host.
    pub url: String,
    /// As written.
    pub headers: HeaderMap,
    /// `None` where the request has no body.
    pub body: Option<serde_json::Value>,
    /// What must come out.
    pub expect: Expectation,
    /// Where it stands.
    pub place: Place,
}

/// What a request must be read as; `None` is not checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Expectation {
    /// Full names, in order; `None` only where a refusal is expected.
    pub actions: Option<Vec<String>>,
    /// Parameters of the first action that must be there with these values; others may be there too.
    pub params: BTreeMap<String, serde_json::Value>,
    /// Of the first action.
    pub risk: Option<Risk>,
    /// The code of the refusal.
    pub refused: Option<String>,
}

/// Reads the tests of all routes.
pub(super) fn compile(manifest: &Manifest, scope: &mut Scope<'_>) -> Vec<Case> {
    let tests = manifest
        .routes
        .iter()
        .flat_map(|route| route.tests.iter().map(move |test| (route, test)));
    tests
        .filter_map(|(route, test)| case(route, test, scope))
        .collect()
}

fn case(route: &RouteEntry, test: &At<TestEntry>, scope: &mut Scope<'_>) -> Option<Case> {
    let request = &test.value.request;
    let parsed = request
        .value
        .split_once(' ')
        .and_then(|(method, url)| Some((Method::from_bytes(method.as_bytes()).ok()?, url)));
    let parsed =
        parsed.filter(|(_, url)| url.starts_with("https://") || url.starts_with("http://"));
    let Some((method, url)) = parsed else {
        let message = format!("`{}` is not a request", request.value.escape_debug());
        scope.error(
            "test",
            message,
            request,
            "as in `POST https://acme.atlassian.net/rest/api/3/issue`",
        );
        return None;
    };
    let mut headers = HeaderMap::new();
    for (name, value) in &test.value.headers {
        let Some((name, value)) = name
            .parse::<HeaderName>()
            .ok()
            .zip(HeaderValue::from_str(value).ok())
        else {
            scope.error(
                "test",
                format!("`{}` is not a header with a value", name.escape_debug()),
                test,
                "as in `Accept: text/html`",
            );
            return None;
        };
        headers.append(name, value);
    }
    let expect = expectation(route, &test.value.expect, scope)?;
    let (url, body, place) = (
        url.to_owned(),
        test.value.body.clone(),
        request.place(scope.source, ""),
    );
    Some(Case {
        route: full(&route.action.value, &scope.id),
        method,
        url,
        headers,
        body,
        expect,
        place,
    })
}

fn expectation(
    route: &RouteEntry,
    written: &ExpectEntry,
    scope: &mut Scope<'_>,
) -> Option<Expectation> {
    let names = match (&written.action, &written.actions) {
        (Some(action), Some(_)) => {
            scope.error(
                "test",
                "the test expects both `action` and `actions`",
                action,
                "keep one of them",
            );
            return None;
        }
        (Some(action), None) => vec![action.value.clone()],
        (None, Some(actions)) => actions
            .value
            .iter()
            .map(|action| match action {
                ShortOr::Short(name) => name.clone(),
                ShortOr::Long(action) => action.action.clone(),
            })
            .collect(),
        (None, None) => vec![route.action.value.clone()],
    };
    let actions = names.iter().map(|name| full(name, &scope.id)).collect();
    let refused = written.refused.as_ref().map(|code| code.value.clone());
    Some(Expectation {
        actions: refused.is_none().then_some(actions),
        params: written.params.clone(),
        risk: written.risk.as_ref().map(|risk| risk.value),
        refused,
    })
}

/// Returns the name with the connector's id in front, whether it was written or not.
fn full(name: &str, id: &str) -> String {
    match ActionName::parse(name) {
        Ok(action) if action.connector() == id => name.to_owned(),
        Ok(_) | Err(_) => format!("{id}.{name}"),
    }
}
