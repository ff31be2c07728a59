//! Runs `connector import`: writes a connector file from a description of an API, after testing it.
//!
//! INVARIANT: nothing is written that `check` refuses.

mod accept;
mod neighbours;

use std::io::Read as _;
use std::path::Path;

use serde_json::{Value as Json, json};

use crate::cli::Context;
use crate::cli::args::{Description, ImportConnector};
use crate::cli::failure::{Exit, Failure, Outcome};
use crate::config::diagnostic::{Report, Severity, Source};
use crate::import::{self, Api, Format, LeftOut};
use crate::model::show::{counted, escape};
use crate::simulate::case::Tried;

pub(super) use accept::{Wanted, accepted, attempt};

pub(super) fn run(context: &Context, args: &ImportConnector) -> Outcome {
    let (mut api, origin) = describe(context, &args.description)?;
    if let Some(url) = &args.server {
        api.at(url)
            .map_err(|error| Failure::usage(error.to_string()))?;
    }
    if api.operations() == 0 {
        return Err(
            Failure::failed("description", "the description has no operations").help(
                "operations that the API calls itself (webhooks, callbacks) are not imported",
            ),
        );
    }
    match &args.update {
        Some(file) => update(context, &api, file),
        None => write(context, &api, args, &origin),
    }
}

/// Reads a description; the second is its file's name.
pub(super) fn describe(
    context: &Context,
    description: &Description,
) -> Result<(Api, String), Failure> {
    let (format, file) = match (
        &description.openapi,
        &description.discovery,
        &description.graphql,
    ) {
        (Some(file), _, _) => (Format::OpenApi, file),
        (None, Some(file), _) => (Format::Discovery, file),
        (None, None, Some(file)) => (Format::GraphQl, file),
        (None, None, None) => {
            return Err(Failure::usage(
                "give one of --openapi, --discovery and --graphql",
            ));
        }
    };
    let source = source(context, file)?;
    let name = Path::new(&*source.name)
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    import::read(format, &source)
        .map(|api| (api, name))
        .map_err(unusable)
}

/// Reads a file, or standard input for `-`.
pub(super) fn source(context: &Context, file: &Path) -> Result<Source, Failure> {
    let shown = file.display().to_string();
    let failed = |error: std::io::Error| {
        Failure::failed(
            "input",
            format!("`{}` cannot be read: {error}", escape(&shown)),
        )
    };
    let text = if shown == "-" {
        let mut text = String::new();
        std::io::stdin()
            .lock()
            .read_to_string(&mut text)
            .map_err(failed)?;
        text
    } else {
        std::fs::read_to_string(context.process.directory.join(file)).map_err(failed)?
    };
    let name = if shown == "-" {
        "standard input"
    } else {
        &shown
    };
    Ok(Source::new(name, text))
}

fn unusable(report: Report) -> Failure {
    Failure::failed("description", "the description cannot be used").because(report)
}

fn write(context: &Context, api: &Api, args: &ImportConnector, origin: &str) -> Outcome {
    let id = args.id.clone().unwrap_or_else(|| api.suggested_id());
    let wanted = Wanted {
        api,
        id: &id,
        origin,
        out: args.out.as_deref(),
    };
    let made = accepted(context, &wanted)?;
    hand_over(context, args.out.as_deref(), &made.drafted.text)?;
    let mut facts = json!({
        "id": id, "file": args.out, "operations": api.operations(), "routes": made.drafted.routes, "judge": made.drafted.judge,
    });
    if let Some(facts) = facts.as_object_mut().filter(|_| !made.left_out.is_empty()) {
        let actions: Vec<&str> = made
            .left_out
            .iter()
            .map(|one| one.action.as_str())
            .collect();
        facts.insert("left_out".to_owned(), json!(actions));
    }
    for LeftOut { action, why } in made.left_out.iter().filter(|_| !context.output.is_json()) {
        context
            .output
            .note(&format!("left out: {} ({})", escape(action), escape(why)));
    }
    told(
        context,
        facts,
        args.out.is_none().then_some(made.drafted.text.as_str()),
        &made.found,
    )
}

