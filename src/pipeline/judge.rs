//! Judges a request: runs admit, classify, collect, decide and escalate, and returns a permit with its open record, or a refusal.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_LENGTH;

use super::classify::Classified;
use super::collect::Collected;
use super::decide::{Clearance, DecisionContext, Injection};
use super::decision_input::{DecisionInput, RequestPayload};
use super::escalate::{self, Held};
use super::permit_validity::{Consent, Origin, PermitValidity, ResponseSecrets};
use super::record::{DecisionRecorder, OpenExchange, refused_unauthenticated};
use super::refuse::{Code, Native, Refusal};
use super::{
    BodyReader, Gateway, Head, Permit, admit, classify, client_credential, collect, decide,
    headers, outgoing, staged,
};
use crate::connector::{Connector, Passes};
use crate::limit::Share;
use crate::model::agent::Agent;
use crate::policy::Ruling;
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
) -> Result<(Permit, OpenExchange), Refusal> {
    // Before anything is looked at, so that a change meanwhile is seen as one.
    let changes = gateway.dependencies.changes.count();
    let started = Instant::now();
    let (pass, agent) = identify(gateway, &head)?;
    staged(gateway, Stage::Admit, started);
    let mut recorder = DecisionRecorder::new(gateway, &head, &agent);
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
    conclude(recorder, &head.request_id, judged).await
}

/// Finds out who asks: by the tunnel's token, or by the request's own.
pub(super) fn identify(
    gateway: &Gateway,
    head: &Head,
) -> Result<(admit::Pass, Arc<Agent>), Refusal> {
    match head.pass {
        Some(pass) => admit::again(gateway, pass)
            .map(|agent| (pass, agent))
            .ok_or_else(|| admit::unknown(gateway, &head.request_id)),
        None => admit::admit(gateway, &head.headers)
            .inspect_err(|refusal| refused_unauthenticated(gateway, head.peer, refusal.code)),
    }
}

/// Writes down what a request has come to. A permit counts only once its record is durable.
pub(super) async fn conclude(
    recorder: DecisionRecorder,
    request_id: &str,
    judged: Result<Permit, Refusal>,
) -> Result<(Permit, OpenExchange), Refusal> {
    match judged {
        Ok(permit) => match recorder.permitted().await {
            Ok(open) => Ok((permit, open)),
            Err(error) => {
                tracing::error!(request.id = %request_id, %error, "refused: the journal cannot be written");
                Err(Refusal::new(Code::JournalUnavailable, request_id))
            }
        },
        Err(refusal) => {
            let refusal = Refusal {
                request_id: request_id.into(),
                native: recorder.native().or(refusal.native),
                ..refusal
            };
            recorder.refused(&refusal).await;
            Err(refusal)
        }
    }
}

/// Who asks, and since when of what is in force they are judged.
pub(super) struct Admission {
    pub(super) agent: Arc<Agent>,
    pub(super) pass: admit::Pass,
    /// Read before anything was judged.
    pub(super) changes: u64,
    /// The request is one of those that are under way.
    pub(super) stream: Share,
}

/// A request that is understood by the connectors of one moment.
pub(super) struct Understood {
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) input: DecisionInput,
    pub(super) payload: RequestPayload,
    pub(super) connector: Arc<Connector>,
    /// What the body takes of the memory that all bodies share.
    pub(super) memory: Option<Share>,
}

