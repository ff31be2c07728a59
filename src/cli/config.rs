//! Runs `config show`: prints the settings in effect and where each is from, as the running gateway has them, or by the files.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::Context;
use super::api::Api;
use super::args::ConfigCommand;
use super::failure::{Exit, Outcome};
use super::serve::document;
use super::table::Table;
use super::workspace::Workspace;
use crate::admin::{ConfigView, SettingView};
use crate::config::Config;
use crate::config::effective::settings;

pub(super) async fn run(context: &Context, command: &ConfigCommand) -> Outcome {
    let ConfigCommand::Show { all } = command;
    let mut shown: ConfigView = match Api::running(context).await? {
        Some(api) => api.get("/api/v1/config").await?,
        None => by_files(context)?,
    };
    if context.output.is_json() {
        context.output.document(&shown)?;
        return Ok(Exit::Done);
    }
    let is_set = |setting: &SettingView| *all || setting.source != "default";
    shown.settings.retain(is_set);
    let mut table = Table::new(["KEY", "VALUE", "SOURCE"]);
    for setting in &shown.settings {
        let value = match &setting.value {
            Json::String(text) => text.clone(),
            Json::Null => String::new(),
            other => other.to_string(),
        };
        table.row([&setting.key, &value, &setting.source]);
    }
    table.print(&context.output)?;
    if !shown.needs_restart.is_empty() {
        let keys = shown.needs_restart.join(", ");
        context
            .output
            .note(&format!("note: a restart is needed for: {keys}"));
    }
    if !all {
        context.output.note("note: `--all` shows the defaults too");
    }
    Ok(Exit::Done)
}

fn by_files(context: &Context) -> Result<ConfigView, super::failure::Failure> {
    let workspace = Workspace::load(context)?;
    let config = workspace.config();
    let file = config.file.as_deref().map(document).unwrap_or_default();
    context
        .output
        .note("note: read from files; no gateway was asked");
    Ok(view(config, &file, &context.process.text_variables(), &[]))
}

/// Returns the settings of a configuration for the API.
pub(super) fn view(
    config: &Config,
    file: &Json,
    env: &BTreeMap<String, String>,
    needs_restart: &[String],
) -> ConfigView {
    let settings = settings(config, file, env).into_iter();
    ConfigView {
        file: config.file.as_ref().map(|file| file.display().to_string()),
        settings: settings
            .map(|setting| SettingView {
                key: setting.key.to_owned(),
                value: setting.value,
                source: setting.source,
            })
            .collect(),
        needs_restart: needs_restart.to_vec(),
    }
}
