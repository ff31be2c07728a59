//! Runs `credential rotate`: replaces the secret of a credential once the API has accepted the new one.

use std::collections::BTreeSet;

use serde_json::json;

use super::fields;
use crate::admin::service::rotation::Rotated;
use crate::cli::Context;
use crate::cli::api::{Api, segment};
use crate::cli::args::RotateCredential;
use crate::cli::failure::{Exit, Failure, Outcome};
use crate::cli::offline::Access;
use crate::cli::workspace::Workspace;
use crate::model::secret::SecretText;
use crate::model::show::escape;

pub(super) async fn run(context: &Context, args: RotateCredential) -> Outcome {
    let workspace = Workspace::load(context)?;
    let store = workspace.open_store().await?;
    let stored = store.credentials().await?;
    let credential = stored
        .iter()
        .find(|credential| credential.id.as_str() == args.id)
        .ok_or_else(|| super::unknown(&args.id))?;
    let catalog = workspace.catalog()?;
    let connector = super::find_connector(&catalog, &credential.connector)?;
    let scheme = connector
        .put_on(credential)
        .map_err(|unbound| Failure::failed("unbound", unbound.to_string()))?
        .ok_or_else(|| {
            let detail = "it is the agent's own; no secret is kept";
            Failure::failed("agent_owned", detail)
        })?;
    let from = args.from_file.as_deref();
    let given = fields::read(context, (scheme, &BTreeSet::new()), from, connector.id())?;
    let secret = given.secret.into_iter();
    let secret = secret.map(|(name, secret)| (name, json!(SecretText(secret))));
    let public = given.public.into_iter();
    let fields: serde_json::Map<_, _> = public
        .map(|(name, text)| (name, json!(text)))
        .chain(secret)
        .collect();
    store.close().await;
    let api = Api::find(context, Access::Write).await?;
    let path = format!("/api/v1/credentials/{}/rotate", segment(&args.id));
    let body = json!({ "fields": fields, "untested": args.untested });
    let rotated: Rotated = api.post(path, &body).await?;
    context.output.warn_all(&rotated.warnings);
    if context.output.is_json() {
        context.output.document(&rotated)?;
    } else {
        context.output.line(&format!(
            "credential `{}` is replaced; the test says: {}",
            escape(&args.id),
            escape(&rotated.health.in_words())
        ))?;
    }
    Ok(Exit::Done)
}
