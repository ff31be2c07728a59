//! Runs `ca`: prints the CA certificate (PEM) for a toolchain to trust.

use super::Context;
use super::failure::{Exit, Failure, Outcome};
use super::workspace::Workspace;

pub(super) async fn run(context: &Context) -> Outcome {
    let workspace = Workspace::load(context)?;
    let path = workspace.ca_certificate();
    let pem = std::fs::read_to_string(&path).map_err(|error| {
        Failure::unreached(
            "ca_missing",
            format!(
                "the CA certificate `{}` cannot be read: {error}",
                path.display()
            ),
        )
        .help("start the gateway once: `tollgate serve`")
    })?;
    if context.output.is_json() {
        context.output.document(
            &serde_json::json!({ "path": path.display().to_string(), "certificate": pem }),
        )?;
    } else {
        context.output.raw(&pem)?;
    }
    Ok(Exit::Done)
}
