//! Runs `permission`: lists and changes what agents may do. The gateway compiles a change with everything else first.

mod manifest;

use http::Method;
use serde_json::{Value as Json, json};

use super::Context;
use super::api::{Api, Call};
use super::args::{PermissionCommand, SetPermission};
use super::failure::{Exit, Failure, Outcome};
use super::offline::Access;
use super::table::Table;
use crate::admin::service::manifest::in_words;
use crate::admin::service::permissions::{self, PermissionView};
use crate::admin::service::rules::RemovedRule;

pub(super) async fn run(context: &Context, command: PermissionCommand) -> Outcome {
    match command {
        PermissionCommand::Set(args) => set(context, &args).await,
        PermissionCommand::List => list(context).await,
        PermissionCommand::Remove { id, dry_run } => remove(context, id, dry_run).await,
        PermissionCommand::Export => export(context).await,
    }
}

async fn set(context: &Context, args: &SetPermission) -> Outcome {
    let manifest = manifest::of(args)?;
    let api = Api::find(context, Access::Write).await?;
    let path = format!("/api/v1/permissions?dry_run={}", args.dry_run);
    let set: permissions::SetPermission = api.post(path, &manifest).await?;
    context.output.warn_all(&set.warnings);
    if args.dry_run {
        if context.output.is_json() {
            context.output.document(&set)?;
        } else {
            print_effect(context, &set.effect.text)?;
        }
        return Ok(Exit::Done);
    }
    let id = set.id.unwrap_or_default();
    if context.output.is_json() {
        context.output.document(&shown(id, &manifest))?;
    } else {
        context
            .output
            .line(&format!("permission {id} is set: {}", in_words(&manifest)))?;
    }
    Ok(Exit::Done)
}

/// Prints what a change would do.
pub(super) fn print_effect(context: &Context, lines: &[String]) -> Result<(), Failure> {
    if lines.is_empty() {
        return context.output.line("no agent may do more or less");
    }
    lines.iter().try_for_each(|line| context.output.line(line))
}

async fn list(context: &Context) -> Outcome {
    let api = Api::find(context, Access::Read).await?;
    let permissions = all(&api).await?;
    if context.output.is_json() {
        context
            .output
            .document(&json!({ "permissions": permissions }))?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(["ID", "FROM", "PERMISSION"]);
    for permission in &permissions {
        let id = permission.id.map(|id| id.to_string()).unwrap_or_default();
        let rule = Json::Object(permission.rule.clone());
        table.row([&id, &permission.from, &in_words(&rule)]);
    }
    table.print(&context.output)?;
    Ok(Exit::Done)
}

async fn all(api: &Api) -> Result<Vec<PermissionView>, Failure> {
    api.list("/api/v1/permissions", "permissions").await
}

async fn remove(context: &Context, id: i64, dry_run: bool) -> Outcome {
    let api = Api::find(context, Access::Write).await?;
    let path = format!("/api/v1/permissions/{id}?dry_run={dry_run}");
    let removed: RemovedRule = api.call(Call::new(Method::DELETE, path)).await?;
    context.output.warn_all(&removed.warnings);
    if dry_run {
        let effect = removed.effect.unwrap_or_default();
        if context.output.is_json() {
            context.output.document(&effect)?;
        } else {
            print_effect(context, &effect.text)?;
        }
    } else if context.output.is_json() {
        context
            .output
            .document(&json!({ "id": id, "removed": true }))?;
    } else {
        context
            .output
            .line(&format!("permission {id} is removed"))?;
    }
    Ok(Exit::Done)
}

async fn export(context: &Context) -> Outcome {
    let api = Api::find(context, Access::Read).await?;
    let permissions = all(&api).await?.into_iter();
    let stored = permissions.filter(|permission| permission.id.is_some());
    let manifests: Vec<Json> = stored.map(|stored| Json::Object(stored.rule)).collect();
    if context.output.is_json() {
        context
            .output
            .document(&json!({ "permissions": manifests }))?;
        return Ok(Exit::Done);
    }
    // Flow style: JSON is YAML, and strings stay strings.
    let lines = manifests
        .iter()
        .map(|manifest| format!("  - {manifest}\n"))
        .collect::<String>();
    let empty = if lines.is_empty() { " []" } else { "" };
    context
        .output
        .raw(&format!("permissions:{empty}\n{lines}"))?;
    Ok(Exit::Done)
}

fn shown(id: i64, manifest: &Json) -> Json {
    let mut shown = json!({ "id": id, "from": "store" });
    if let (Some(shown), Some(fields)) = (shown.as_object_mut(), manifest.as_object()) {
        shown.extend(fields.clone());
    }
    shown
}
