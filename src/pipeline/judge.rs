//! Judges a request: runs admit, classify, collect, decide and escalate, and returns a permit with its open record, or a refusal.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::admit::{self, Admission};
use super::classify::{self, Classified};
use super::collect::{self, Collected, ReadBody};
use super::decide::Clearance;
use super::judged_request::JudgedRequest;
use super::record::{DecisionRecorder, OpenExchange, Outcome, refused_unauthenticated};
use super::refuse::{Code, Refusal, RefusedExchange};
use super::{BodyReader, Gateway, Head, Permit, escalate, headers, mint};
use crate::connector::RequestActions;
use crate::limit::Share;
use crate::model::agent::Agent;
use crate::snapshot::Snapshot;
use crate::telemetry::metrics::Stage;

/// Runs every stage that comes before the upstream is contacted. The open record goes with the exchange: its drop writes `finished`.
///
/// # Errors
/// A refusal, already recorded.
pub async fn judge(
    gateway: &Arc<Gateway>,
    mut head: Head,
    body: &mut dyn BodyReader,
) -> Result<(Permit, OpenExchange), RefusedExchange> {
    // Before anything is looked at, so that a change meanwhile is seen as one.
    let changes = gateway.dependencies.changes.count();
    let started = Instant::now();
    let (pass, agent) = identify(gateway, &head)?;
    let mut recorder = DecisionRecorder::new(gateway, &head, &agent);
    recorder.staged(Stage::Admit, started);
    let judged = match admit::enter(gateway, &agent) {
        Ok(stream) => {
            let admission = Admission {
                agent,
                pass,
                changes,
                stream,
            };
            stages(gateway, admission, &mut head, body, &mut recorder).await
        }
        Err(refusal) => Err(refusal),
    };
    conclude((gateway, recorder), judged, Some(body)).await
}

/// Finds out who asks: by the tunnel's token, or by the request's own.
pub(crate) fn identify(
    gateway: &Gateway,
    head: &Head,
) -> Result<(admit::Pass, Arc<Agent>), RefusedExchange> {
    let found = match head.pass {
        Some(pass) => admit::again(gateway, pass)
            .map(|agent| (pass, agent))
            .ok_or_else(|| admit::unknown(gateway)),
        None => admit::admit(gateway, &head.headers)
            .inspect_err(|refusal| refused_unauthenticated(gateway, head.peer, refusal.code)),
    };
    found.map_err(|refusal| RefusedExchange::unjudged(refusal, &head.request_id))
}

/// Writes down what a request has come to. A permit counts only once its record is durable.
pub(crate) async fn conclude(
    (gateway, recorder): (&Arc<Gateway>, DecisionRecorder),
    judged: Result<Permit, Refusal>,
    body: Option<&mut dyn BodyReader>,
) -> Result<(Permit, OpenExchange), RefusedExchange> {
    match judged {
        Ok(mut permit) => match recorder.permitted(permit.validity()).await {
            Ok(mut open) => {
                // A body that streams is not read to see whether the agent is there.
                let is_read = permit.outgoing.body.is_some();
                let agent = body.filter(|body| is_read || body.is_empty());
                if let Err(refusal) = mint::provide(gateway, &mut permit, agent).await {
                    open.note_outcome(Outcome::Refused(refusal.code().as_str()));
                    return Err(refusal);
                }
                open.search(permit.patterns.clone());
                Ok((permit, open))
            }
            Err(error) => {
                tracing::error!(request.id = permit.request_id(), %error, "refused: the journal cannot be written");
                Err(permit.refused(Code::JournalUnavailable))
            }
        },
        Err(refusal) => {
            let refused = recorder.join(refusal);
            // On the heap, as all that few requests need: a future is copied whole when it is begun.
            Box::pin(recorder.refused(&refused)).await;
            Err(refused)
        }
    }
}

async fn stages(
    gateway: &Arc<Gateway>,
    admission: Admission,
    head: &mut Head,
    body: &mut dyn BodyReader,
    recorder: &mut DecisionRecorder,
) -> Result<Permit, Refusal> {
    let dependencies = &gateway.dependencies;
    // One moment for the whole request, unless it has to wait.
    let snapshot = dependencies.current.snapshot();
    let started = Instant::now();
    let mut classified = classify::classify(&snapshot, head)
        .map_err(|unclassified| recorder.note_unclassified(unclassified, (&snapshot, head)))?;
    if body.is_empty() {
        classified.declared_length = Some(0);
    }
    let started = recorder.staged(Stage::Classify, started);
    recorder.note_snapshot(&snapshot);
    let via = gateway.via.as_ref();
    headers::pass_via(&mut classified.headers, &dependencies.pseudonym, via)?;
    recorder.note_classified(&classified);
    let collected =
        understand((gateway, &snapshot), &admission, classified, body, recorder).await?;
    let started = recorder.staged(Stage::Collect, started);
    let mut judged = JudgedRequest::new(gateway, admission, snapshot, collected);
    recorder.staged(Stage::Decide, started);
    recorder.note_decided(&judged.ruling, judged.clearance.injection());
    let connector = &judged.request.connector;
    recorder.note_placeholders(judged.presented.told(connector, &dependencies.keyring));
    if matches!(judged.clearance, Clearance::NeedsApproval(_)) {
        Box::pin(escalate::escalate(gateway, &mut judged, body, recorder)).await?;
    }
    if judged.signs_body() {
        judged.read_whole(gateway, body, recorder).await?;
    }
    judged.permit(gateway, &head.request_id, recorder.native())
}

/// Reads the body where a route reads it, and names the actions.
async fn understand(
    (gateway, snapshot): (&Gateway, &Snapshot),
    admission: &Admission,
    mut classified: Classified,
    body: &mut dyn BodyReader,
    recorder: &mut DecisionRecorder,
) -> Result<(Collected, Option<Share>), Refusal> {
    let (read, named, memory) = read((gateway, snapshot), admission, &mut classified, body)
        .await
        .inspect_err(|_| recorder.note_candidates(&classified.candidates))?;
    recorder.note_named(&named, read.0.as_ref());
    let collected = Collected::new(classified, read, named)?;
    recorder.note_dropped(&collected.payload.dropped);
    Ok((collected, memory))
}

/// Memory is there before the body is, and before what is copied of it; an agent that is halted meanwhile is not waited for.
async fn read(
    (gateway, snapshot): (&Gateway, &Snapshot),
    admission: &Admission,
    classified: &mut Classified,
    body: &mut dyn BodyReader,
) -> Result<(ReadBody, RequestActions, Option<Share>), Refusal> {
    let bounds = gateway.dependencies.bounds;
    admit::check_connector_halt(gateway, classified.connector().id())?;
    let wanted = collect::wanted(classified, bounds)?;
    let mut memory = match &wanted {
        Some((_, limit)) if !body.is_empty() => {
            let room = collect::room(classified, *limit);
            Some(admit::reserve(gateway, &admission.agent, room)?)
        }
        _ => None,
    };
    let who = (admission.pass, classified.connector().id());
    let reading = collect::read(classified, body, wanted);
    let read = admit::while_admitted(gateway, who, reading).await?;
    if let Some(memory) = &mut memory {
        memory.shrink_to(read.0.as_ref().map_or(0, Bytes::len));
    }
    let named = admit::growing(gateway, &admission.agent, &mut memory, |memory| {
        let catalog = snapshot.catalog();
        collect::understand(catalog, classified, read.0.as_ref(), bounds, memory)
    })?;
    Ok((read, named, memory))
}
