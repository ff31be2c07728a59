//! Keeps a command from the wrong gateway: one that names a configuration is answered only by the gateway that runs with it.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use super::Context;
use super::failure::Failure;
use crate::model::show::escape;

/// The configuration that `--config` or `TOLLGATE_CONFIG` names, all links resolved where it exists.
#[derive(Debug, Clone)]
pub(super) struct NamedConfig {
    file: PathBuf,
    /// The flag or the variable.
    by: &'static str,
}

impl NamedConfig {
    /// Returns the one that a command names; `None` where the state directory alone chooses the gateway.
    pub(super) fn of(context: &Context) -> Option<Self> {
        let variable = || context.process.variable("TOLLGATE_CONFIG");
        let (file, by) = match &context.config {
            Some(file) => (file.clone(), "--config"),
            None => (PathBuf::from(variable()?), "TOLLGATE_CONFIG"),
        };
        let file = real(&context.process.directory.join(file));
        Some(Self { file, by })
    }

    /// Checks that a gateway on this state directory runs with it, by its answer to `GET /api/v1/status`.
    ///
    /// # Errors
    ///
    /// Wrong usage where it runs with another: without a `data_dir` of its own, a configuration leads to the default state directory,
    /// where any gateway of the user may answer.
    pub(super) fn check(&self, status: &Json, state: &Path) -> Result<(), Failure> {
        let active = status.get("config").and_then(Json::as_str);
        if active.is_some_and(|active| shown(&real(Path::new(active))) == shown(&self.file)) {
            return Ok(());
        }
        let has = match active {
            Some(active) => format!("the configuration `{}`", escape(active)),
            None => "no configuration file".to_owned(),
        };
        let detail = format!(
            "the gateway on the state directory `{}` has {has}, not `{}`, which {} names",
            escape(&shown(state)),
            escape(&shown(&self.file)),
            self.by
        );
        let help = format!(
            "name the state directory of the gateway that you mean with `--data-dir`, or leave out {} to ask this one",
            self.by
        );
        Err(Failure::usage(detail).help(help))
    }
}

fn real(file: &Path) -> PathBuf {
    file.canonicalize().unwrap_or_else(|_| file.to_owned())
}

/// A path as the gateway's answer has it: text.
fn shown(path: &Path) -> String {
    path.display().to_string()
}
