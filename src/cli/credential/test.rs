//! Runs `credential test` and `connector health`: asks APIs whether credentials work, and shows what they say.

use crate::admin::service::checks::{CredentialHealth, HealthList};
use crate::cli::Context;
use crate::cli::api::{Api, segment};
use crate::cli::failure::{Exit, Failure, Outcome};
use crate::cli::offline::Access;
use crate::cli::table::Table;

/// A test needs no document.
const NO_BODY: serde_json::Value = serde_json::Value::Null;

/// Tests one credential; exit 1 unless it works, or nothing says how to test it.
pub(super) async fn run(context: &Context, id: &str) -> Outcome {
    let api = Api::find(context, Access::Read).await?;
    let path = format!("/api/v1/credentials/{}/test", segment(id));
    let health: CredentialHealth = api.post(path, &NO_BODY).await?;
    let exit = exit(&health);
    if context.output.is_json() {
        context.output.document(&health)?;
    } else {
        print(context, &[health])?;
    }
    Ok(exit)
}

/// Tests a connector's credentials, or with `None` all that are known.
pub(in crate::cli) async fn connectors(context: &Context, id: Option<&str>) -> Outcome {
    let api = Api::find(context, Access::Read).await?;
    let mut list = HealthList {
        credentials: Vec::new(),
    };
    match id {
        Some(id) => {
            let path = format!("/api/v1/connectors/{}/health", segment(id));
            list = api.post(path, &NO_BODY).await?;
        }
        None => {
            let known: HealthList = api.get("/api/v1/credentials/health").await?;
            for credential in known.credentials {
                let path = format!("/api/v1/credentials/{}/test", segment(&credential.id));
                list.credentials.push(api.post(path, &NO_BODY).await?);
            }
        }
    }
    let bad = list.credentials.iter().any(|one| exit(one) != Exit::Done);
    if context.output.is_json() {
        context.output.document(&list)?;
    } else if list.credentials.is_empty() {
        let what = id.map_or("there is no credential".to_owned(), |id| {
            format!("there is no credential for `{id}`")
        });
        context.output.line(&what)?;
    } else {
        print(context, &list.credentials)?;
    }
    Ok(if bad { Exit::Problems } else { Exit::Done })
}

/// Returns what the gateway knows of credentials; nothing where none answers, or the operator may not ask.
pub(in crate::cli) async fn known(context: &Context) -> Vec<CredentialHealth> {
    let Ok(Some(api)) = Api::running(context).await else {
        return Vec::new();
    };
    let list: Result<HealthList, Failure> = api.get("/api/v1/credentials/health").await;
    list.map(|list| list.credentials).unwrap_or_default()
}

/// Shows credentials with their states, a line each.
fn print(context: &Context, credentials: &[CredentialHealth]) -> Result<(), Failure> {
    let mut table = Table::new(["ID", "CONNECTOR", "STATE", "LAST SUCCESS", "EXPIRES"]);
    for one in credentials {
        table.row([
            one.id.as_str(),
            &one.connector,
            &one.in_words(),
            one.last_success.as_deref().unwrap_or("-"),
            one.expires_at.as_deref().unwrap_or("-"),
        ]);
    }
    table.print(&context.output)
}

fn exit(health: &CredentialHealth) -> Exit {
    match health.state.as_str() {
        "valid" | "unchecked" => Exit::Done,
        _ => Exit::Problems,
    }
}
