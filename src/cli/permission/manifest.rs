//! Builds a permission in the form of a policy file's `permissions:` from arguments.

use serde_json::{Map, Value as Json, json};

use crate::cli::args::SetPermission;
use crate::cli::failure::Failure;

const ACCESS: [&str; 5] = ["full", "supervised", "read_only", "ask", "none"];

/// Returns the permission that the arguments describe.
pub(super) fn of(args: &SetPermission) -> Result<Json, Failure> {
    let mut agents = args.agents.clone();
    agents.sort();
    agents.dedup();
    let mut fields = Map::new();
    fields.insert("agents".to_owned(), json!(agents));
    match (&args.connector, &args.access) {
        (Some(connector), Some(access)) => {
            // The seed product's word.
            let access = if access == "allow_all" {
                "full"
            } else {
                access.as_str()
            };
            if !ACCESS.contains(&access) {
                let shown = access.escape_debug();
                return Err(Failure::usage(format!(
                    "`{shown}` is not an access; use one of {}",
                    ACCESS.join(", ")
                )));
            }
            fields.insert("connector".to_owned(), json!(connector));
            fields.insert("access".to_owned(), json!(access));
        }
        (None | Some(_), _) => {
            for (name, globs) in [
                ("allow", &args.allow),
                ("ask", &args.ask),
                ("deny", &args.deny),
            ] {
                if !globs.is_empty() {
                    fields.insert(name.to_owned(), json!(globs));
                }
            }
            if fields.len() == 1 {
                return Err(Failure::usage(
                    "a permission needs `--connector C --access X`, or `--allow`, `--ask` or `--deny`",
                ));
            }
        }
    }
    if let Some(condition) = &args.condition {
        fields.insert("where".to_owned(), json!(condition));
    }
    if let Some(credential) = &args.credential {
        fields.insert("credential".to_owned(), json!(credential));
    }
    Ok(Json::Object(fields))
}
