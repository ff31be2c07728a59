//! Compiles the inline tests of a connector file. `simulate` runs them.

use std::collections::BTreeMap;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::config::diagnostic::Source;
use crate::config::yaml::{At, ShortOr};
use crate::connector::compile::Scope;
use crate::connector::compile::layers::File;
use crate::connector::manifest::entry::OneOrMany;
use crate::connector::manifest::route::RouteEntry;
use crate::connector::manifest::test::{ExpectEntry, TestEntry};
use crate::connector::model::test_case::{Case, Expectation, ExpectedAction};
use crate::model::action::ActionName;

/// Of the bodies that `multipart:` makes.
const MULTIPART: &str = "multipart/form-data; boundary=tollgate";

/// Reads the tests of all routes.
pub(crate) fn compile<'a>(
    tested: &[&'a File],
    entries: &[(&'a Source, &'a RouteEntry)],
    scope: &mut Scope<'a>,
) -> Vec<Case> {
    let mut cases = Vec::new();
    for (source, route) in entries {
        if !tested
            .iter()
            .any(|file| std::ptr::eq(&raw const file.source, *source))
        {
            continue;
        }
        scope.source = source;
        cases.extend(
            route
                .tests
                .iter()
                .filter_map(|test| case(route, test, scope)),
        );
    }
    cases
}

fn case(route: &RouteEntry, test: &At<TestEntry>, scope: &mut Scope<'_>) -> Option<Case> {
    let request = &test.value.request;
    let parsed = request
        .value
        .split_once(' ')
        .and_then(|(method, url)| Some((Method::from_bytes(method.as_bytes()).ok()?, url)));
    let schemes = ["https://", "http://", "wss://", "ws://"];
    let parsed = parsed.filter(|(_, url)| schemes.iter().any(|scheme| url.starts_with(scheme)));
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
            .zip(HeaderValue::from_bytes(value.as_bytes()).ok())
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
    let (url, place) = (url.to_owned(), request.place(scope.source, ""));
    let (body, content_type) = body(test, scope)?;
    if let (Some(content_type), false) = (content_type, headers.contains_key(CONTENT_TYPE)) {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
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

/// Returns the bytes of a body and the type that they have.
fn body(test: &At<TestEntry>, scope: &mut Scope<'_>) -> Option<(Vec<u8>, Option<&'static str>)> {
    let entry = &test.value;
    let mut found = Vec::new();
    if let Some(json) = &entry.body {
        found.push((json.to_string().into_bytes(), Some("application/json")));
    }
    if let Some(form) = &entry.form {
        found.push((urlencoded(form), Some("application/x-www-form-urlencoded")));
    }
    if let Some(form) = &entry.multipart {
        found.push((multipart(form), Some(MULTIPART)));
    }
    if let Some(text) = &entry.text {
        found.push((text.clone().into_bytes(), None));
    }
    if found.len() > 1 {
        scope.error(
            "test",
            "the test has several bodies",
            test,
            "keep one of `body`, `form`, `multipart` and `text`",
        );
        return None;
    }
    Some(found.pop().unwrap_or_default())
}

fn urlencoded(form: &BTreeMap<String, OneOrMany>) -> Vec<u8> {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pairs = form.iter().flat_map(|(name, values)| {
        values
            .0
            .iter()
            .map(move |value| format!("{}={}", encoded(name), encoded(value)))
    });
    pairs.collect::<Vec<_>>().join("&").into_bytes()
}

fn multipart(form: &BTreeMap<String, OneOrMany>) -> Vec<u8> {
    let parts = form.iter().flat_map(|(name, values)| {
        values.0.iter().map(move |value| {
            format!(
                "--tollgate\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            )
        })
    });
    let mut body = parts.collect::<String>();
    body.push_str("--tollgate--\r\n");
    body.into_bytes()
}

fn expectation(
    route: &RouteEntry,
    written: &ExpectEntry,
    scope: &mut Scope<'_>,
) -> Option<Expectation> {
    if let Some(code) = &written.refused {
        return Some(Expectation::Refused(code.value.clone()));
    }
    let only = |name: &str| ExpectedAction {
        name: full(name, &scope.id),
        params: BTreeMap::new(),
        risk: None,
    };
    let mut actions = match (&written.action, &written.actions) {
        (Some(action), Some(_)) => {
            scope.error(
                "test",
                "the test expects both `action` and `actions`",
                action,
                "keep one of them",
            );
            return None;
        }
        (Some(action), None) => vec![only(&action.value)],
        (None, Some(actions)) => actions
            .value
            .iter()
            .map(|action| match action {
                ShortOr::Short(name) => only(name),
                ShortOr::Long(map) => ExpectedAction {
                    params: map.params.clone(),
                    risk: map.risk,
                    ..only(&map.action)
                },
            })
            .collect(),
        (None, None) => vec![only(&route.action.value)],
    };
    if let Some(first) = actions.first_mut() {
        first.params.extend(written.params.clone());
        first.risk = written.risk.as_ref().map(|risk| risk.value).or(first.risk);
    }
    Some(Expectation::Actions(actions))
}

/// Returns the name with the connector's id in front, whether it was written or not.
fn full(name: &str, id: &str) -> String {
    match ActionName::parse(name) {
        Ok(action) if action.connector() == id => name.to_owned(),
        Ok(_) | Err(_) => format!("{id}.{name}"),
    }
}
