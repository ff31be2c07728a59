//! Runs `connector`: lists connectors, shows them route by route, checks and tests them.

mod coverage;
mod import;
mod new;
mod suggest;

use std::path::PathBuf;

use serde_json::{Value as Json, json};

use super::Context;
use super::api::{Api, segment};
use super::args::{CheckFormat, ConnectorCommand};
use super::check::{self, Strictness, Tests};
use super::credential::{add_implied, find_connector, known_health, test_connectors};
use super::failure::{Exit, Failure, Outcome};
use super::table::Table;
use super::workspace::Workspace;
use crate::admin::service::connectors::{ConnectorView, ParamInfo, WholeConnector};
use crate::config::diagnostic::{Report, Source};
use crate::config::yaml;
use crate::model::show::escape;
use crate::snapshot::{Inputs, built_in_connectors};

pub(super) async fn run(context: &Context, command: ConnectorCommand) -> Outcome {
    match command {
        ConnectorCommand::List => list(context).await,
        ConnectorCommand::Show { id } => show(context, &id).await,
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
        ConnectorCommand::Health { id, .. } => test_connectors(context, id.as_deref()).await,
        ConnectorCommand::Import(args) => import::run(context, &args),
        ConnectorCommand::Add(args) => add_implied(context, args).await,
    }
}

async fn list(context: &Context) -> Outcome {
    let connectors = match Api::running(context).await? {
        Some(api) => api.list("/api/v1/connectors", "connectors").await?,
        None => {
            let catalog = Workspace::load(context)?.catalog()?;
            let connectors = catalog.connectors();
            connectors.map(|known| ConnectorView::of(known)).collect()
        }
    };
    if context.output.is_json() {
        context
            .output
            .document(&json!({ "connectors": connectors }))?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(["ID", "NAME", "ROUTES", "AUTH", "DOMAINS"]);
    for connector in &connectors {
        let schemes = connector.auth.iter().map(|scheme| scheme.id.as_str());
        let auth = if connector.public {
            "none".to_owned()
        } else {
            schemes.collect::<Vec<_>>().join(", ")
        };
        table.row([
            &connector.id,
            &connector.name,
            &connector.routes.to_string(),
            &auth,
            &connector.domains.join(", "),
        ]);
    }
    table.print(&context.output)?;
    Ok(Exit::Done)
}

async fn show(context: &Context, id: &str) -> Outcome {
    let connector: WholeConnector = match Api::running(context).await? {
        Some(api) => {
            api.get(format!("/api/v1/connectors/{}", segment(id)))
                .await?
        }
        None => {
            let catalog = Workspace::load(context)?.catalog()?;
            WholeConnector::of(find_connector(&catalog, id)?)
        }
    };
    if context.output.is_json() {
        context.output.document(&connector)?;
        return Ok(Exit::Done);
    }
    let mut lines = vec![
        format!("{} ({})", connector.name, connector.id),
        format!("  domains  {}", connector.domains.join(", ")),
    ];
    for scheme in &connector.auth {
        let fields = scheme.fields.iter().map(|field| {
            if field.secret {
                field.name.clone()
            } else {
                format!("{} (shown)", field.name)
            }
        });
        let fields = fields.collect::<Vec<_>>().join(", ");
        lines.push(format!("  auth     {}: {fields}", scheme.id));
    }
    let health = connector.health.as_deref();
    let health = health.unwrap_or("none: whether a credential works shows at its first use");
    lines.push(format!("  health   {health}"));
    lines.push(format!("  tests    {}", connector.tests));
    for known in known_health(context).await {
        if known.connector == connector.id {
            lines.push(format!("  credential {}: {}", known.id, known.in_words()));
        }
    }
    lines.push(String::new());
    for line in lines {
        context.output.line(&escape(&line))?;
    }
    let mut table = Table::new(["RISK", "ACTION", "MATCH", "WHEN", "PARAMETERS"]);
    for route in &connector.routes {
        let when = route.when.as_deref().unwrap_or_default();
        let params: Vec<String> = route.params.iter().map(param).collect();
        let params = params.join(", ");
        table.row([&route.risk, &route.action, &route.matches, when, &params]);
    }
    table.row([
        &connector.fallback_risk,
        &connector.fallback,
        "anything else",
        "",
        "",
    ]);
    table.print(&context.output)?;
    Ok(Exit::Done)
}

/// Returns a parameter as `name: type`, with what policies must know of it.
fn param(param: &ParamInfo) -> String {
    let kind = param.value_type.as_deref();
    let kind = kind.map_or_else(String::new, |kind| format!(": {kind}"));
    let optional = if param.required { "" } else { "?" };
    let secret = if param.secret { " (secret)" } else { "" };
    format!("{}{optional}{kind}{secret}", param.name)
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
