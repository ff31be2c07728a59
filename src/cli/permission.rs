//! Runs `permission`: stores what agents may do, checked against connectors, agents and files before it is persisted.

pub(super) mod manifest;

use serde_json::{Value as Json, json};

use super::Context;
use super::args::{PermissionCommand, SetPermission};
use super::change::{note_change, settled};
use super::failure::{Exit, Failure, Outcome};
use super::serve::first_start;
use super::table::Table;
use super::workspace::{StoreView, Workspace, files_failure, permission_source};
use crate::config::diagnostic::Severity;
use crate::model::vocabulary::Unknown;
use crate::snapshot::{Inputs, Snapshot};
use crate::store::{Store, StoreError, StoredPermission};

pub(super) async fn run(context: &Context, command: PermissionCommand) -> Outcome {
    match command {
        PermissionCommand::Set(args) => set(context, &args).await,
        PermissionCommand::List => list(context).await,
        PermissionCommand::Remove { id } => remove(context, id).await,
        PermissionCommand::Export => export(context).await,
    }
}

async fn set(context: &Context, args: &SetPermission) -> Outcome {
    let (key, manifest) = manifest::of(args)?;
    let workspace = Workspace::load(context)?;
    let store = first_start::open_or_make(context, &workspace).await?;
    let text = manifest.to_string();
    check(
        &workspace,
        &store,
        StoredPermission {
            id: 0,
            key: key.clone(),
            manifest: text.clone(),
        },
    )
    .await?;
    let id = store.set_permission(&key, &text).await?;
    note_change(context, &store, "permission.set", &text).await;
    settled(context, &workspace.gateway(), &store).await;
    let shown = shown(id, &manifest);
    if context.output.is_json() {
        context.output.document(&shown)?;
    } else {
        context.output.line(&format!(
            "permission {id} is set: {}",
            manifest::in_words(&manifest)
        ))?;
    }
    Ok(Exit::Done)
}

/// Compiles everything as the gateway will, so that a permission that it would refuse is not kept.
async fn check(
    workspace: &Workspace,
    store: &Store,
    permission: StoredPermission,
) -> Result<(), Failure> {
    let files = Inputs {
        unknown: Unknown::Tolerated,
        ..workspace.files().map_err(files_failure)?
    };
    let mut view = StoreView::read(store).await?;
    view.permissions
        .retain(|stored| stored.key != permission.key);
    let (before, report) = Snapshot::compile(&workspace.with_store(files.clone(), &view));
    if before.is_none() {
        let detail = "the files have errors already, so the permission cannot be checked";
        return Err(Failure::failed("files_broken", detail).because(report));
    }
    let added = Inputs {
        candidate: Some(permission_source(&permission)),
        ..workspace.with_store(files, &view)
    };
    let (after, mut report) = Snapshot::compile(&added);
    if after.is_none() {
        // What else there is to warn of is not why.
        report
            .diagnostics
            .retain(|problem| problem.severity == Severity::Error);
        return Err(
            Failure::failed("permission_refused", "the permission is not kept").because(report),
        );
    }
    Ok(())
}

async fn list(context: &Context) -> Outcome {
    let workspace = Workspace::load(context)?;
    let store = workspace.open_store().await?;
    let stored = store.permissions().await?;
    let mut permissions: Vec<Json> = Vec::new();
    for source in workspace.policy_sources()? {
        permissions.extend(manifest::in_file(&source));
    }
    permissions.extend(
        stored
            .iter()
            .map(|permission| shown(permission.id, &manifest::parse(permission))),
    );
    if context.output.is_json() {
        context
            .output
            .document(&json!({ "permissions": permissions }))?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(["ID", "FROM", "PERMISSION"]);
    for permission in &permissions {
        let id = permission
            .get("id")
            .filter(|id| !id.is_null())
            .map(Json::to_string)
            .unwrap_or_default();
        let from = permission
            .get("from")
            .and_then(Json::as_str)
            .unwrap_or_default();
        table.row([&id, from, &manifest::in_words(permission)]);
    }
    table.print(&context.output)?;
    Ok(Exit::Done)
}

async fn remove(context: &Context, id: i64) -> Outcome {
    let workspace = Workspace::load(context)?;
    let store = workspace.open_store().await?;
    let unknown = || {
        Failure::failed(
            "unknown_permission",
            format!("there is no stored permission `{id}`"),
        )
        .help("list them: `tollgate permission list`; those of files are removed in the file")
    };
    let stored = store.permissions().await?;
    let permission = stored
        .into_iter()
        .find(|stored| stored.id == id)
        .ok_or_else(unknown)?;
    store
        .remove_permission(&permission.key)
        .await
        .map_err(|error| match error {
            StoreError::NotFound { .. } => unknown(),
            other => Failure::from(other),
        })?;
    note_change(context, &store, "permission.remove", &permission.manifest).await;
    settled(context, &workspace.gateway(), &store).await;
    if context.output.is_json() {
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
    let workspace = Workspace::load(context)?;
    let store = workspace.open_store().await?;
    let stored = store.permissions().await?;
    let manifests: Vec<Json> = stored.iter().map(manifest::parse).collect();
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
