//! Prints what `serve` says once it listens: where, from what, and after the first start what to do next.

use std::net::SocketAddr;
use std::path::Path;

use super::serving::Serving;
use crate::cli::Context;
use crate::cli::workspace::Workspace;
use crate::config::{Listen, discovery};
use crate::model::show::{escape, shell_word};
use crate::telemetry;

/// Says where it listens, and after the first start what to do next.
pub(super) fn announce(context: &Context, serving: &Serving) {
    let workspace = serving.workspace();
    let config = workspace.config();
    let note = |text: &str| telemetry::say(&format!("{text}\n"));
    note(&format!(
        "tollgate {} serves agents at {}",
        env!("CARGO_PKG_VERSION"),
        serving.shown_proxies().join(", ")
    ));
    note(&format!(
        "  admin    {}",
        listed(&serving.addresses().admin, &config.admin, "the socket only")
    ));
    note(&format!(
        "  metrics  {}",
        listed(&serving.addresses().metrics, &config.metrics, "-")
    ));
    let file = config.file.as_ref().map_or_else(
        || "none: embedded connectors, permissions of the store".to_owned(),
        |file| escape(&file.display().to_string()).into_owned(),
    );
    note(&format!("  config   {file}"));
    note(&format!(
        "  state    {}",
        escape(&config.data_dir.display().to_string())
    ));
    if serving.is_first() {
        note(&next_steps(context, workspace));
    }
}

fn next_steps(context: &Context, workspace: &Workspace) -> String {
    let tollgate = format!("tollgate{}", flags(context, workspace));
    let token = workspace.state().agent_token("default");
    format!(
        "
First start: made a CA, a master key, agent `default` and operator `local`. Next, in another terminal:

  # keep a credential; it goes to api.github.com only
  printf '%s' \"$GITHUB_TOKEN\" | {tollgate} credential add github
  # run anything with its traffic going through the gateway
  {tollgate} run -- curl -sS https://api.github.com/user
  # see what was asked and decided
  {tollgate} audit tail

The token of agent `default` is in {}",
        escape(&token.display().to_string())
    )
}

/// Returns the flags with which commands in another terminal reach this gateway and no other.
fn flags(context: &Context, workspace: &Workspace) -> String {
    let flag = |name: &str, path: &Path| {
        let path = context.process.directory.join(path);
        format!(" {name} {}", shell_word(&path.display().to_string()))
    };
    let named = context.config.as_deref();
    let state = context.process.variable("TOLLGATE_DATA_DIR");
    // A state directory that is named and remembers the configuration needs no other flag.
    let is_remembered = state.is_some()
        && named.is_none_or(|file| {
            let file = context.process.directory.join(file).canonicalize().ok();
            discovery::recorded(workspace.state().path()) == file
        });
    let config = named.filter(|_| !is_remembered);
    let config = config.map(|file| flag("--config", file));
    let state = state.map(|state| flag("--data-dir", Path::new(state)));
    format!(
        "{}{}",
        config.unwrap_or_default(),
        state.unwrap_or_default()
    )
}

/// Ports as they were bound, and socket files as they are configured.
fn listed(bound: &[SocketAddr], configured: &[Listen], none: &str) -> String {
    let files = configured
        .iter()
        .filter(|listen| matches!(listen, Listen::Unix(_)));
    let texts: Vec<String> = bound
        .iter()
        .map(ToString::to_string)
        .chain(files.map(ToString::to_string))
        .collect();
    if texts.is_empty() {
        none.to_owned()
    } else {
        texts.join(", ")
    }
}
