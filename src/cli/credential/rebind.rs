//! Runs `credential rebind`: binds credentials to where their connectors put them now, and shows what that changes.

use http::Method;
use serde_json::{Value as Json, json};

use super::list;
use crate::admin::service::credentials::CredentialView;
use crate::admin::service::rebinding::Rebound;
use crate::cli::Context;
use crate::cli::api::{Api, Call, segment};
use crate::cli::args::RebindCredential;
use crate::cli::failure::{Exit, Failure, Outcome};
use crate::cli::offline::Access;

pub(super) async fn run(context: &Context, args: RebindCredential) -> Outcome {
    let api = Api::find(context, Access::Write).await?;
    let (all, warnings) = list::all(&api).await?;
    context.output.warn_all(&warnings);
    let wanted: Vec<&CredentialView> = match &args.id {
        Some(id) => vec![
            all.iter()
                .find(|credential| credential.id == *id)
                .ok_or_else(|| super::unknown(id))?,
        ],
        None => all.iter().filter(|credential| credential.moved).collect(),
    };
    let mut done = Vec::new();
    let mut failed = None;
    for credential in wanted {
        match rebind(&api, credential).await {
            Ok(rebound) => {
                context.output.warn_all(&rebound.warnings);
                done.push(rebound);
            }
            Err(failure) if args.all => {
                context.output.note(&failure.to_text());
                failed = Some(failure);
            }
            Err(failure) => return Err(failure),
        }
    }
    print(context, &done)?;
    Ok(failed.map_or(Exit::Done, |_| Exit::Problems))
}

async fn rebind(api: &Api, credential: &CredentialView) -> Result<Rebound, Failure> {
    let path = format!("/api/v1/credentials/{}/rebind", segment(&credential.id));
    let call = Call {
        if_match: Some(&credential.revision),
        ..Call::new(Method::POST, path)
    };
    api.call(call).await
}

fn print(context: &Context, done: &[Rebound]) -> Result<(), Failure> {
    if context.output.is_json() {
        let credentials: Vec<Json> = done
            .iter()
            .map(|change| json!({ "id": change.id, "was": change.was, "now": change.now }))
            .collect();
        return context
            .output
            .document(&json!({ "credentials": credentials }));
    }
    if done.is_empty() {
        return context
            .output
            .line("every credential is bound to where its connector puts it");
    }
    for Rebound { id, was, now, .. } in done {
        let told = if was == now {
            format!("credential `{id}` is bound as before: {now}")
        } else {
            format!("credential `{id}` is bound again\n  was  {was}\n  now  {now}")
        };
        context.output.line(&told)?;
    }
    Ok(())
}
