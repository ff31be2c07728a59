//! Writes the path of an operation as a `match`: names in the form of parameters, one a segment, none twice.

use std::collections::BTreeSet;

use crate::import::api::{Api, Operation, Server};
use crate::import::names::parameter;

/// A path with its names, as a route has it.
#[derive(Debug, Clone, Default)]
pub(crate) struct MatchTarget {
    method: String,
    host: String,
    /// With `{name}`; without the query.
    pub(crate) path: String,
    query: String,
    /// The description's names and the route's.
    pub(crate) names: Vec<(String, String)>,
    /// Names that host and base path capture.
    captured: BTreeSet<String>,
    /// Whether it ends in several segments.
    pub(crate) rest: bool,
    pub(crate) judge: Vec<String>,
}

impl MatchTarget {
    /// `captured` are names that hosts and base paths take.
    pub(crate) fn of(operation: &Operation, captured: &BTreeSet<String>) -> Self {
        let mut target = Self {
            method: operation.method.clone(),
            // What a label of the host holds is captured by the domain, and nothing may be captured twice.
            host: operation
                .elsewhere
                .as_ref()
                .map(|server| without_names(&server.host))
                .unwrap_or_default(),
            captured: captured.clone(),
            ..Self::default()
        };
        let path = operation.path.split('#').next().unwrap_or_default();
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        target.query = query
            .split('&')
            .filter(|pair| !pair.contains('{'))
            .collect::<Vec<_>>()
            .join("&");
        let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let last = segments.len().saturating_sub(1);
        for (at, text) in segments.iter().enumerate() {
            // An empty segment inside is one that servers drop.
            if text.is_empty() && at < last {
                continue;
            }
            target.path.push('/');
            let segment = target.segment(text, at == last);
            target.path.push_str(&segment);
        }
        target
    }

    fn segment(&mut self, text: &str, is_last: bool) -> String {
        let Some((prefix, rest)) = text.split_once('{') else {
            return literal(text);
        };
        let Some((inside, suffix)) = rest.rsplit_once('}') else {
            return literal(text);
        };
        let several = inside.contains(['{', '}']);
        let rest = inside
            .strip_prefix(['*', '+'])
            .or_else(|| inside.strip_suffix('+'));
        let name = self.free(&parameter(rest.unwrap_or(inside)));
        self.names
            .push((rest.unwrap_or(inside).to_owned(), name.clone()));
        if several {
            self.judge.push(format!(
                "`{name}` is several parameters of the description in one segment"
            ));
        }
        if rest.is_some() && is_last && prefix.is_empty() && suffix.is_empty() {
            self.rest = true;
            return format!("{{*{name}}}");
        }
        format!("{}{{{name}}}{}", literal(prefix), literal(suffix))
    }

    /// Returns a name that nothing else in the path and around it has.
    fn free(&self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        for number in 2.. {
            if !self.captures(&name) {
                break;
            }
            name = format!("{wanted}_{number}");
        }
        name
    }

    /// Returns whether host, base path or path capture a name.
    pub(crate) fn captures(&self, name: &str) -> bool {
        self.captured.contains(name) || self.names.iter().any(|(_, known)| known == name)
    }

    /// Returns the text of the `match`.
    pub(crate) fn text(&self) -> String {
        let query = if self.query.is_empty() {
            String::new()
        } else {
            format!("?{}", self.query)
        };
        format!("{} {}{}{query}", self.method, self.host, self.path)
    }

    /// Returns the path and query with each name replaced.
    pub(crate) fn filled(&self, value: impl Fn(&str) -> String) -> String {
        let mut path = String::new();
        let mut rest = self.path.as_str();
        while let Some((literal, tail)) = rest.split_once('{') {
            let (name, tail) = tail.split_once('}').unwrap_or((tail, ""));
            path.push_str(literal);
            path.push_str(&value(name.trim_start_matches('*')));
            rest = tail;
        }
        path.push_str(rest);
        path
    }

    /// Returns what the query must hold.
    pub(crate) fn query(&self) -> &str {
        &self.query
    }

    /// Returns the `match` without names: equal for two that accept the same requests.
    pub(crate) fn shape(&self) -> String {
        format!(
            "{} {}{}?{}",
            self.method,
            self.host,
            self.filled(|_| "{}".to_owned()),
            self.query
        )
    }
}

/// Writes `*` for each captured label.
fn without_names(host: &str) -> String {
    let labels = host
        .split('.')
        .map(|label| if label.starts_with('{') { "*" } else { label });
    labels.collect::<Vec<_>>().join(".")
}

/// Literals are compared with canonical paths: what cannot stand in one is escaped.
fn literal(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@%".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Returns the names that a server's host and base path capture.
pub(crate) fn captured_by(server: &Server) -> Vec<String> {
    [&server.host, &server.base]
        .into_iter()
        .flat_map(|text| text.split('{').skip(1))
        .filter_map(|rest| rest.split('}').next().map(str::to_owned))
        .collect()
}

/// Returns every literal segment of an API.
pub(crate) fn literals(api: &Api) -> BTreeSet<String> {
    let segments = api
        .operations
        .iter()
        .flat_map(|operation| operation.path.split('/'));
    segments
        .filter(|text| !text.contains('{'))
        .map(str::to_owned)
        .collect()
}

/// Returns the hosts that routes name in front of their paths.
pub(crate) fn elsewhere(api: &Api) -> Vec<Server> {
    let mut found: Vec<Server> = Vec::new();
    for server in api
        .operations
        .iter()
        .filter_map(|operation| operation.elsewhere.as_ref())
    {
        if !found.contains(server) && !api.servers.contains(server) {
            found.push(server.clone());
        }
    }
    found
}
