//! Runs `schema`: prints the JSON schemas of the files that operators write and the description of the admin API, or writes them to `schemas/`.

mod actions;

use std::path::Path;

use serde_json::Value as Json;

use super::Context;
use super::args::{Schema as Args, SchemaOf};
use super::failure::{Exit, Failure, Outcome};
use super::workspace::Workspace;
use crate::config::schema_of;
use crate::model::vocabulary::Vocabulary;

/// Returns the file name and the schema of every kind of file.
#[must_use]
pub fn schemas() -> [(&'static str, Json); 3] {
    [
        (
            "connector.schema.json",
            schema_of::<crate::connector::Manifest>("connectors.d/*.yaml"),
        ),
        (
            "policy.schema.json",
            schema_of::<crate::policy::Manifest>("policies.d/*.yaml"),
        ),
        ("tollgate.schema.json", crate::config::schema()),
    ]
}

pub(super) fn run(context: &Context, args: &Args) -> Outcome {
    let mut wanted: Vec<(&str, Json)> = schemas()
        .into_iter()
        .filter(|(name, _)| is_wanted(name, args.of))
        .collect();
    // With all others it is written, and not printed: it is no schema of a file.
    if args.of == Some(SchemaOf::Admin) || (args.of.is_none() && args.write) {
        wanted.push(("admin.openapi.json", crate::admin::description()));
    }
    if args.actions {
        let workspace = Workspace::load(context)?;
        name_actions(&mut wanted, &vocabulary(&workspace)?);
    }
    if args.write {
        for name in write(&context.process.directory, &wanted)? {
            context.output.line(&name)?;
        }
        return Ok(Exit::Done);
    }
    match wanted.as_slice() {
        [(_, only)] => context.output.document(only)?,
        all => {
            let all: serde_json::Map<_, _> = all
                .iter()
                .map(|(name, schema)| ((*name).to_owned(), schema.clone()))
                .collect();
            context.output.document(&all)?;
        }
    }
    Ok(Exit::Done)
}

fn is_wanted(name: &str, of: Option<SchemaOf>) -> bool {
    of.is_none_or(|of| {
        name == match of {
            SchemaOf::Connector => "connector.schema.json",
            SchemaOf::Policy => "policy.schema.json",
            SchemaOf::Tollgate => "tollgate.schema.json",
            SchemaOf::Admin => "admin.openapi.json",
        }
    })
}

/// Returns what policies of a configuration may name.
pub(super) fn vocabulary(workspace: &Workspace) -> Result<Vocabulary, Failure> {
    let mut vocabulary = Vocabulary::default();
    workspace.catalog()?.describe(&mut vocabulary);
    let agents = workspace
        .declared_agents()
        .map(|agent| (agent.name.as_str().to_owned(), agent.labels.clone()));
    vocabulary.agents.extend(agents);
    Ok(vocabulary)
}

/// Puts what policies may name into the schema of policy files.
pub(super) fn name_actions(schemas: &mut [(&str, Json)], vocabulary: &Vocabulary) {
    for (_, schema) in schemas
        .iter_mut()
        .filter(|(name, _)| *name == "policy.schema.json")
    {
        actions::name(schema, vocabulary);
    }
}

/// Writes schemas below a directory, and returns their names.
pub(super) fn write(directory: &Path, schemas: &[(&str, Json)]) -> Result<Vec<String>, Failure> {
    let failed = |error: std::io::Error| {
        Failure::failed("output", format!("`schemas/` cannot be written: {error}"))
    };
    std::fs::create_dir_all(directory.join("schemas")).map_err(failed)?;
    let mut names = Vec::new();
    for (name, schema) in schemas {
        let name = format!("schemas/{name}");
        std::fs::write(directory.join(&name), format!("{schema:#}\n")).map_err(failed)?;
        names.push(name);
    }
    Ok(names)
}
