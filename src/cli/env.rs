//! Runs `env`: prints the variables that `run` would set, for a shell, a file or a compose service.

use std::ffi::OsString;
use std::fmt::Write;
use std::path::Path;

use serde_json::{Map, Value as Json};

use super::Context;
use super::agent::check_known;
use super::api::{Api, segment};
use super::args::{Env, EnvFormat};
use super::environment::{self, Changes};
use super::failure::{Exit, Failure, Outcome};
use super::offline::Access;
use super::run::{Files, write_files, write_files_into};
use super::running;
use super::workspace::Workspace;
use crate::admin::service::tokens::{AddedToken, NewToken};
use crate::model::agent::AgentName;
use crate::model::show::escape;
use crate::model::target::{Authority, Host};

pub(super) async fn run(context: &Context, args: &Env) -> Outcome {
    let agent = AgentName::parse(&args.agent).map_err(|error| Failure::usage(error.to_string()))?;
    let (workspace, placeholders) = running::find(context, &agent).await?;
    let store = workspace.open_store().await?;
    check_known(&workspace, &store, &agent).await?;
    let proxy = proxy(&workspace, args).await?;
    let files = files(context, &workspace, args)?;
    let mut changes = match placeholders {
        Some(placeholders) => placeholders,
        None => workspace.placeholders(&store, &agent).await?,
    };
    let token = if args.new_token {
        let api = Api::find(context, Access::Write).await?;
        let path = format!("/api/v1/agents/{}/tokens", segment(agent.as_str()));
        let added: AddedToken = api.post(path, &NewToken::default()).await?;
        context.output.warn_all(&added.warnings);
        added.token.text().to_owned()
    } else {
        context
            .output
            .note("replace TOKEN with the agent's token; `--new-token` makes one and prints it");
        "TOKEN".to_owned()
    };
    let proxy_url = format!("http://{agent}:{token}@{proxy}");
    let wiring = environment::Wiring {
        proxy_url: &proxy_url,
        extra: &files.extra,
        bundle: &files.bundle,
        node_preload: &files.node_preload,
        wgetrc: files.wgetrc_for(&context.process.environment),
    };
    // Another shell has its own options of Node, and this one's exceptions.
    let mut known = context.process.environment.clone();
    known.remove(std::ffi::OsStr::new("NODE_OPTIONS"));
    changes.extend(environment::wiring(&wiring, &known));
    let format = if context.output.is_json() {
        EnvFormat::Json
    } else {
        args.format
    };
    context.output.raw(&render(&changes, format))?;
    Ok(Exit::Done)
}

/// The name of the gateway's service, and where its volume with the CA files is mounted, unless stated.
const SERVICE: &str = "tollgate";
const VOLUME: &str = "/run/tollgate";

/// Port of a proxy URL without one (RFC 9110 section 4.2.1).
const DEFAULT_PORT: u16 = 80;

/// Returns `host:port` of the proxy as the agent reaches it: the configured port unless stated.
async fn proxy(workspace: &Workspace, args: &Env) -> Result<String, Failure> {
    let service = (args.format == EnvFormat::Compose).then_some(SERVICE);
    let Some(host) = args.proxy.as_deref().or(service) else {
        return workspace.proxy_address().await;
    };
    if let Ok(host) = Host::parse(host) {
        let listens = workspace.proxy_address().await?;
        let port = listens.rsplit_once(':').map_or("", |(_, port)| port);
        return Ok(format!("{host}:{port}"));
    }
    Authority::parse(host, DEFAULT_PORT)
        .map(|authority| authority.to_string())
        .map_err(|error| Failure::usage(format!("`--proxy`: {error}")))
}

/// Returns where the agent finds the CA files, written there where a directory is stated.
fn files(context: &Context, workspace: &Workspace, args: &Env) -> Result<Files, Failure> {
    match &args.files {
        Some(directory) => write_files_into(workspace, &context.process.directory.join(directory)),
        None if args.format == EnvFormat::Compose => {
            context.output.note(&format!(
                "the agent's service mounts the CA files at {VOLUME}; `tollgate env --files {VOLUME}` writes them there"
            ));
            Ok(Files::within(Path::new(VOLUME)))
        }
        None => write_files(context, workspace),
    }
}

/// Prints the variables to set. Variables that `run` unsets are printed only for a shell.
fn render(changes: &Changes, format: EnvFormat) -> String {
    let text = |text: &OsString| text.to_string_lossy().into_owned();
    let set = changes
        .iter()
        .filter_map(|(name, value)| Some((text(name), text(value.as_ref()?))));
    let mut out = String::new();
    // Writing to a string does not fail.
    match format {
        EnvFormat::Sh => {
            for (name, value) in changes {
                let _ = match value {
                    Some(value) => writeln!(
                        out,
                        "export {}='{}'",
                        text(name),
                        text(value).replace('\'', r"'\''")
                    ),
                    None => writeln!(out, "unset {}", text(name)),
                };
            }
        }
        EnvFormat::Dotenv => {
            for (name, value) in set {
                let _ = writeln!(
                    out,
                    "{name}=\"{}\"",
                    value
                        .replace('\\', "\\\\")
                        .replace('"', "\\\"")
                        .replace('$', "\\$")
                );
            }
        }
        EnvFormat::Json => {
            let map: Map<String, Json> = set
                .map(|(name, value)| (name, Json::String(value)))
                .collect();
            let _ = writeln!(out, "{:#}", Json::Object(map));
        }
        EnvFormat::Compose => {
            out.push_str("environment:\n");
            for (name, value) in set {
                // A JSON string is a YAML one; compose itself reads `$`.
                let _ = writeln!(
                    out,
                    "  {name}: {}",
                    Json::String(escape(&value).replace('$', "$$"))
                );
            }
        }
    }
    out
}
