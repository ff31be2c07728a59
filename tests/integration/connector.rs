//! Connector files compiled, and requests read by them.

mod attacks;
mod batches;
mod catalog;
mod features;
mod fuzz;
mod git;
mod hostile;
mod lint;
mod load;
mod matching;
mod memory;
mod paths;
mod reading;
mod reuse;

use http::{HeaderMap, Method};
use tollgate::config::diagnostic::{Diagnostic, Report, Severity, Source};
use tollgate::connector::{BodyNeed, Catalog, Reading, Unreadable};
use tollgate::model::action::Action;
use tollgate::model::target::{Authority, Path, Query, Target};

/// Compiles texts, each a file `<n>.yaml`.
fn compile(texts: &[&str]) -> (Catalog, Report) {
    let source = |(at, text): (usize, &&str)| Source {
        name: format!("{at}.yaml").into(),
        text: (*text).into(),
        built_in: false,
    };
    let sources: Vec<Source> = texts.iter().enumerate().map(source).collect();
    let mut report = Report::default();
    let catalog = Catalog::compile(&sources, &mut report);
    (catalog, report)
}

/// Compiles texts that have no errors.
fn catalog(texts: &[&str]) -> Catalog {
    let (catalog, report) = compile(texts);
    assert!(!report.has_errors(), "{}", told(&report, Severity::Error));
    catalog
}

/// Compiles routes of a connector `x` for `api.test`.
fn routes(routes: &str) -> Catalog {
    catalog(&[&file(routes)])
}

fn file(routes: &str) -> String {
    format!("connector: x\nauth: none\ndomains: [api.test]\nroutes:\n{routes}")
}

/// Returns problems of one severity as text, one a line.
fn told(report: &Report, severity: Severity) -> String {
    let line = |problem: &Diagnostic| {
        let place = problem
            .places
            .iter()
            .map(|place| format!("{}:{}:{}", place.source.name, place.line, place.column));
        format!(
            "{} at {}: {}",
            problem.code,
            place.collect::<Vec<_>>().join(" and "),
            problem.message
        )
    };
    let problems = report
        .diagnostics
        .iter()
        .filter(|problem| problem.severity == severity);
    problems.map(line).collect::<Vec<_>>().join("\n")
}

/// A request as a text: `METHOD URL`, with headers and a body.
#[derive(Debug, Clone, Default)]
struct Ask<'a> {
    line: &'a str,
    headers: HeaderMap,
    body: Option<&'a str>,
}

fn ask(line: &str) -> Ask<'_> {
    Ask {
        line,
        ..Ask::default()
    }
}

/// Why a request was not read: by the connector, or before it was asked.
#[derive(Debug)]
struct NotRead {
    code: &'static str,
    #[expect(dead_code, reason = "shown by `Debug` where a test fails")]
    detail: String,
}

impl From<Unreadable> for NotRead {
    fn from(error: Unreadable) -> Self {
        Self {
            code: error.code.as_str(),
            detail: error.detail,
        }
    }
}

impl<'a> Ask<'a> {
    fn body(self, body: &'a str) -> Self {
        Self {
            body: Some(body),
            ..self
        }
    }

    fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.append(name, value.parse().unwrap());
        self
    }

    /// Returns whether it opens a WebSocket.
    fn opens(&self) -> bool {
        self.line.contains(" wss://")
    }

    fn of(&self, catalog: &Catalog) -> Result<Vec<Action>, NotRead> {
        let target = target(self.line)?;
        let place = catalog.locate(&target.authority, &target.path);
        let place = place.ok_or_else(|| NotRead {
            code: "no_connector",
            detail: self.line.to_owned(),
        })?;
        let odd = target
            .path
            .oddities()
            .without(place.connector.allowed_oddities());
        if !odd.is_empty() {
            return Err(NotRead {
                code: "path",
                detail: odd.to_string(),
            });
        }
        let candidates = if self.opens() {
            let opening = place.opening(&target.query);
            opening.ok_or_else(|| NotRead {
                code: "no_websocket",
                detail: self.line.to_owned(),
            })?
        } else {
            place.candidates(&target.method, &target.query)
        };
        let read = match candidates.body_need(&self.headers)? {
            BodyNeed::Nothing => None,
            BodyNeed::Read { .. } => Some(self.body.unwrap_or_default().as_bytes()),
        };
        let understood = candidates.understand(&Reading {
            target: &target,
            headers: &self.headers,
            body: read,
            catalog,
        });
        Ok(understood?.actions)
    }

    /// Returns `name {params} risk` for each action, or `refused: code`.
    fn told(&self, catalog: &Catalog) -> String {
        match self.of(catalog) {
            Ok(actions) => actions.iter().map(describe).collect::<Vec<_>>().join(" + "),
            Err(error) => format!("refused: {}", error.code),
        }
    }
}

fn describe(action: &Action) -> String {
    let params: Vec<String> = action
        .params
        .iter()
        .map(|param| {
            format!(
                "{}={}",
                param.name,
                serde_json::to_string(&param.value).unwrap()
            )
        })
        .collect();
    let special = if action.special { "!" } else { "" };
    format!("{}{special}({})", action.name, params.join(", "))
}

/// Reads `METHOD URL`.
fn target(line: &str) -> Result<Target, NotRead> {
    let (method, url) = line.split_once(' ').unwrap();
    let url = url.strip_prefix("https://").unwrap_or(url);
    let url = url.strip_prefix("wss://").unwrap_or(url);
    let (authority, rest) = url.find('/').map_or((url, "/"), |at| url.split_at(at));
    let (path, query) = rest
        .split_once('?')
        .map_or((rest, None), |(path, query)| (path, Some(query)));
    let refuse = |detail: String| NotRead {
        code: "target",
        detail,
    };
    Ok(Target {
        method: method.parse::<Method>().unwrap(),
        authority: Authority::parse(authority, 443).map_err(|error| refuse(error.to_string()))?,
        path: Path::parse(path).map_err(|error| refuse(error.to_string()))?,
        query: Query::parse(query).map_err(|error| refuse(error.to_string()))?,
        tls: true,
    })
}
