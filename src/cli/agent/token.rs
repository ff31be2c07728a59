//! Runs `agent token`: lists, adds and revokes the tokens of one agent.

use serde_json::json;

use crate::admin::service::removal::Removed;
use crate::admin::service::tokens::{AddedToken, NewToken, TokenList};
use crate::cli::Context;
use crate::cli::api::{Api, segment};
use crate::cli::args::TokenCommand;
use crate::cli::failure::{Exit, Failure, Outcome};
use crate::cli::offline::Access;
use crate::cli::table::Table;
use crate::model::show::escape;

pub(super) async fn run(context: &Context, command: TokenCommand) -> Outcome {
    match command {
        TokenCommand::List { agent } => list(context, &agent).await,
        TokenCommand::Add { agent, expires } => add(context, &agent, expires.as_deref()).await,
        TokenCommand::Revoke { agent, id } => revoke(context, &agent, &id).await,
    }
}

async fn list(context: &Context, agent: &str) -> Outcome {
    let api = Api::find(context, Access::Read).await?;
    let TokenList { tokens } = api.get(path(agent)).await?;
    if context.output.is_json() {
        context.output.document(&json!({ "tokens": tokens }))?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(["ID", "CREATED", "LAST USED", "EXPIRES"]);
    for token in &tokens {
        table.row([
            &token.id,
            token.created_at.as_deref().unwrap_or_default(),
            token.used_at.as_deref().unwrap_or("never"),
            token.expires_at.as_deref().unwrap_or("never"),
        ]);
    }
    table.print(&context.output)?;
    Ok(Exit::Done)
}

async fn add(context: &Context, agent: &str, expires: Option<&str>) -> Outcome {
    let new = NewToken {
        expires_in: term(expires)?,
    };
    let api = Api::find(context, Access::Write).await?;
    let added: AddedToken = api.post(path(agent), &new).await?;
    context.output.warn_all(&added.warnings);
    if context.output.is_json() {
        context.output.document(&added)?;
        return Ok(Exit::Done);
    }
    context.output.line(added.token.text())?;
    let until = match &added.expires_at {
        Some(end) => format!(" until {end}"),
        None => String::new(),
    };
    context.output.note(&format!(
        "token {} of agent `{agent}` works{until}. It is above and is shown only this once.",
        added.id
    ));
    Ok(Exit::Done)
}

async fn revoke(context: &Context, agent: &str, id: &str) -> Outcome {
    let api = Api::find(context, Access::Write).await?;
    let path = format!("{}/{}", path(agent), segment(id));
    let removed: Removed = api.delete(path).await?;
    context.output.warn_all(&removed.warnings);
    if context.output.is_json() {
        context.output.document(&removed)?;
    } else {
        let text = format!("token {id} of agent `{agent}` is revoked");
        context.output.line(&escape(&text))?;
    }
    Ok(Exit::Done)
}

fn path(agent: &str) -> String {
    format!("/api/v1/agents/{}/tokens", segment(agent))
}

/// Reads a term such as `12h` or `90d`, in seconds.
pub(in crate::cli) fn term(written: Option<&str>) -> Result<Option<u64>, Failure> {
    let Some(text) = written else {
        return Ok(None);
    };
    let bad = || {
        let shown = escape(text);
        Failure::usage(format!("`{shown}` is not a term; write 30m, 12h or 90d"))
    };
    let unit = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3600,
        Some('d') => 86_400,
        Some(_) | None => return Err(bad()),
    };
    let digits = text.get(..text.len() - 1).unwrap_or_default();
    let count: u64 = digits.parse().map_err(|_| bad())?;
    let seconds = count.checked_mul(unit).filter(|seconds| *seconds > 0);
    seconds.map(Some).ok_or_else(bad)
}
