//! Runs `credential list`: declared and stored credentials, where each may go, and what keeps it from being used. No secret is
//! shown.

use serde_json::json;

use crate::admin::service::checks::CredentialHealth;
use crate::admin::service::credentials::{CredentialList, CredentialView};
use crate::cli::Context;
use crate::cli::api::{Api, segment};
use crate::cli::failure::{Exit, Failure, Outcome};
use crate::cli::offline::Access;
use crate::cli::table::Table;

const COLUMNS: [&str; 7] = [
    "ID",
    "CONNECTOR",
    "SCHEME",
    "GOES",
    "STATE",
    "FROM",
    "CREATED",
];

pub(super) async fn run(context: &Context) -> Outcome {
    let api = Api::find(context, Access::Read).await?;
    let (credentials, warnings) = all(&api).await?;
    context.output.warn_all(&warnings);
    if context.output.is_json() {
        context
            .output
            .document(&json!({ "credentials": credentials }))?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(COLUMNS);
    for credential in &credentials {
        let scheme = if credential.agent_owned {
            "the agent's own"
        } else {
            &credential.scheme
        };
        table.row([
            credential.id.as_str(),
            &credential.connector,
            scheme,
            &credential.binding.in_words(),
            &state(credential),
            &credential.from,
            credential.created_at.as_deref().unwrap_or_default(),
        ]);
    }
    table.print(&context.output)?;
    Ok(Exit::Done)
}

/// Reads all parts of the list, and what keeps it from being whole.
pub(super) async fn all(api: &Api) -> Result<(Vec<CredentialView>, Vec<String>), Failure> {
    let mut path = "/api/v1/credentials".to_owned();
    let mut credentials = Vec::new();
    loop {
        let part: CredentialList = api.get(path).await?;
        credentials.extend(part.credentials);
        match part.next {
            Some(next) => path = format!("/api/v1/credentials?cursor={}", segment(&next)),
            None => return Ok((credentials, part.warnings)),
        }
    }
}

/// Returns a credential by its id.
pub(super) async fn find(api: &Api, id: &str) -> Result<CredentialView, Failure> {
    let mut all = all(api).await?.0.into_iter();
    let found = all.find(|credential| credential.id == id);
    found.ok_or_else(|| super::unknown(id))
}

/// Returns what keeps a credential from being used, else what its last test has found.
fn state(credential: &CredentialView) -> String {
    let tested = credential.health.as_ref();
    let tested = tested.filter(|tested| tested.state != "unchecked");
    credential
        .problem
        .clone()
        .or_else(|| tested.map(CredentialHealth::in_words))
        .unwrap_or_else(|| "ok".to_owned())
}
