//! Runs `credential rotate`: replaces the secret of a credential once the API has accepted the new one.

use std::collections::BTreeSet;

use http::Method;
use serde_json::json;

use super::{fields, list, named};
use crate::admin::service::connectors::WholeConnector;
use crate::admin::service::rotation::Rotated;
use crate::cli::Context;
use crate::cli::api::{Api, Call, segment};
use crate::cli::args::RotateCredential;
use crate::cli::failure::{Exit, Failure, Outcome};
use crate::cli::offline::Access;
use crate::model::show::escape;

pub(super) async fn run(context: &Context, args: RotateCredential) -> Outcome {
    let api = Api::find(context, Access::Write).await?;
    let credential = list::find(&api, &args.id).await?;
    if credential.agent_owned {
        let detail = "it is the agent's own; no secret is kept";
        return Err(Failure::failed("agent_owned", detail));
    }
    let path = format!("/api/v1/connectors/{}", segment(&credential.connector));
    let connector: WholeConnector = api.get(path).await?;
    let scheme = named::find_scheme(&connector.id, &connector.auth, Some(&credential.scheme))?;
    let from = args.from_file.as_deref();
    let given = fields::read(context, (scheme, &BTreeSet::new()), from, &connector.id)?;
    let body = json!({ "fields": given.document(), "untested": args.untested });
    let path = format!("/api/v1/credentials/{}/rotate", segment(&args.id));
    let call = Call {
        if_match: Some(&credential.revision),
        ..Call::new(Method::POST, path).body(&body)
    };
    let rotated: Rotated = api.call(call).await?;
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
