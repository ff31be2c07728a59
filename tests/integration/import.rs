//! Descriptions of APIs in, connector files out: what is written, that it loads, and what is refused.

mod fields;
mod hostile;
mod names;
mod risk;
mod seen;
mod update;
mod written;

use std::path::Path;

use tollgate::config::diagnostic::{Report, Severity, Source};
use tollgate::import::{self, Api, Format};
use tollgate::simulate::case;
use tollgate::snapshot::{Inputs, Snapshot};

fn source(name: &str, text: &str) -> Source {
    Source {
        name: name.into(),
        text: text.into(),
        built_in: false,
    }
}

/// Reads a file of `tests/import`.
fn fixture(name: &str) -> Source {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/import")
        .join(name);
    source(name, &std::fs::read_to_string(file).unwrap())
}

fn api(format: Format, source: &Source) -> Api {
    import::read(format, source).unwrap_or_else(|report| panic!("{}", report.to_text()))
}

fn written(format: Format, name: &str) -> String {
    let api = api(format, &fixture(name));
    import::connector(&api, &api.suggested_id(), name).text
}

/// Drafts a connector from an OpenAPI text.
fn openapi(text: &str) -> String {
    let api = api(Format::OpenApi, &source("api.yaml", text));
    import::connector(&api, "x", "api.yaml").text
}

/// Loads a file as the gateway would and runs its tests; returns how many there were.
fn tried(text: &str) -> usize {
    let inputs = Inputs {
        connectors: vec![source("x.yaml", text)],
        ..Inputs::default()
    };
    let (snapshot, report) = Snapshot::compile(&inputs);
    assert!(
        report.diagnostics.is_empty(),
        "{}\n{text}",
        report.to_text()
    );
    let tried = case::connectors(&snapshot.unwrap(), None);
    assert!(
        tried.report.diagnostics.is_empty(),
        "{}\n{text}",
        tried.report.to_text()
    );
    tried.total
}

/// Returns `action: match` of each route.
fn routes(text: &str) -> Vec<(String, String)> {
    let mut report = Report::default();
    let document: serde_json::Value =
        tollgate::config::yaml::read(&source("x.yaml", text), &mut report).expect("YAML");
    let field = |route: &serde_json::Value, key: &str| route[key].as_str().unwrap().to_owned();
    let routes = document["routes"].as_array().cloned().unwrap_or_default();
    routes
        .iter()
        .map(|route| (field(route, "action"), field(route, "match")))
        .collect()
}

fn snapshot(name: &str, text: &str) {
    insta::with_settings!({ snapshot_path => "snapshots", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name, text);
    });
}

fn told(report: &Report) -> String {
    let errors = report
        .diagnostics
        .iter()
        .filter(|problem| problem.severity == Severity::Error);
    let lines = errors.map(|problem| {
        let place = problem.places.first();
        let at = place.map_or_else(String::new, |place| {
            format!(
                "{}:{}:{} {}",
                place.source.name, place.line, place.column, place.note
            )
        });
        format!("{} at {}: {}", problem.code, at.trim(), problem.message)
    });
    lines.collect::<Vec<_>>().join("\n")
}
