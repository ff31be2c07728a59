//! Runs `env`: prints the variables that `run` would set, for a shell, a file or a compose service.

use std::ffi::OsString;
use std::fmt::Write;

use serde_json::{Map, Value as Json};

use super::Context;
use super::agent::give_token;
use super::args::{Env, EnvFormat};
use super::change::settled;
use super::environment::{self, Changes};
use super::failure::{Exit, Failure, Outcome};
use super::run::write_files;
use super::running;
use crate::model::agent::AgentName;
use crate::model::show::escape;
use crate::roster::{Token, TokenKind};
use crate::store::StoredToken;

pub(super) async fn run(context: &Context, args: &Env) -> Outcome {
    let agent = AgentName::parse(&args.agent).map_err(Failure::usage)?;
    let (workspace, placeholders) = running::find(context, &agent).await?;
    let store = workspace.open_store().await?;
    let proxy = workspace.proxy_address().await?;
    let files = write_files(context, &workspace)?;
    let mut changes = match placeholders {
        Some(placeholders) => placeholders,
        None => workspace.placeholders(&store, &agent).await?,
    };
    let token = if args.new_token {
        let token = Token::generate(TokenKind::Agent, &mut rand::rng());
        let stored = StoredToken {
            hash: token.hash().0,
            expires_at: None,
        };
        give_token(context, &workspace, &store, (&agent, &stored)).await?;
        settled(context, &workspace.gateway(), &store).await;
        token.reveal().to_owned()
    } else {
        context
            .output
            .note("TOKEN stands for the agent's token; `--new-token` makes one and prints it");
        "TOKEN".to_owned()
    };
    let proxy_url = format!("http://{agent}:{token}@{proxy}");
    let wiring = environment::Wiring {
        proxy_url: &proxy_url,
        extra: &files.extra,
        bundle: &files.bundle,
        node_preload: &files.node_preload,
    };
    changes.extend(environment::wiring(&wiring, None));
    let format = if context.output.is_json() {
        EnvFormat::Json
    } else {
        args.format
    };
    context.output.raw(&render(&changes, format))?;
    Ok(Exit::Done)
}

/// Prints what is set; what `run` unsets is left to whoever reads this, except in a shell.
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