/// A request that may go.
pub(super) struct Cleared {
    pub(super) admission: Admission,
    pub(super) understood: Understood,
    pub(super) injection: Injection,
    pub(super) consent: Consent,
    pub(super) response_secrets: ResponseSecrets,
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
    let declared = declared_length(&head.headers);
    let started = Instant::now();
    let mut classified = classify::classify(&snapshot, head)?;
    let started = staged(gateway, Stage::Classify, started);
    headers::pass_via(&mut classified.headers, &dependencies.pseudonym)?;
    recorder.note_classified(&classified);
    let read = read(gateway, &admission, &mut classified, (declared, body)).await;
    let (collected, memory) =
        read.inspect_err(|_| recorder.note_candidates(&classified.candidates))?;
    let started = staged(gateway, Stage::Collect, started);
    recorder.note_collected(&collected);
    recorder.note_dropped(&classified.dropped);
    let (input, payload, connector) = DecisionInput::part(classified, collected);
    let understood = Understood {
        snapshot,
        input,
        payload,
        connector,
        memory,
    };
    let (ruling, decided) = weigh(gateway, &admission, &understood);
    staged(gateway, Stage::Decide, started);
    recorder.note_decided(&ruling, decided.injection());
    let cleared = match decided {
        Clearance::Refused(refusal) => return Err(refusal),
        Clearance::Allowed(injection) => Cleared {
            admission,
            understood,
            injection,
            consent: Consent::NotNeeded,
            response_secrets: ResponseSecrets::of(&ruling),
        },
        Clearance::NeedsApproval(injection) => {
            let held = Held {
                admission,
                understood,
                ruling,
                injection,
                declared,
                request_id: head.request_id.clone(),
            };
            escalate::escalate(gateway, held, body, recorder).await?
        }
    };
    cleared.permit(gateway, &head.request_id, recorder.native())
}

/// Reads the body where a route reads it, and names the actions.
///
/// Memory is there before the body is, and before what is copied of it; an agent that is halted meanwhile is not waited for.
async fn read(
    gateway: &Gateway,
    admission: &Admission,
    classified: &mut Classified,
    (declared, body): (Option<usize>, &mut dyn BodyReader),
) -> Result<(Collected, Option<Share>), Refusal> {
    let bounds = gateway.dependencies.bounds;
    admit::check_connector_halt(gateway, classified.connector().id())?;
    let wanted = collect::wanted(classified, bounds)?;
    let mut memory = match &wanted {
        Some((_, limit)) if !body.is_empty() => {
            let room = collect::room(&classified.headers, declared, *limit);
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
    let collected = admit::growing(gateway, &admission.agent, &mut memory, |memory| {
        collect::understand(classified, read, bounds, memory)
    })?;
    Ok((collected, memory))
}

/// Decides, and looks at what only matters once it is known what would go out.
pub(super) fn weigh(
    gateway: &Gateway,
    admission: &Admission,
    understood: &Understood,
) -> (Ruling, Clearance) {
    let Understood {
        snapshot,
        input,
        payload,
        connector,
        ..
    } = understood;
    let context = DecisionContext {
        agent: &admission.agent,
        keyring: &gateway.dependencies.keyring,
        now: gateway.dependencies.clock.now(),
    };
    let (ruling, decided) = decide::decide(snapshot, connector, context, input);
    let foreign = decided
        .injection()
        .and_then(|injection| client_credential::check(input, payload, connector, injection).err());
    match foreign {
        None => (ruling, decided),
        Some(refusal) => (ruling, Clearance::Refused(refusal)),
    }
}

impl Cleared {
    /// Makes the permit. An answer that will be masked is held in memory, which is there before anything is sent.
    pub(super) fn permit(
        self,
        gateway: &Gateway,
        request_id: &str,
        native: Option<Arc<Native>>,
    ) -> Result<Permit, Refusal> {
        let Self {
            admission,
            understood,
            injection,
            consent,
            response_secrets,
        } = self;
        let Understood {
            input,
            mut payload,
            connector,
            memory,
            ..
        } = understood;
        let answer = match response_secrets {
            ResponseSecrets::Passes => None,
            ResponseSecrets::Masked => {
                headers::keep_answer_readable(&mut payload.headers, Passes::default());
                // As it comes, and decoded.
                let room = gateway.dependencies.bounds.body.saturating_mul(2);
                Some(admit::reserve(gateway, &admission.agent, room)?)
            }
        };
        let outgoing = outgoing::build(&input.target, payload, &connector, &injection);
        let origin = Origin {
            judged_at: admission.changes,
            pass: admission.pass,
            connector,
            request_id: request_id.to_owned(),
            consent,
            response_secrets,
        };
        Ok(Permit {
            outgoing,
            validity: Arc::new(PermitValidity::new(input, injection, origin)),
            agent: admission.agent,
            native,
            _memory: [memory, answer],
            _stream: admission.stream,
        })
    }
}

fn declared_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
