//! Runs `operator`: adds operators with a token that is shown once, lists and removes them.

use serde_json::json;

use super::Context;
use super::api::{Api, segment};
use super::args::{AddOperator, OperatorCommand};
use super::failure::{Exit, Failure, Outcome};
use super::offline::Access;
use super::table::Table;
use crate::admin::service::operators::{AddedOperator, NewOperator, OperatorView};
use crate::admin::service::removal::Removed;
use crate::config::Role;
use crate::model::show::escape;

pub(super) async fn run(context: &Context, command: OperatorCommand) -> Outcome {
    match command {
        OperatorCommand::Add(args) => add(context, args).await,
        OperatorCommand::List => list(context).await,
        OperatorCommand::Rotate { name } => rotate(context, &name).await,
        OperatorCommand::Remove { name } => remove(context, &name).await,
    }
}

async fn add(context: &Context, args: AddOperator) -> Outcome {
    if Role::of(&args.role).is_none() {
        let shown = escape(&args.role);
        let detail = format!("`{shown}` is not a role; one of viewer, approver, editor, owner");
        return Err(Failure::usage(detail));
    }
    let new = NewOperator {
        name: args.name,
        role: args.role,
        groups: args.groups,
    };
    let api = Api::find(context, Access::Write).await?;
    let added: AddedOperator = api.post("/api/v1/operators", &new).await?;
    shown(context, &added)
}

async fn rotate(context: &Context, name: &str) -> Outcome {
    let api = Api::find(context, Access::Write).await?;
    let path = format!("/api/v1/operators/{}/rotate", segment(name));
    let added: AddedOperator = api.post(path, &json!({})).await?;
    shown(context, &added)
}

fn shown(context: &Context, added: &AddedOperator) -> Outcome {
    context.output.warn_all(&added.warnings);
    if context.output.is_json() {
        context.output.document(added)?;
        return Ok(Exit::Done);
    }
    context.output.line(added.token.text())?;
    context.output.note(&format!(
        "operator `{}` is {} {}. Its token is above and is shown only this once; commands read it from TOLLGATE_OPERATOR_TOKEN.",
        added.name,
        if added.role.starts_with(['a', 'e', 'o']) { "an" } else { "a" },
        added.role
    ));
    context.output.note("on this machine:  read -rs TOLLGATE_OPERATOR_TOKEN; export TOLLGATE_OPERATOR_TOKEN; tollgate status");
    context.output.note("on another:       the same, with `tollgate --server https://HOST:PORT status`; the gateway needs `admin.tls`");
    context
        .output
        .note("in a browser:     the sign-in page of the admin port takes it");
    Ok(Exit::Done)
}

async fn list(context: &Context) -> Outcome {
    let api = Api::find(context, Access::Read).await?;
    let operators: Vec<OperatorView> = api.list("/api/v1/operators", "operators").await?;
    if context.output.is_json() {
        context
            .output
            .document(&json!({ "operators": operators }))?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(["NAME", "ROLE", "GROUPS", "FROM"]);
    for operator in &operators {
        table.row([
            &operator.name,
            &operator.role,
            &operator.groups.join(","),
            &operator.from,
        ]);
    }
    table.print(&context.output)?;
    Ok(Exit::Done)
}

async fn remove(context: &Context, name: &str) -> Outcome {
    let api = Api::find(context, Access::Write).await?;
    let path = format!("/api/v1/operators/{}", segment(name));
    let removed: Removed = api.delete(path).await?;
    context.output.warn_all(&removed.warnings);
    if context.output.is_json() {
        context.output.document(&removed)?;
    } else {
        let text = format!("operator `{name}` is removed; its token is void");
        context.output.line(&escape(&text))?;
    }
    Ok(Exit::Done)
}
