//! `schema`: the JSON schemas of the files that operators write, printed or written to `schemas/`.

use serde_json::Value as Json;

use super::Context;
use super::args::Schema as Args;
use super::failure::{Exit, Failure, Outcome};
use crate::config::schema_of;

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
    if !args.write {
        let all: serde_json::Map<_, _> = schemas()
            .into_iter()
            .map(|(name, schema)| (name.to_owned(), schema))
            .collect();
        context.output.document(&all)?;
        return Ok(Exit::Done);
    }
    let directory = context.world.directory.join("schemas");
    let failed = |error: std::io::Error| {
        Failure::failed("output", format!("`schemas/` cannot be written: {error}"))
    };
    std::fs::create_dir_all(&directory).map_err(failed)?;
    for (name, schema) in schemas() {
        let text = format!("{schema:#}\n");
        std::fs::write(directory.join(name), text).map_err(failed)?;
        context.output.line(&format!("schemas/{name}"))?;
    }
    Ok(Exit::Done)
}
