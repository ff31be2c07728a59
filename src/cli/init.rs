//! Runs `init`: writes a working configuration that editors can complete. Existing files are never replaced.

pub(super) mod policy_examples;

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::Context;
use super::args::Init as Args;
use super::failure::{Exit, Failure, Outcome};
use super::schema;
use super::workspace::Workspace;
use crate::config::{Secrets, discovery};
use crate::model::show::shell_word;

/// The policy file of those who have named none.
const STARTER: &str = "policies.d/starter.yaml";

/// Every file that is written, beside the schemas.
const FILES: [(&str, &str); 3] = [
    ("tollgate.yaml", include_str!("init/tollgate.yaml")),
    (
        "connectors.d/tickets.yaml",
        include_str!("init/tickets.yaml"),
    ),
    (STARTER, include_str!("init/starter.yaml")),
];

pub(super) fn run(context: &Context, args: &Args) -> Outcome {
    let directory = context.process.directory.join(&args.dir);
    let mut written = Vec::new();
    let mut kept = Vec::new();
    // An example says by itself what is permitted; the starter would permit more.
    let is_wanted = |name: &str| args.policies.is_empty() || name != STARTER;
    let own = FILES.iter().filter(|(name, _)| is_wanted(name));
    let own = own.map(|(name, text)| ((*name).to_owned(), Cow::Borrowed(*text)));
    for (name, text) in own.chain(policy_examples::files(&args.policies)) {
        if create(&directory.join(&name), &text)? {
            written.push(name);
        } else {
            kept.push(name);
        }
    }
    // What a broken file of the operator keeps from being named, `schema --write --actions` names later.
    let file = directory.join("tollgate.yaml");
    let workspace = Workspace::load_file(context, Some(file.clone()), Secrets::Unread).ok();
    let is_new = written.iter().any(|name| name == "tollgate.yaml");
    let is_chosen = workspace.as_ref().is_some_and(|workspace| {
        is_recorded(workspace, &file) || (is_new && record(workspace, &file))
    });
    let vocabulary = workspace.and_then(|workspace| schema::vocabulary(&workspace).ok());
    let mut schemas = schema::schemas();
    if let Some(vocabulary) = vocabulary {
        schema::name_actions(&mut schemas, &vocabulary);
    }
    written.extend(schema::write(&directory, &schemas)?);
    if context.output.is_json() {
        context
            .output
            .document(&json!({ "written": written, "kept": kept }))?;
        return Ok(Exit::Done);
    }
    for name in &written {
        context
            .output
            .line(&format!("wrote {}", shown(&args.dir, name)))?;
    }
    for name in &kept {
        context.output.line(&format!(
            "kept  {}, which was there",
            shown(&args.dir, name)
        ))?;
    }
    let into = if args.dir == Path::new(".") {
        String::new()
    } else {
        let dir = args.dir.display().to_string();
        format!("cd {} && ", shell_word(&dir))
    };
    let (check, serve) = if is_chosen {
        ("", "")
    } else {
        (" .", " --config tollgate.yaml")
    };
    let state = context.process.variable("TOLLGATE_DATA_DIR");
    let state = state.map(|state| format!(" --data-dir {}", shell_word(state)));
    let tollgate = format!("tollgate{}", state.unwrap_or_default());
    context.output.note(&format!(
        "next: {into}{tollgate} check --strict{check} && {tollgate} serve{serve}"
    ));
    Ok(Exit::Done)
}

fn is_recorded(workspace: &Workspace, file: &Path) -> bool {
    let known = discovery::recorded(workspace.state().path());
    known.is_some() && known == file.canonicalize().ok()
}

/// Lets the state directory remember a configuration that was written here and now, unless it remembers another.
fn record(workspace: &Workspace, file: &Path) -> bool {
    let state = workspace.state();
    let other = discovery::recorded(state.path()).filter(|known| known.exists());
    let file = file.canonicalize().ok().filter(|_| other.is_none());
    file.is_some_and(|file| state.create().is_ok() && state.record_config(&file).is_ok())
}

fn shown(directory: &Path, name: &str) -> String {
    if directory == Path::new(".") {
        name.to_owned()
    } else {
        directory.join(name).display().to_string()
    }
}

/// Writes a file that is not there; `false` where one is.
fn create(path: &PathBuf, text: &str) -> Result<bool, Failure> {
    let failed = |error: std::io::Error| {
        Failure::failed(
            "output",
            format!("`{}` cannot be written: {error}", path.display()),
        )
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path);
    match file {
        Ok(mut file) => std::io::Write::write_all(&mut file, text.as_bytes())
            .map(|()| true)
            .map_err(failed),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(failed(error)),
    }
}