/// Writes a new file, or to standard output.
pub(super) fn hand_over(context: &Context, out: Option<&Path>, text: &str) -> Result<(), Failure> {
    let Some(out) = out else {
        return if context.output.is_json() {
            Ok(())
        } else {
            context.output.raw(text)
        };
    };
    let path = context.process.directory.join(out);
    let file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&path);
    let failed = |error: std::io::Error| {
        let failure = Failure::failed(
            "output",
            format!("`{}` cannot be written: {error}", out.display()),
        );
        if error.kind() == std::io::ErrorKind::AlreadyExists {
            failure.help("`--update` adds to a file that is there")
        } else {
            failure
        }
    };
    std::io::Write::write_all(&mut file.map_err(failed)?, text.as_bytes()).map_err(failed)
}

fn update(context: &Context, api: &Api, file: &Path) -> Outcome {
    let source = source(context, file)?;
    let merged = import::update(&source, api).map_err(|report| {
        Failure::failed("update", "the file cannot be updated").because(report)
    })?;
    let found = attempt(context, &source.name, &merged.text);
    if found.report.has_errors() {
        let refused = format!(
            "`{}` would no longer load with {} new routes, so it stays as it is",
            escape(&file.display().to_string()),
            merged.added.len()
        );
        let failure = Failure::failed("update", refused).because(found.report);
        return Err(match neighbours::extended(&source) {
            Some(below) => failure.help(format!(
                "the file extends `{below}`, whose routes it has already: write the few that are new by hand"
            )),
            None => failure,
        });
    }
    if !merged.added.is_empty() {
        let path = context.process.directory.join(file);
        replace(&path, &merged.text).map_err(|error| {
            Failure::failed(
                "output",
                format!("`{}` cannot be written: {error}", file.display()),
            )
        })?;
    }
    for (sign, actions) in [("+", &merged.added), ("?", &merged.gone)] {
        if !context.output.is_json() {
            actions
                .iter()
                .for_each(|action| context.output.note(&format!("{sign} {action}")));
        }
    }
    let facts = json!({
        "file": file, "operations": api.operations(), "added": merged.added, "gone": merged.gone, "judge": merged.judge,
    });
    told(context, facts, None, &found)
}

/// A crash leaves the old file or the new one, never half of one.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    std::io::Write::write_all(&mut file, text.as_bytes())?;
    if let Ok(old) = std::fs::metadata(path) {
        file.as_file().set_permissions(old.permissions())?;
    }
    file.persist(path).map(|_| ()).map_err(|error| error.error)
}

/// Reports the result, on standard error if the file itself goes to standard output.
pub(super) fn told(context: &Context, facts: Json, text: Option<&str>, found: &Tried) -> Outcome {
    let count = |severity| {
        found
            .report
            .diagnostics
            .iter()
            .filter(|problem| problem.severity == severity)
            .count()
    };
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    if context.output.is_json() {
        let mut document = facts;
        if let Some(fields) = document.as_object_mut() {
            fields.extend(text.map(|text| ("text".to_owned(), json!(text))));
            fields.insert("tests".to_owned(), json!(found.total));
            fields.insert("errors".to_owned(), json!(errors));
            fields.insert("warnings".to_owned(), json!(warnings));
        }
        context.output.document(&document)?;
    } else {
        if errors > 0 {
            context.output.note(&found.report.to_text());
        }
        let number = |key: &str| match facts.get(key) {
            Some(Json::Number(number)) => number.as_u64().map(|number| counted(number, key)),
            Some(Json::Array(items)) => Some(counted(items.len() as u64, key)),
            Some(_) | None => None,
        };
        let judge = facts
            .get("judge")
            .and_then(Json::as_u64)
            .map(|lines| format!("{} marked `judge:`", counted(lines, "lines")));
        let keys = ["operations", "routes", "added", "gone"]
            .into_iter()
            .filter_map(number);
        let rest = [
            format!("{} run", counted(found.total as u64, "tests")),
            counted(errors as u64, "errors"),
            counted(warnings as u64, "warnings"),
        ];
        let facts: Vec<String> = keys.chain(judge).chain(rest).collect();
        context.output.note(&facts.join(", "));
    }
    Ok(if errors > 0 {
        Exit::Problems
    } else {
        Exit::Done
    })
}
