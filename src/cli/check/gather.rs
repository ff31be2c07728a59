//! Gathers what `check` looks at: a configuration with its store, the folders of a directory, or loose files.

use std::path::{Path, PathBuf};

use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::cli::workspace::{Workspace, args, read_if_there};
use crate::config::diagnostic::{Diagnostic, Report};
use crate::config::yaml;
use crate::config::{Config, Secrets, discovery};
use crate::snapshot::{Inputs, built_in_connectors};

/// Everything that `check` looks at.
pub(super) struct Gathered {
    pub(super) inputs: Inputs,
    /// The workspace, if a whole configuration is checked.
    pub(super) workspace: Option<Workspace>,
}

/// Which configuration is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// The configuration that the gateway uses.
    Chosen,
    /// One in a directory that was named: no secret, key or store that it names is read.
    Untrusted,
}

/// Loads what is checked: a configuration, or a directory without one.
pub(super) async fn gather(
    context: &Context,
    dir: Option<&Path>,
) -> Result<Result<Gathered, Report>, Failure> {
    let alone = |inputs| Gathered {
        inputs,
        workspace: None,
    };
    let Some(dir) = dir else {
        let known = args(context, None, Secrets::Unread);
        if context.config.is_none() && known.passed_over().is_some() {
            let message = "`./tollgate.yaml` is not the active configuration";
            let help = "name one: `tollgate check .`, or `--config FILE`";
            return Err(Failure::usage(message.to_owned()).help(help));
        }
        return from_configuration(context, context.config.clone(), Whose::Chosen).await;
    };
    let dir = context.process.directory.join(dir);
    if !dir.is_dir() {
        return Err(Failure::usage(format!(
            "`{}` is not a directory",
            dir.display()
        )));
    }
    let file = dir.join("tollgate.yaml");
    if context.config.is_none() && file.is_file() {
        let known = args(context, None, Secrets::Unread);
        let real = |path: PathBuf| path.canonicalize().ok();
        let chosen = discovery::locate(&known).and_then(real);
        let whose = match real(file.clone()) {
            Some(path) if chosen == Some(path.clone()) => Whose::Chosen,
            Some(_) | None => Whose::Untrusted,
        };
        return from_configuration(context, Some(file), whose).await;
    }
    let connectors: Vec<PathBuf> = vec![dir.join("connectors.d")]
        .into_iter()
        .filter(|dir| dir.is_dir())
        .collect();
    let policies: Vec<PathBuf> = vec![dir.join("policies.d")]
        .into_iter()
        .filter(|dir| dir.is_dir())
        .collect();
    if connectors.is_empty() && policies.is_empty() {
        return Ok(loose_files(context, &dir).map(alone));
    }
    let config = match Config::embedded(&context.process.text_variables()) {
        Ok(config) => Config {
            connectors,
            policies,
            ..config
        },
        Err(report) => return Ok(Err(report)),
    };
    Ok(Workspace::of(context, config)
        .confined_to(&dir)
        .files()
        .map(alone))
}

/// With the store's permissions, agents and credentials where there is a store, so that names in files can be checked.
async fn from_configuration(
    context: &Context,
    file: Option<PathBuf>,
    whose: Whose,
) -> Result<Result<Gathered, Report>, Failure> {
    let secrets = match whose {
        Whose::Chosen => Secrets::IfThere,
        Whose::Untrusted => Secrets::Unread,
    };
    let root = file.as_deref().and_then(Path::parent).map(Path::to_owned);
    let workspace = match Workspace::load_file(context, file, secrets) {
        Ok(workspace) => workspace,
        Err(report) => return Ok(Err(report)),
    };
    let workspace = match (whose, root) {
        (Whose::Untrusted, Some(root)) => workspace.confined_to(&root),
        _ => workspace,
    };
    let files = match workspace.files() {
        Ok(files) => files,
        Err(report) => return Ok(Err(report)),
    };
    let view = match whose {
        Whose::Chosen => read_if_there(&workspace.config().store_url).await?,
        Whose::Untrusted => None,
    };
    let inputs = match view {
        Some(view) => workspace.with_store(files, &view),
        None => files,
    };
    Ok(Ok(Gathered {
        inputs,
        workspace: Some(workspace),
    }))
}

/// Files of one directory, told apart by their first key.
fn loose_files(context: &Context, dir: &Path) -> Result<Inputs, Report> {
    let base = &context.process.directory;
    let files = crate::config::sources::read_dirs(&[dir.to_owned()], base, Some(dir))?;
    if files.sources.is_empty() {
        let mut report = Report::default();
        let message = format!(
            "there is no connector or policy file in `{}`",
            dir.display()
        );
        report.push(Diagnostic::error("empty-directory", message));
        return Err(report);
    }
    let mut inputs = Inputs {
        connectors: built_in_connectors(),
        ..Inputs::default()
    };
    for source in files.sources {
        // A file that does not read is a connector's until it says otherwise: its problems are told either way.
        let document: Option<serde_json::Value> = yaml::read(&source, &mut Report::default());
        let is_policy = document.is_some_and(|document| {
            document.get("connector").is_none()
                && (document.get("permissions").is_some() || document.get("policies").is_some())
        });
        if is_policy {
            inputs.policies.push(source)
        } else {
            inputs.connectors.push(source)
        }
    }
    Ok(inputs)
}
