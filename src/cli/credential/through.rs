//! Adds a credential by the running gateway, here or elsewhere: no file of this machine is read, and nothing is written here.

use std::collections::BTreeSet;

use serde_json::json;

use super::told::tell_kept;
use super::{fields, named};
use crate::admin::service::additions::AddedCredential;
use crate::admin::service::connectors::WholeConnector;
use crate::cli::Context;
use crate::cli::api::{Api, segment};
use crate::cli::args::AddCredential;
use crate::cli::failure::{Exit, Failure, Outcome};

const CREDENTIALS: &str = "/api/v1/credentials";

pub(super) async fn run(context: &Context, api: &Api, args: AddCredential) -> Outcome {
    let mut body = json!({
        "connector": args.connector,
        "id": args.id,
        "scheme": args.scheme,
        "hosts": args.hosts,
        "path": args.path,
        "agents": args.agents,
        "agent_owned": args.agent_owned,
    });
    // Whether it can be added is known before a person types a secret.
    let preview = format!("{CREDENTIALS}?dry_run=true");
    let preview: Result<AddedCredential, Failure> = api.post(preview, &body).await;
    let preview = preview.map_err(Failure::bad_is_usage)?.credential;
    if !args.agent_owned {
        if args.from_file.is_none() && context.process.stdin_is_terminal {
            context.output.note(&format!(
                "credential `{}` for {} will go {}",
                preview.id,
                preview.connector,
                preview.binding.in_words()
            ));
        }
        let path = format!("/api/v1/connectors/{}", segment(&preview.connector));
        let connector: WholeConnector = api.get(path).await?;
        let scheme = named::find_scheme(&connector.id, &connector.auth, Some(&preview.scheme))?;
        let from = args.from_file.as_deref();
        let given = fields::read(context, (scheme, &BTreeSet::new()), from, &connector.id)?;
        if let Some(body) = body.as_object_mut() {
            body.insert("fields".to_owned(), given.document());
        }
    }
    let added: Result<AddedCredential, Failure> = api.post(CREDENTIALS, &body).await;
    let added = added.map_err(Failure::bad_is_usage)?;
    context.output.warn_all(&added.warnings);
    let kept = added.credential;
    if context.output.is_json() {
        context.output.document(&kept)?;
    } else {
        let of = (&*kept.id, &*kept.connector, &*kept.scheme);
        let bound = kept.binding.in_words();
        tell_kept(context, of, kept.agent_owned, &bound)?;
    }
    Ok(Exit::Done)
}
