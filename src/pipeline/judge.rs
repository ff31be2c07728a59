//! Judge: a head and its body in; through admit, classify, collect and decide; a permit with its open record out, or a refusal.

use std::sync::Arc;
use std::time::Instant;

use http::HeaderMap;
use http::header::CONTENT_LENGTH;

use super::decide::Asking;
use super::matter::Matter;
use super::record::{Ticket, Trail};
use super::refuse::{Code, Refusal};
use super::standing::{Origin, Standing};
use super::{
    BodyReader, Gateway, Head, Permit, admit, classify, collect, decide, headers, outgoing, staged,
};
use crate::model::agent::Agent;
use crate::telemetry::metrics::Stage;

/// Runs every stage that comes before the upstream is contacted. The ticket goes with the exchange: its drop writes `finished`.
///
/// # Errors
/// A refusal, already recorded.
pub async fn judge(
    gateway: &Arc<Gateway>,
    mut head: Head,
    body: &mut dyn BodyReader,
) -> Result<(Permit, Ticket), Refusal> {
    // Before anything is looked at, so that a change meanwhile is seen as one.
    let changes = gateway.parts.changes.count();
    let started = Instant::now();
    let (pass, agent) = match head.pass {
        Some(pass) => admit::again(gateway, pass)
            .map(|agent| (pass, agent))
            .ok_or_else(|| Refusal::new(Code::ProxyAuthenticationRequired, &head.request_id))?,
        None => admit::admit(gateway, &head.headers)?,
    };
    staged(gateway, Stage::Admit, started);
    let asker = Asker {
        agent,
        pass,
        changes,
    };
    let mut trail = Trail::new(gateway, &head, &asker.agent);
    match stages(gateway, &asker, &mut head, body, &mut trail).await {
        Ok(permit) => match trail.permitted().await {
            Ok(ticket) => Ok((permit, ticket)),
            Err(error) => {
                tracing::error!(request.id = %head.request_id, %error, "refused: the journal cannot be written");
                Err(Refusal::new(Code::JournalUnavailable, &head.request_id))
            }
        },
        Err(refusal) => {
            let refusal = Refusal {
                request_id: head.request_id,
                ..refusal
            };
            trail.refused(&refusal).await;
            Err(refusal)
        }
    }
}

/// Who asks, and since when of what is in force they are judged.
struct Asker {
    agent: Arc<Agent>,
    pass: admit::Pass,
    changes: u64,
}

async fn stages(
    gateway: &Arc<Gateway>,
    asker: &Asker,
    head: &mut Head,
    body: &mut dyn BodyReader,
    trail: &mut Trail,
) -> Result<Permit, Refusal> {
    let parts = &gateway.parts;
    admit::check_halt(gateway, &asker.agent)?;
    // One moment for the whole request.
    let snapshot = parts.current.snapshot();
    let declared = declared_length(&head.headers);
    let started = Instant::now();
    let mut classified = classify::classify(&snapshot, head)?;
    let started = staged(gateway, Stage::Classify, started);
    headers::pass_via(&mut classified.headers, &parts.pseudonym)?;
    trail.note_classified(&classified);
    admit::check_connector_halt(gateway, classified.connector().id())?;
    let budget = match collect::wanted(&classified, parts.bounds)? {
        Some((_, limit)) if !body.is_empty() => {
            Some(gateway.reserve(declared.unwrap_or(limit).min(limit))?)
        }
        _ => None,
    };
    let collected = collect::collect(&mut classified, body, parts.bounds).await?;
    let started = staged(gateway, Stage::Collect, started);
    trail.note_collected(&collected);
    let asking = Asking {
        agent: &asker.agent,
        keyring: &parts.keyring,
        now: parts.clock.now(),
    };
    let (matter, rest, connector) = Matter::part(classified, collected);
    let (ruling, injection) = decide::decide(&snapshot, &connector, asking, &matter);
    staged(gateway, Stage::Decide, started);
    trail.note_decided(ruling, injection.as_ref().ok());
    let injection = injection?;
    rest.check_foreign(&connector, &injection)
        .map_err(|refusal| Refusal {
            action: matter.action(),
            ..refusal
        })?;
    let outgoing = outgoing::build(&matter.target, rest, &connector, &injection);
    let origin = Origin {
        judged_at: asker.changes,
        pass: asker.pass,
        connector,
        request_id: head.request_id.clone(),
    };
    Ok(Permit {
        outgoing,
        standing: Arc::new(Standing::new(matter, injection, origin)),
        agent: Arc::clone(&asker.agent),
        _budget: budget,
    })
}

fn declared_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
