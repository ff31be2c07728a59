//! Runs `connector`: lists connectors, shows them route by route, checks and tests them.

mod coverage;
mod import;
mod new;
mod suggest;

use std::path::PathBuf;

use serde_json::{Value as Json, json};

use super::Context;
use super::args::{CheckFormat, ConnectorCommand};
use super::check::{self, Strictness, Tests};
use super::credential::{add_implied, find_connector};
use super::failure::{Exit, Failure, Outcome};
use super::table::Table;
use super::workspace::Workspace;
use crate::config::diagnostic::{Report, Source};
use crate::config::yaml;
use crate::connector::Connector;
use crate::snapshot::{Inputs, built_in_connectors};

pub(super) async fn run(context: &Context, command: ConnectorCommand) -> Outcome {
    match command {
        ConnectorCommand::List => list(context),
        ConnectorCommand::Show { id } => show(context, &id),
        ConnectorCommand::Check { files } => check_files(context, &files, Step::Compile),
        ConnectorCommand::Test { files } if files.is_empty() => {
            let inputs = Workspace::load(context)?
                .files()
                .map_err(super::workspace::files_failure)?;
            let inputs = Inputs {
                policies: Vec::new(),
                ..inputs
            };
            finish(context, &inputs, &Tests::Connectors(None))
        }
        ConnectorCommand::Test { files } => check_files(context, &files, Step::Test),
        ConnectorCommand::Coverage(args) => coverage::run(context, &args),
        ConnectorCommand::New(args) => new::run(context, &args),
        ConnectorCommand::Suggest(args) => suggest::run(context, &args).await,
        ConnectorCommand::Import(args) => import::run(context, &args),
        ConnectorCommand::Add(args) => add_implied(context, args).await,
    }
}

fn list(context: &Context) -> Outcome {
    let catalog = Workspace::load(context)?.catalog()?;
    if context.output.is_json() {
        let connectors: Vec<Json> = catalog
            .connectors()
            .map(|connector| summary(connector))
            .collect();
        context
            .output
            .document(&json!({ "connectors": connectors }))?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(["ID", "NAME", "ROUTES", "AUTH", "DOMAINS"]);
    for connector in catalog.connectors() {
        let schemes: Vec<&str> = connector
            .schemes()
            .iter()
            .map(|scheme| scheme.id.as_str())
            .collect();
        let auth = if connector.is_public() {
            "none".to_owned()
        } else {
            schemes.join(", ")
        };
        let domains: Vec<String> = connector.authorities().collect();
        let routes = connector.routes().count().to_string();
        table.row([
            connector.id(),
            connector.name(),
            &routes,
            &auth,
            &domains.join(", "),
        ]);
    }
    table.print(&context.output)?;
    Ok(Exit::Done)
}

fn show(context: &Context, id: &str) -> Outcome {
    let catalog = Workspace::load(context)?.catalog()?;
    let connector = find_connector(&catalog, id)?;
    if context.output.is_json() {
        let mut document = summary(connector);
        let routes: Vec<Json> = connector
            .routes()
            .map(|route| {
                json!({
                    "action": route.action, "match": route.matches, "when": route.when, "risk": route.risk,
                    "name": route.name, "docs": route.docs, "summary": route.summary,
                })
            })
            .collect();
        if let Some(fields) = document.as_object_mut() {
            fields.insert("routes".to_owned(), Json::Array(routes));
        }
        context.output.document(&document)?;
        return Ok(Exit::Done);
    }
    let domains: Vec<String> = connector.authorities().collect();
    context
        .output
        .line(&format!("{} ({})", connector.name(), connector.id()))?;
    context
        .output
        .line(&format!("  domains  {}", domains.join(", ")))?;
    for scheme in connector.schemes() {
        let fields = scheme.fields().iter().map(|field| {
            if field.secret {
                field.name.clone()
            } else {
                format!("{} (shown)", field.name)
            }
        });
        context.output.line(&format!(
            "  auth     {}: {}",
            scheme.id,
            fields.collect::<Vec<_>>().join(", ")
        ))?;
    }
    context.output.line("")?;
    let mut table = Table::new(["RISK", "ACTION", "MATCH", "WHEN"]);
    for route in connector.routes() {
        table.row([
            route.risk.as_str(),
            route.action,
            route.matches,
            route.when.unwrap_or_default(),
        ]);
    }
    table.print(&context.output)?;
    Ok(Exit::Done)
}

fn summary(connector: &Connector) -> Json {
    let schemes: Vec<Json> = connector
        .schemes()
        .iter()
        .map(|scheme| {
            let fields = scheme
                .fields()
                .iter()
                .map(|field| json!({ "name": field.name, "secret": field.secret }));
            json!({ "id": scheme.id, "fields": fields.collect::<Vec<_>>() })
        })
        .collect();
    json!({
        "id": connector.id(),
        "name": connector.name(),
        "version": connector.version(),
        "docs": connector.docs(),
        "domains": connector.authorities().collect::<Vec<_>>(),
        "public": connector.is_public(),
        "auth": schemes,
        "routes": connector.routes().count(),
    })
}

/// How far a check goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Compile,
    Test,
}

/// Compiles files with the embedded connectors as neighbours; a file with the id of one replaces it.
fn check_files(context: &Context, files: &[PathBuf], step: Step) -> Outcome {
    let mut connectors = built_in_connectors();
    let mut ids = Vec::new();
    for file in files {
        let source = read_source(context, file)?;
        let document: Option<Json> = yaml::read(&source, &mut Report::default());
        let id = document
            .as_ref()
            .and_then(|document| document.get("connector"))
            .and_then(Json::as_str);
        ids.extend(id.map(str::to_owned));
        connectors.push(source);
    }
    let inputs = Inputs {
        connectors,
        ..Inputs::default()
    };
    let tests = match step {
        Step::Compile => Tests::None,
        Step::Test => Tests::Connectors(Some(ids)),
    };
    finish(context, &inputs, &tests)
}

fn finish(context: &Context, inputs: &Inputs, tests: &Tests) -> Outcome {
    let found = check::examine(context, inputs, tests);
    check::finish(context, &found, default_format(context), Strictness::Errors)
}

fn default_format(context: &Context) -> CheckFormat {
    if context.output.is_json() {
        CheckFormat::Json
    } else {
        CheckFormat::Text
    }
}

fn read_source(context: &Context, file: &PathBuf) -> Result<Source, Failure> {
    let text = std::fs::read_to_string(context.process.directory.join(file)).map_err(|error| {
        Failure::failed(
            "input",
            format!("`{}` cannot be read: {error}", file.display()),
        )
    })?;
    Ok(Source::new(file.display().to_string(), text))
}
