//! Judge: a head and its body in; through admit, classify, collect, decide and escalate; a permit with its open record out, or a
//! refusal.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_LENGTH;

use super::classify::Classified;
use super::collect::Collected;
use super::decide::{Asking, Decided, Injection};
use super::escalate::{self, Held};
use super::matter::{Matter, Rest};
use super::record::{Ticket, Trail, refused_unauthenticated};
use super::refuse::{Code, Native, Refusal};
use super::standing::{Consent, Issued, Origin, Standing};
use super::{
    BodyReader, Gateway, Head, Permit, admit, classify, collect, decide, foreign, headers,
    outgoing, staged,
};
use crate::connector::{Connector, Passes};
use crate::limit::Share;
use crate::model::agent::Agent;
use crate::policy::Ruling;
use crate::snapshot::Snapshot;
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
    let (pass, agent) = identify(gateway, &head)?;
    staged(gateway, Stage::Admit, started);
    let mut trail = Trail::new(gateway, &head, &agent);
    let judged = match admit::enter(gateway, &agent) {
        Ok(stream) => {
            let asker = Asker {
                agent,
                pass,
                changes,
                stream,
            };
            stages(gateway, asker, &mut head, body, &mut trail).await
        }
        Err(refusal) => Err(refusal),
    };
    conclude(trail, &head.request_id, judged).await
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
    trail: Trail,
    request_id: &str,
    judged: Result<Permit, Refusal>,
) -> Result<(Permit, Ticket), Refusal> {
    match judged {
        Ok(permit) => match trail.permitted().await {
            Ok(ticket) => Ok((permit, ticket)),
            Err(error) => {
                tracing::error!(request.id = %request_id, %error, "refused: the journal cannot be written");
                Err(Refusal::new(Code::JournalUnavailable, request_id))
            }
        },
        Err(refusal) => {
            let refusal = Refusal {
                request_id: request_id.into(),
                native: trail.native().or(refusal.native),
                ..refusal
            };
            trail.refused(&refusal).await;
            Err(refusal)
        }
    }
}

/// Who asks, and since when of what is in force they are judged.
pub(super) struct Asker {
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
    pub(super) matter: Matter,
    pub(super) rest: Rest,
    pub(super) connector: Arc<Connector>,
    /// What the body takes of the memory that all bodies share.
    pub(super) memory: Option<Share>,
}

/// A request that may go.
pub(super) struct Cleared {
    pub(super) asker: Asker,
    pub(super) understood: Understood,
    pub(super) injection: Injection,
    pub(super) consent: Consent,
    pub(super) issued: Issued,
}

async fn stages(
    gateway: &Arc<Gateway>,
    asker: Asker,
    head: &mut Head,
    body: &mut dyn BodyReader,
    trail: &mut Trail,
) -> Result<Permit, Refusal> {
    let parts = &gateway.parts;
    // One moment for the whole request, unless it has to wait.
    let snapshot = parts.current.snapshot();
    let declared = declared_length(&head.headers);
    let started = Instant::now();
    let mut classified = classify::classify(&snapshot, head)?;
    let started = staged(gateway, Stage::Classify, started);
    headers::pass_via(&mut classified.headers, &parts.pseudonym)?;
    trail.note_classified(&classified);
    let read = read(gateway, &asker, &mut classified, (declared, body)).await;
    let (collected, memory) =
        read.inspect_err(|_| trail.note_candidates(&classified.candidates))?;
    let started = staged(gateway, Stage::Collect, started);
    trail.note_collected(&collected);
    trail.note_dropped(&classified.dropped);
    let (matter, rest, connector) = Matter::part(classified, collected);
    let understood = Understood {
        snapshot,
        matter,
        rest,
        connector,
        memory,
    };
    let (ruling, decided) = weigh(gateway, &asker, &understood);
    staged(gateway, Stage::Decide, started);
    trail.note_decided(&ruling, decided.injection());
    let cleared = match decided {
        Decided::Refused(refusal) => return Err(refusal),
        Decided::Allowed(injection) => Cleared {
            asker,
            understood,
            injection,
            consent: Consent::NotNeeded,
            issued: Issued::of(&ruling),
        },
        Decided::Asked(injection) => {
            let held = Held {
                asker,
                understood,
                ruling,
                injection,
                declared,
                request_id: head.request_id.clone(),
            };
            escalate::escalate(gateway, held, body, trail).await?
        }
    };
    cleared.permit(gateway, &head.request_id, trail.native())
}

/// Reads the body where a route reads it, and names the actions.
///
/// Memory is there before the body is, and before what is copied of it; an agent that is halted meanwhile is not waited for.
async fn read(
    gateway: &Gateway,
    asker: &Asker,
    classified: &mut Classified,
    (declared, body): (Option<usize>, &mut dyn BodyReader),
) -> Result<(Collected, Option<Share>), Refusal> {
    let bounds = gateway.parts.bounds;
    admit::check_connector_halt(gateway, classified.connector().id())?;
    let wanted = collect::wanted(classified, bounds)?;
    let mut memory = match &wanted {
        Some((_, limit)) if !body.is_empty() => {
            let room = collect::room(&classified.headers, declared, *limit);
            Some(admit::reserve(gateway, &asker.agent, room)?)
        }
        _ => None,
    };
    let who = (asker.pass, classified.connector().id());
    let reading = collect::read(classified, body, wanted);
    let read = admit::while_admitted(gateway, who, reading).await?;
    if let Some(memory) = &mut memory {
        memory.shrink_to(read.0.as_ref().map_or(0, Bytes::len));
    }
    let collected = admit::growing(gateway, &asker.agent, &mut memory, |memory| {
        collect::understand(classified, read, bounds, memory)
    })?;
    Ok((collected, memory))
}

/// Decides, and looks at what only matters once it is known what would go out.
pub(super) fn weigh(
    gateway: &Gateway,
    asker: &Asker,
    understood: &Understood,
) -> (Ruling, Decided) {
    let Understood {
        snapshot,
        matter,
        rest,
        connector,
        ..
    } = understood;
    let asking = Asking {
        agent: &asker.agent,
        keyring: &gateway.parts.keyring,
        now: gateway.parts.clock.now(),
    };
    let (ruling, decided) = decide::decide(snapshot, connector, asking, matter);
    let foreign = decided
        .injection()
        .and_then(|injection| foreign::check(matter, rest, connector, injection).err());
    match foreign {
        None => (ruling, decided),
        Some(refusal) => (ruling, Decided::Refused(refusal)),
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
            asker,
            understood,
            injection,
            consent,
            issued,
        } = self;
        let Understood {
            matter,
            mut rest,
            connector,
            memory,
            ..
        } = understood;
        let answer = match issued {
            Issued::Passes => None,
            Issued::Masked => {
                headers::keep_answer_readable(&mut rest.headers, Passes::default());
                // As it comes, and decoded.
                let room = gateway.parts.bounds.body.saturating_mul(2);
                Some(admit::reserve(gateway, &asker.agent, room)?)
            }
        };
        let outgoing = outgoing::build(&matter.target, rest, &connector, &injection);
        let origin = Origin {
            judged_at: asker.changes,
            pass: asker.pass,
            connector,
            request_id: request_id.to_owned(),
            consent,
            issued,
        };
        Ok(Permit {
            outgoing,
            standing: Arc::new(Standing::new(matter, injection, origin)),
            agent: asker.agent,
            native,
            _memory: [memory, answer],
            _stream: asker.stream,
        })
    }
}

fn declared_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
